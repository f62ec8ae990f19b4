"""The plan of a sweep in numbers, without torch and without loading a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cfgsweep.engine.cost import cost
from cfgsweep.engine.cut import cut
from cfgsweep.engine.trace import numbers_of_calls
from cfgsweep.errors import UserError
from cfgsweep.evidence.controls import most_controls
from cfgsweep.execution.left_out import left_out
from cfgsweep.execution.planned_samplers import check_samplers_of_pipelines
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.models.source import Source
from cfgsweep.storage.open_run import runs_as
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.grid_shape import GridShape
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import html_table
from cfgsweep.system.wording import counted


@dataclass(frozen=True)
class PlannedShards:
    """What it takes to compute a sweep in so many shards at the same time, without what is in their folders already.

    largest: evaluations of the largest shard. evaluations: in one process.
    lost: evaluations that are taken more than once, since pictures that share them are in different shards.
    calls: the most calls of the denoiser that one picture needs, one after the other: no shard is faster than these.
    """

    count: int
    largest: int
    evaluations: int
    lost: int
    calls: int

    @classmethod
    def of(cls, experiments: Sequence[Experiment], count: int, run: Path) -> PlannedShards:
        """The shards that `run --shard` computes. run: the folder of the run."""
        pending = [
            _pending(part.experiments, ShardOf(number, count).folder(run))
            for number, part in enumerate(cut(experiments, count), 1)
        ]
        found = [cost(part).evaluations for part in pending]
        evaluations = cost(e for part in pending for e in part).evaluations
        calls = max((count for count, _ in numbers_of_calls(experiments)), default=0)
        return cls(count, max(found), evaluations, sum(found) - evaluations, calls)

    def line(self) -> str:
        faster = self.evaluations / self.largest if self.largest else 1.0
        lost = self.lost / self.evaluations if self.evaluations else 0.0
        return (
            f"in {counted(self.count, 'shard')}: {self.largest:,} evaluations each at most, {faster:.1f} times fewer; "
            f"{lost:.1%} more in all; at least {counted(self.calls, 'call')} one after the other"
        )


@dataclass(frozen=True)
class PlanSummary:
    """What `cfgsweep plan` says of a sweep.

    axes: how many values each axis has that varies.
    pending: experiments without a whole picture in the folder.
    evaluations: rows through the denoiser for the pending experiments; evaluations_unshared without prefix sharing.
    controls: how many pictures `compare` adds at most, and their evaluations.
    shards: what it takes in parts that are computed apart, where that was asked for.
    """

    name: str
    axes: dict[str, int]
    experiments: int
    pending: int
    evaluations: int
    evaluations_unshared: int
    cautions: list[str]
    shape: str  # in words: which axes multiply, and which follow others
    controls: int = 0
    control_evaluations: int = 0
    shards: PlannedShards | None = None

    def as_json(self) -> dict[str, object]:
        """The numbers, the names of the axes and the cautions."""
        left_out = {"shape"} if self.shards else {"shape", "shards"}
        return {key: value for key, value in asdict(self).items() if key not in left_out}

    def lines(self) -> list[str]:
        numbers = (f"  {name:<15} {number:>8,}{f'   ({note})' if note else ''}" for name, number, note in self._rows())
        shards = [f"  {self.shards.line()}"] if self.shards else []
        return [self._heading(), *numbers, *shards, *(f"  NOTICE: {caution}" for caution in self.cautions)]

    def _heading(self) -> str:
        return f"{self.name}: {self.shape}"

    def _rows(self) -> list[tuple[str, int, str]]:
        saved = 1 - self.evaluations / self.evaluations_unshared if self.evaluations_unshared else 0.0
        rows = [
            ("experiments", self.experiments, ""),
            ("done already", self.experiments - self.pending, ""),
            ("to do", self.pending, ""),
            ("evaluations", self.evaluations, ""),
            ("without sharing", self.evaluations_unshared, f"{saved:.0%} saved"),
        ]
        note = f"at most, for `compare`, with {self.control_evaluations:,} evaluations"
        return rows + ([("controls", self.controls, note)] if self.controls else [])

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cautions = [("NOTICE", caution, "") for caution in self.cautions]
        numbers = [(name, f"{number:,}", note) for name, number, note in self._rows()]
        return html_table([*numbers, *cautions], caption=self._heading())


def summarise_plan(sweep: Sweep, folder: Path, model: str | None = None, shards: int | None = None) -> PlanSummary:
    """Count experiments and evaluations; those whose pictures are in the folder are done.

    shards: in how many parts they are to be computed.
    """
    run = RunFolder(folder)
    experiments = expand(sweep, runs_as=runs_as(sweep, run, model))
    if (shard := run.shard()) is not None:
        experiments = shard.of(experiments)
    done = run.done(experiments)
    pending = [e for e in experiments if e.id not in done] if done else experiments
    to_do = cost(pending)
    check_samplers_of_pipelines(pending)
    shape = GridShape.of(experiments)
    controls, of_controls = most_controls(sweep.compare, experiments) if sweep.compare else (0, 0)
    return PlanSummary(
        name=sweep.name,
        axes=shape.counts,
        experiments=len(experiments),
        pending=len(pending),
        evaluations=to_do.evaluations,
        evaluations_unshared=to_do.unshared,
        controls=controls,
        shards=PlannedShards.of(experiments, shards, folder) if shards else None,
        control_evaluations=of_controls,
        cautions=[*cautions(experiments, sweep.previews), *left_out(sweep, experiments), *_missing_models(experiments)],
        shape=str(shape),
    )


def _pending(experiments: Sequence[Experiment], folder: Path) -> list[Experiment]:
    done = RunFolder(folder).done(experiments)
    return [e for e in experiments if e.id not in done]


def _missing_models(experiments: Iterable[Experiment]) -> Iterator[str]:
    """A sentence for every model that is not here: a plan may be made for another machine."""
    for name, revision in dict.fromkeys((e.model, e.revision) for e in experiments):
        try:
            Source.of(name, revision, allow_pickle=True)
        except UserError as error:
            hint = f"; {error.hint}" if error.hint else ""
            yield f"{name}: {error.problem}{hint}"
