"""What a sweep takes when parts of it are computed at the same time, without torch and without loading a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cfgsweep.engine.cost import cost
from cfgsweep.engine.cut import cut
from cfgsweep.engine.trace import numbers_of_calls
from cfgsweep.engine.units import loads, units_for
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.wording import counted


@dataclass(frozen=True)
class PlannedParts:
    """Evaluations of parts that are computed at the same time.

    unit: what the parts are. largest: evaluations of the largest part. evaluations: of all in one process.
    lost: evaluations that are taken more than once, since pictures that share them are in different parts.
    calls: the most calls of the denoiser that one picture needs, one after the other: no part has fewer batches.
    """

    unit: str
    count: int
    largest: int
    evaluations: int
    lost: int
    calls: int

    @classmethod
    def in_shards(cls, experiments: Sequence[Experiment], count: int, run: Path) -> PlannedParts:
        """The shards of `run --shard`, without what is in their folders already. run: the folder of the run."""
        parts = [
            _pending(part.experiments, ShardOf(number, count).folder(run))
            for number, part in enumerate(cut(experiments, count), 1)
        ]
        return cls._of("shard", parts, [cost(part).evaluations for part in parts])

    @classmethod
    def on_gpus(cls, pending: Sequence[Experiment], count: int) -> PlannedParts:
        """What is missing, as `run --gpus` gives it out: in units, the largest first, each to the next idle GPU."""
        units = units_for(pending, count)
        return cls._of("GPU", [unit.experiments for unit in units], loads(units, count))

    @classmethod
    def _of(cls, unit: str, parts: Iterable[Sequence[Experiment]], loads: Sequence[int]) -> PlannedParts:
        every = [e for part in parts for e in part]
        evaluations = cost(every).evaluations
        calls = max((calls for calls, _ in numbers_of_calls(every)), default=0)
        return cls(unit, len(loads), max(loads), evaluations, sum(loads) - evaluations, calls)

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        del found["unit"]
        return found

    def line(self) -> str:
        faster = self.evaluations / self.largest if self.largest else 1.0
        lost = self.lost / self.evaluations if self.evaluations else 0.0
        where = "in" if self.unit == "shard" else "on"
        return (
            f"{where} {counted(self.count, self.unit)}: {self.largest:,} evaluations each at most, {faster:.1f} times "
            f"fewer; {lost:.1%} more in all; at least {counted(self.calls, 'call')} one after the other"
        )


def _pending(experiments: Sequence[Experiment], folder: Path) -> list[Experiment]:
    done = RunFolder(folder).done(experiments)
    return [e for e in experiments if e.id not in done]
