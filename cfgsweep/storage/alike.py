"""Whether several run folders' pictures were made alike, to the last bits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.models.device import kind
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.storage.environment import LIBRARIES
from cfgsweep.storage.records import EnvironmentRecord, KindEntry, merged


class Alike:
    """What folders have in common that decides the last bits of pictures.

    Each is compared with everything that those before it have said: a model that some have not run is told by others.
    mixed: kinds of device may differ.
    """

    def __init__(self, mixed: bool = False) -> None:
        self.mixed = mixed
        self.environment: EnvironmentRecord | None = None  # of all folders so far together
        self._known: dict[str, tuple[object, Path]] = {}  # every fact, and the folder that had it first
        self._kinds: dict[DeviceKind, None] = {}  # of all folders so far

    def add(
        self,
        environment: EnvironmentRecord,
        folder: Path,
        made_on: Collection[DeviceKind] = (),
        made_with: Collection[Mapping[str, str]] = (),
    ) -> None:
        """Raises UserError where the folder's pictures were made otherwise.

        made_on, made_with: kinds of device and versions of libraries by the records of its pictures. environment.json
        has the kind on which the folder was begun and the versions of the last command, and a run can have gone on
        with others.
        """
        kinds = dict.fromkeys([*environment.all_kinds, *made_on])
        facts = [] if self.mixed else list(_kind(environment, kinds))
        for what, fact in [*facts, *_versions(made_with or [environment.versions]), *_facts(environment)]:
            before, first = self._known.setdefault(what, (fact, folder))
            if fact != before:
                allowed, hint = f"{before}, as in {first}", "`--mixed` allows it" if what.startswith("kind") else ""
                raise UserError(f"another {what}", where=str(folder), given=fact, allowed=allowed, hint=hint)
        self._kinds |= kinds
        several = [KindEntry.of(kind) for kind in self._kinds] if len(self._kinds) > 1 else None
        self.environment = merged(self.environment or environment, environment).model_copy(update={"kinds": several})


def _facts(environment: EnvironmentRecord) -> Iterator[tuple[str, object]]:
    """What is known of a folder, by its name in an error."""
    yield "dtype", environment.dtype
    for name, entry in environment.models.items():
        yield f"model for {name}", entry.runs
        if entry.fingerprint is not None:
            yield f"fingerprint of {name}", entry.fingerprint
        for size, rows in entry.batch_sizes.items():
            yield f"batch size of {name} at {size}", rows


def _versions(made_with: Collection[Mapping[str, str]]) -> Iterator[tuple[str, object]]:
    """Those of Python decide no pixels."""
    for versions in made_with:
        for library in LIBRARIES:
            if library in versions:
                yield f"version of {library}", versions[library]


def _kind(environment: EnvironmentRecord, made_on: Collection[DeviceKind]) -> Iterator[tuple[str, object]]:
    """made_on: the kinds of its pictures, if they are known."""
    for name, capability in made_on or [DeviceKind(kind(environment.device), environment.capability)]:
        yield "kind of device", name
        if capability is not None:
            yield "kind of processor", capability
