"""What a run folder's pictures are made with. It is kept, so that later pictures are made the same way."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version

from cfgsweep.errors import UserError
from cfgsweep.models import device as devices
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.storage.records import EnvironmentRecord, ModelEntry
from cfgsweep.system.display import Display

LIBRARIES = ("cfgsweep", "torch", "diffusers", "transformers", "pillow")
ELSEWHERE = "leave the flag out, or name another folder with --out"


class Environment:
    """The content of environment.json.

    found: as the folder had it, None in a new one. command: the command line, for environment.json.
    """

    def __init__(self, found: EnvironmentRecord | None, display: Display, command: str = "python"):
        self.found, self.display, self.command = found, display, command
        self.models: dict[str, ModelEntry] = dict(found.models) if found else {}

    def settle_compute(self, device: str, dtype: str) -> devices.Compute:
        """The device and dtype that were given; with `auto` those of the folder, where the machine has them.

        Raises UserError where the folder was made with others.
        """
        before = self.found.device if self.found else None
        kept_dtype = self.found.dtype if self.found else None
        dtype = devices.usable_dtype(device, dtype, self.display.notice)
        self._refuse_other("--device", device if device != "auto" else None, before)
        self._refuse_other("--dtype", dtype if dtype != "auto" else None, kept_dtype)
        if before and kept_dtype and device == "auto" and before.split(":")[0] in ("cpu", devices.accelerator()):
            device, dtype = before, kept_dtype
        compute = devices.choose(device, dtype)
        if before and compute.device != before:
            self.display.notice(
                f"this run was begun on {before}, which is not here; it goes on on {compute.device}, "
                "and new pictures may differ from those there in their last bits"
            )
        return compute

    def settle_batch_size(self, model: str, given: int | None, compute: devices.Compute) -> int | None:
        """The model's batch shape: the one given, or the folder's on this device; None where neither is known.

        Raises UserError where the folder has another than the one given.
        """
        same_device = self.found is not None and self.found.device == compute.device
        sizes = [known.batch_size for known in self.models.values() if known.runs == model and same_device]
        before = sizes[0] if sizes else None
        self._refuse_other("--batch-size", given, before)
        return given or before

    def _refuse_other(self, flag: str, given: object, before: object) -> None:
        if given is not None and before is not None and given != before:
            raise UserError("this run was made otherwise", where=flag, given=given, allowed=str(before), hint=ELSEWHERE)

    def note_model(self, names: Iterable[str], denoiser: Denoiser, batch_size: int) -> None:
        """Note which model runs under these names. Raises UserError where its weights are not those of this folder."""
        fingerprint = denoiser.fingerprint()
        for known in self.models.values():
            if known.runs == denoiser.name and known.fingerprint not in (None, fingerprint):
                raise UserError(
                    "the model has changed since this run was made",
                    where=denoiser.name,
                    given=fingerprint,
                    allowed=str(known.fingerprint),
                    hint="name another folder with --out",
                )
        entry = ModelEntry(runs=denoiser.name, fingerprint=fingerprint, batch_size=batch_size)
        self.models |= dict.fromkeys(names, entry)

    def as_json(self, compute: devices.Compute) -> dict[str, object]:
        """The fields of environment.json as they are now."""
        return {
            "command": self.command,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
            "platform": platform.platform(),
            "device": compute.device,
            "device_name": devices.describe(compute),
            "dtype": compute.dtype_name,
            "threads": 1 if compute.device == "cpu" else None,
            "workers": compute.workers,
            "models": {name: entry.model_dump() for name, entry in self.models.items()},
        }
