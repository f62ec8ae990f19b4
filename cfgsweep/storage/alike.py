"""Whether several run folders' pictures were made alike, to the last bits, by what their environment.json says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.models.device import kind
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

    def add(self, environment: EnvironmentRecord, folder: Path) -> None:
        """Raises UserError where the folder's pictures were made otherwise."""
        for what, fact in _facts(environment, self.mixed):
            before, first = self._known.setdefault(what, (fact, folder))
            if fact != before:
                raise UserError(f"another {what}", where=str(folder), given=fact, allowed=f"{before}, as in {first}")
        self.environment = self._together(environment)

    def _together(self, environment: EnvironmentRecord) -> EnvironmentRecord:
        before = self.environment or environment
        kinds = dict.fromkeys([*before.all_kinds, *environment.all_kinds])
        several = [KindEntry.of(kind) for kind in kinds] if self.mixed and len(kinds) > 1 else before.kinds
        return merged(before, environment).model_copy(update={"kinds": several})


def _facts(environment: EnvironmentRecord, mixed: bool) -> Iterator[tuple[str, object]]:
    """What is known of a folder, by its name in an error."""
    if not mixed:
        yield from _kind(environment)
    yield "dtype", environment.dtype
    for library in LIBRARIES:
        if library in environment.versions:
            yield f"version of {library}", environment.versions[library]
    for name, entry in environment.models.items():
        yield f"model for {name}", entry.runs
        if entry.fingerprint is not None:
            yield f"fingerprint of {name}", entry.fingerprint
        for size, rows in entry.batch_sizes.items():
            yield f"batch size of {name} at {size}", rows


def _kind(environment: EnvironmentRecord) -> Iterator[tuple[str, object]]:
    if environment.kinds:
        yield "kind of device", " and ".join(map(str, environment.all_kinds))
        return
    yield "kind of device", environment.device_name or kind(environment.device)
    if environment.capability is not None:
        yield "kind of processor", environment.capability
