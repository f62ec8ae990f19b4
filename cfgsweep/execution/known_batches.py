"""How large the batches of a sweep's pictures are and how long one takes, as far as that is known before a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cfgsweep.models.device import BATCH_SIZES
from cfgsweep.storage.records import EnvironmentRecord, size_key
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.fields import Size

N = TypeVar("N", int, float)


@dataclass(frozen=True)
class Batch:
    """rows: of every call of the denoiser. seconds: until the next one; None where that was not measured."""

    rows: int
    seconds: float | None


class KnownBatches:
    """What was given; else what a run folder has settled and measured; else the default on GPUs, and no time.

    folders: of the sweep; the first of them that has measured a batch counts.
    """

    def __init__(self, folders: Iterable[RunFolder] = (), rows: int | None = None, seconds: float | None = None):
        self.rows, self.seconds = rows, seconds
        self.folder: RunFolder | None = None
        self._environment: EnvironmentRecord | None = None
        for folder in folders:
            found = folder.environment()
            if found is not None and (self._environment is None or not _has_time(self._environment)):
                self.folder, self._environment = folder, found

    @property
    def source(self) -> str:
        """Where the time of a batch is from, in words."""
        if self.seconds is not None or self.folder is None or self._environment is None:
            return "as given"
        name = self._environment.device_name or self._environment.device
        return f"as measured in {self.folder.folder} on {name}"

    def of(self, model: str, size: Size) -> Batch:
        """Of the model's pictures of this size; None is the native size."""
        entries = self._environment.models.values() if self._environment else ()
        rows, seconds = self.rows, self.seconds
        for entry in entries:
            if entry.runs == model:
                rows = rows or _for_size(entry.batch_sizes, size) or entry.batch_size
                seconds = seconds or _for_size(entry.batch_seconds or {}, size)
        return Batch(rows or BATCH_SIZES[0], seconds)

    def by_kind(self, experiments: Sequence[Experiment]) -> Iterator[tuple[list[Experiment], Batch]]:
        """Experiments of one model and size, which are computed together, and what their batches are."""
        kinds: dict[tuple[str, Size], list[Experiment]] = {}
        for e in experiments:
            kinds.setdefault((e.model, e.size or e.native_size), []).append(e)
        for (model, size), members in kinds.items():
            yield members, self.of(model, size)


def _has_time(environment: EnvironmentRecord) -> bool:
    return any(entry.batch_seconds for entry in environment.models.values())


def _for_size(known: Mapping[str, N], size: Size) -> N | None:
    """The number for pictures of this size; the only one there is, where the native size is not known here."""
    if size is not None:
        return known.get(size_key(*size))
    return next(iter(known.values())) if len(known) == 1 else None
