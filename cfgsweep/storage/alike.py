"""Whether several run folders' pictures were made alike, to the last bits, by what their environment.json says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.models.device import kind
from cfgsweep.storage.environment import LIBRARIES
from cfgsweep.storage.records import EnvironmentRecord, merged


class Alike:
    """What folders have in common that decides the last bits of pictures.

    Each is compared with everything that those before it have said: a model that some have not run is told by others.
    """

    def __init__(self) -> None:
        self.environment: EnvironmentRecord | None = None  # of all folders so far together
        self._known: dict[str, tuple[object, Path]] = {}  # every fact, and the folder that had it first

    def add(self, environment: EnvironmentRecord, folder: Path) -> None:
        """Raises UserError where the folder's pictures were made otherwise."""
        for what, fact in _facts(environment):
            before, first = self._known.setdefault(what, (fact, folder))
            if fact != before:
                raise UserError(f"another {what}", where=str(folder), given=fact, allowed=f"{before}, as in {first}")
        self.environment = merged(self.environment, environment) if self.environment else environment


def _facts(environment: EnvironmentRecord) -> Iterator[tuple[str, object]]:
    """What is known of a folder, by its name in an error."""
    yield "kind of device", environment.device_name or kind(environment.device)
    yield "dtype", environment.dtype
    if environment.capability is not None:
        yield "kind of processor", environment.capability
    for library in LIBRARIES:
        if library in environment.versions:
            yield f"version of {library}", environment.versions[library]
    for name, entry in environment.models.items():
        yield f"model for {name}", entry.runs
        if entry.fingerprint is not None:
            yield f"fingerprint of {name}", entry.fingerprint
        for size, rows in entry.batch_sizes.items():
            yield f"batch size of {name} at {size}", rows
