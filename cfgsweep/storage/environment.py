"""What a run folder's pictures are made with. It is kept, so that later pictures are made the same way."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version

from cfgsweep.errors import UserError
from cfgsweep.models.device import Compute, kind, usable_dtype
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.machine import Machine
from cfgsweep.storage.records import DoneRecord, EnvironmentRecord, KindEntry, ModelEntry, size_key
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.system.display import Display

LIBRARIES = ("cfgsweep", "torch", "diffusers", "transformers", "pillow")
SAMPLED_DIGITS = 16  # of the fingerprints of version 0.1
MAY_DIFFER = "new pictures may differ from those there in their last bits"
ELSEWHERE = "leave the flag out, or name another folder with --out"


@cache
def versions() -> dict[str, str]:
    """Of Python, and of the libraries that decide pixels."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def recorded_command(command: str) -> str:
    """A command line as environment.json has it: names of files may be no UTF-8."""
    return command.encode(errors="backslashreplace").decode()


class Environment:
    """The content of environment.json.

    found: as the folder had it, None in a new one. command: the command line, for environment.json.
    shard: which part of its sweep the folder is, if it is one. machine: that computes, if not this one.
    mixed: whether pictures may be of several kinds of device; they may also where the folder has such ones.
    """

    def __init__(
        self,
        found: EnvironmentRecord | None,
        display: Display,
        command: str = "python",
        shard: ShardOf | None = None,
        machine: Machine | None = None,
        mixed: bool = False,
    ):
        self.mixed = mixed or bool(found and found.kinds)
        self.kinds = list(found.all_kinds) if found and self.mixed else []
        self.found, self.display, self.shard, self.machine = found, display, shard, machine or Machine()
        self.command = recorded_command(command)
        self.models: dict[str, ModelEntry] = dict(found.models) if found else {}

    def settle_compute(self, device: str, dtype: str) -> Compute:
        """The device and dtype that were given; with `auto` those of the folder, where the machine has them.

        Raises UserError where the folder was made with others.
        """
        before, kept_dtype = (self.found.device, self.found.dtype) if self.found else (None, None)
        dtype = usable_dtype(device, dtype, self.display.notice)
        if before and device != "auto" and kind(device) != kind(before):
            self._refuse_other("--device", device, before)
        self._refuse_other("--dtype", dtype if dtype != "auto" else None, kept_dtype)
        if before and kept_dtype and device == "auto" and (here := self.machine.here_like(before)):
            device, dtype = here, kept_dtype
        compute = self.machine.choose(device, dtype)
        if self.found and not self._is_alike(compute):
            self.display.notice(
                f"this run was begun on {before}, which is not here; it goes on on {compute.device}, and {MAY_DIFFER}"
            )
        return compute

    def _is_alike(self, compute: Compute) -> bool:
        """Was the folder begun on a device of the same kind?"""
        return self.found is not None and kind(self.found.device) == kind(compute.device)

    def begun_on(self, compute: Compute) -> DeviceKind:
        """With what the folder was begun, where its device is as this one; in a new folder what computes now."""
        here = self.machine.kind(compute)
        if self.found is None or not self._is_alike(compute):
            return here
        name = self.found.device_name or here.name
        return DeviceKind(name, self.found.capability or (here.capability if name == here.name else None))

    def other_kind(self, compute: Compute) -> str | None:
        """A sentence where a folder of one kind was begun on another kind of device than computes now."""
        before, now = self.begun_on(compute), self.machine.kind(compute)
        if before == now or self.mixed:
            return None
        return f"this run was begun on {before}; here it is {now}, and {MAY_DIFFER}"

    def other_versions(self) -> str | None:
        """A sentence where the last command in the folder had other versions of what decides pixels than there are."""
        before, now = self.found.versions if self.found else {}, versions()
        names = [name for name in LIBRARIES if before.get(name, now[name]) != now[name]]
        if not names:
            return None
        made, here = (", ".join(f"{name} {known[name]}" for name in names) for known in (before, now))
        return f"this run was last computed with {made}, here is {here}: {MAY_DIFFER}"

    def note_kind(self, kind: DeviceKind) -> bool:
        """Note a kind that makes pictures of a mixed folder. False where it is known, or the folder is not mixed."""
        if not self.mixed or kind in self.kinds:
            return False
        self.kinds.append(kind)
        return True

    def check_batch_size(self, model: str, given: int | None, compute: Compute) -> None:
        """Raises UserError where the folder has pictures of the model with another batch size on this device."""
        before = {size for known in self._entries(model, compute) for size in known.known_batch_sizes}
        if given is not None and before - {given}:
            self._refuse_other("--batch-size", given, ", ".join(map(str, sorted(before))))

    def batch_size(self, model: str, size: tuple[int, int], compute: Compute) -> int | None:
        """The batch size of the folder's pictures of this size (width, height) on this device, None without any."""
        found = [known.batch_sizes.get(size_key(*size), known.batch_size) for known in self._entries(model, compute)]
        return next((rows for rows in found if rows is not None), None)

    def _entries(self, model: str, compute: Compute) -> list[ModelEntry]:
        other_device = self.found is not None and not self._is_alike(compute)
        return [] if other_device else [known for known in self.models.values() if known.runs == model]

    def _refuse_other(self, flag: str, given: object, before: object) -> None:
        if given is not None and before is not None and given != before:
            raise UserError("this run was made otherwise", where=flag, given=given, allowed=str(before), hint=ELSEWHERE)

    def note_model(self, names: Iterable[str], model: str, fingerprint: str, sampled: Callable[[], str]) -> None:
        """Note which model runs under these names. Raises UserError where its files are not those of this folder.

        sampled: gives the model's fingerprint as version 0.1 has it, for a folder of that version.
        """
        entries = {name: known for name, known in self.models.items() if known.runs == model}
        for known in entries.values():
            if known.fingerprint is None:
                continue
            found = sampled() if len(known.fingerprint) == SAMPLED_DIGITS else fingerprint
            if known.fingerprint != found:
                raise UserError(
                    "the model has changed since this run was made",
                    where=model,
                    given=found,
                    allowed=known.fingerprint,
                    hint="name another folder with --out",
                )
        before = next(iter(entries.values()), ModelEntry(runs=model))
        entry = before.model_copy(update={"fingerprint": fingerprint})
        self.models |= dict.fromkeys([*names, *entries], entry)

    def row_bytes(self, model: str, size: tuple[int, int], compute: Compute) -> int | None:
        """What a row of pictures of this size takes on this device, None where it was not measured."""
        found = [(known.row_bytes or {}).get(size_key(*size)) for known in self._entries(model, compute)]
        return next((taken for taken in found if taken is not None), None)

    def note_row_bytes(self, model: str, size: tuple[int, int], taken: int) -> None:
        """Note what a row of pictures of this size (width, height) was measured to take."""
        self._note(model, "row_bytes", size, taken)

    def note_batch_size(self, model: str, size: tuple[int, int], batch_size: int) -> None:
        """Note the batch size of a model's pictures of this size (width, height)."""
        self._note(model, "batch_sizes", size, batch_size)

    def note_batch_seconds(self, model: str, size: tuple[int, int], seconds: float) -> None:
        """Note what a batch of pictures of this size (width, height) was measured to take."""
        self._note(model, "batch_seconds", size, float(f"{seconds:.3g}"))

    def _note(self, model: str, field: str, size: tuple[int, int], number: float) -> None:
        for name, known in self.models.items():
            if known.runs == model:
                sizes = {**(getattr(known, field) or {}), size_key(*size): number}
                self.models[name] = known.model_copy(update={field: sizes})

    def difference(self, record: DoneRecord, theirs: EnvironmentRecord | None, compute: Compute) -> str | None:
        """How a picture of another folder was made otherwise than this folder's are; None where no way is known.

        theirs: environment.json of the other folder, for records that have no fingerprints.
        """
        if (kind(record.device), record.dtype) != (kind(compute.device), compute.dtype_name):
            return f"on {record.device} in {record.dtype}, here on {compute.device} in {compute.dtype_name}"
        rows = self.batch_size(record.model, record.size, compute)
        if rows not in (None, record.batch_size):
            return f"in batches of {record.batch_size} rows, here of {rows}"
        own = _fingerprints(self.models)
        made = _fingerprints_of(record, theirs)
        changed = [name for name in sorted(made) if own.get(name) and made[name] and own[name] != made[name]]
        return f"by another {changed[0]}" if changed else None

    def adopt(self, record: DoneRecord, theirs: EnvironmentRecord | None, compute: Compute) -> None:
        """Note how a picture that is copied into this folder was made, where nothing was known of it before."""
        for name, fingerprint in _fingerprints_of(record, theirs).items():
            entries = {key: known for key, known in self.models.items() if known.runs == name}
            for key, known in (entries or {name: ModelEntry(runs=name)}).items():
                self.models[key] = known.model_copy(update={"fingerprint": known.fingerprint or fingerprint})
        if self.batch_size(record.model, record.size, compute) is None:
            self.note_batch_size(record.model, record.size, record.batch_size)

    def as_json(self, compute: Compute) -> dict[str, object]:
        """The fields of environment.json as they are now."""
        begun_on = self.begun_on(compute)
        return {
            "command": self.command,
            **({"shard": str(self.shard)} if self.shard else {}),
            "versions": versions(),
            "platform": platform.platform(),
            "device": compute.device,
            "device_name": begun_on.name,
            "capability": begun_on.capability,
            **({"kinds": [KindEntry.of(kind).model_dump() for kind in self.kinds]} if self.kinds else {}),
            "dtype": compute.dtype_name,
            "threads": 1 if compute.device == "cpu" else None,
            "workers": compute.workers,
            "models": {name: entry.model_dump(exclude_none=True) for name, entry in self.models.items()},
        }


def _fingerprints(models: Mapping[str, ModelEntry]) -> dict[str, str]:
    """The known fingerprints by the names of the models that ran."""
    return {known.runs: known.fingerprint for known in models.values() if known.fingerprint is not None}


def _fingerprints_of(record: DoneRecord, environment: EnvironmentRecord | None) -> dict[str, str | None]:
    """Of the models that predicted for a picture; those that its record lacks are taken from its environment.json."""
    known = _fingerprints(environment.models) if environment else {}
    return {record.model: known.get(record.model), **record.fingerprints}
