"""What a sweep takes when parts of it are computed at the same time, without torch and without loading a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cfgsweep.engine.cost import cost
from cfgsweep.engine.cut import cut
from cfgsweep.engine.units import batches_of, least_batches, loads, longest_way, units_for
from cfgsweep.execution.known_batches import Batch, KnownBatches
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.wording import counted, duration


@dataclass(frozen=True)
class Work:
    """What some experiments take. batches: at least. seconds: None where no batch was measured."""

    evaluations: int = 0
    batches: int = 0
    seconds: float | None = 0.0

    @classmethod
    def of(cls, evaluations: int, batches: int, batch: Batch) -> Work:
        return cls(evaluations, batches, None if batch.seconds is None else batches * batch.seconds)

    def __add__(self, other: Work) -> Work:
        unknown = self.seconds is None or other.seconds is None
        seconds = None if unknown else (self.seconds or 0.0) + (other.seconds or 0.0)
        return Work(self.evaluations + other.evaluations, self.batches + other.batches, seconds)


@dataclass(frozen=True)
class PlannedParts:
    """Parts that are computed at the same time.

    unit: what the parts are. largest: evaluations of the largest part. evaluations: of all in one process.
    lost: evaluations that are taken more than once, since pictures that share them are in different parts.
    calls: the most calls of the denoiser that one picture needs, one after the other: no part has fewer batches.
    batches: of the part that has most of them, at least. batches_in_one: of one process.
    seconds, seconds_in_one: of these batches; None where no batch was measured. source: where the measure is from.
    batch_sizes: rows of the batches. there: pictures that the parts have already.
    """

    unit: str
    count: int
    largest: int
    evaluations: int
    lost: int
    calls: int
    batches: int
    batches_in_one: int
    seconds: float | None
    seconds_in_one: float | None
    batch_sizes: tuple[int, ...]
    source: str
    there: int

    @classmethod
    def in_shards(cls, experiments: Sequence[Experiment], count: int, run: Path, known: KnownBatches) -> PlannedParts:
        """The shards of `run --shard`, without what is in their folders already. run: the folder of the run."""
        parts = [
            _pending(part.experiments, ShardOf(number, count).folder(run))
            for number, part in enumerate(cut(experiments, count), 1)
        ]
        there = len(experiments) - sum(map(len, parts))
        works = [_work(part, known) for part in parts]
        most = max(works, key=lambda work: (work.seconds or 0.0, work.batches))
        busiest = replace(most, evaluations=max(work.evaluations for work in works))
        every = [e for part in parts for e in part]
        return cls._of("shard", count, every, busiest, sum(work.evaluations for work in works), known, there)

    @classmethod
    def on_gpus(cls, pending: Sequence[Experiment], count: int, known: KnownBatches) -> PlannedParts:
        """What is missing, as `run --gpus` gives it out: in units, the largest first, each to the next idle GPU."""
        busiest, total = Work(), 0
        for experiments, batch in known.by_kind(pending):
            units = units_for(experiments, count, batch.rows)
            evaluations = loads([unit.evaluations for unit in units], count)
            batches = max(loads(batches_of(units, batch.rows), count))
            busiest += Work.of(max(evaluations), batches, batch)
            total += sum(evaluations)
        return cls._of("GPU", count, pending, busiest, total, known)

    @classmethod
    def _of(
        cls,
        unit: str,
        count: int,
        every: Sequence[Experiment],
        busiest: Work,
        total: int,
        known: KnownBatches,
        there: int = 0,
    ) -> PlannedParts:
        """total: evaluations of all parts together. there: pictures that parts have already."""
        alone = _work(every, known)
        return cls(
            unit=unit,
            count=count,
            largest=busiest.evaluations,
            evaluations=alone.evaluations,
            lost=total - alone.evaluations,
            calls=longest_way(every),
            batches=busiest.batches,
            batches_in_one=alone.batches,
            seconds=busiest.seconds,
            seconds_in_one=alone.seconds,
            batch_sizes=tuple(dict.fromkeys(batch.rows for _, batch in known.by_kind(every))),
            source=known.source,
            there=there,
        )

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        del found["unit"], found["source"], found["there"]
        return found

    def lines(self) -> list[str]:
        where = "in" if self.unit == "shard" else "on"
        parts = f"{where} {counted(self.count, self.unit)}"
        if not self.evaluations:
            return [f"{parts}: nothing is left to compute"]
        if self.there:
            parts += f", which have {counted(self.there, 'picture')} already"
        lost = self.lost / self.evaluations
        return [
            f"{parts}: {self.largest:,} evaluations each at most, "
            f"{_ratio(self.evaluations, self.largest)} times fewer; {lost:.1%} more in all",
            f"  in batches of {' and '.join(map(str, self.batch_sizes))} rows: about {self.batches:,} each, "
            f"{self.batches_in_one:,} {where} one: {_ratio(self.batches_in_one, self.batches)} times as fast; "
            f"never fewer than {self.calls:,}, the calls of one picture",
            f"  {self._time()}",
        ]

    def _time(self) -> str:
        if self.seconds is None or self.seconds_in_one is None:
            return "in time: no batch was measured yet; `run --limit 4` measures one, or give --batch-seconds"
        where = "in" if self.unit == "shard" else "on"
        each = self.seconds / self.batches
        return (
            f"in time: about {duration(self.seconds)}, {duration(self.seconds_in_one)} {where} one, "
            f"at {each:,.{0 if each >= 10 else 2}f} s a batch, {self.source}"
        )


def _work(experiments: Sequence[Experiment], known: KnownBatches) -> Work:
    """Of one process that computes all of them."""
    found = Work()
    for members, batch in known.by_kind(experiments):
        evaluations = cost(members).evaluations
        found += Work.of(evaluations, least_batches(evaluations, longest_way(members), batch.rows), batch)
    return found


def _ratio(more: int, fewer: int) -> str:
    return f"{more / fewer if fewer else 1.0:.1f}"


def _pending(experiments: Iterable[Experiment], folder: Path) -> list[Experiment]:
    experiments = list(experiments)
    done = RunFolder(folder).done(experiments)
    return [e for e in experiments if e.id not in done]
