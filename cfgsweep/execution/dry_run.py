"""The plan of a sweep in numbers, without torch and without loading a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cfgsweep.engine.cost import cost
from cfgsweep.errors import UserError
from cfgsweep.evidence.controls import most_controls
from cfgsweep.execution.known_batches import KnownBatches
from cfgsweep.execution.left_out import left_out
from cfgsweep.execution.planned_parts import PlannedParts
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


@dataclass(frozen=True)
class PlanSummary:
    """What `cfgsweep plan` says of a sweep.

    axes: how many values each axis has that varies.
    pending: experiments without a whole picture in the folder.
    evaluations: rows through the denoiser for the pending experiments; evaluations_unshared without prefix sharing.
    controls: how many pictures `compare` adds at most, and their evaluations.
    shards, gpus: what it takes in parts that are computed at the same time, where that was asked for.
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
    shards: PlannedParts | None = None
    gpus: PlannedParts | None = None

    def as_json(self) -> dict[str, object]:
        """The numbers, the names of the axes and the cautions."""
        parts = {"shards": self.shards, "gpus": self.gpus}
        numbers = {key: value for key, value in asdict(self).items() if key not in ("shape", *parts)}
        return numbers | {key: part.as_json() for key, part in parts.items() if part}

    def lines(self) -> list[str]:
        numbers = (f"  {name:<15} {number:>8,}{f'   ({note})' if note else ''}" for name, number, note in self._rows())
        parts = (f"  {line}" for part in (self.shards, self.gpus) if part for line in part.lines())
        return [self._heading(), *numbers, *parts, *(f"  NOTICE: {caution}" for caution in self.cautions)]

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


def summarise_plan(
    sweep: Sweep,
    folder: Path,
    model: str | None = None,
    shards: int | None = None,
    gpus: int | None = None,
    batch_size: int | None = None,
    batch_seconds: float | None = None,
) -> PlanSummary:
    """Count experiments and evaluations; those whose pictures are in the folder are done.

    shards, gpus: in how many parts they are to be computed. batch_size, batch_seconds: of a batch, instead of what the
    folder knows.
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
    known = KnownBatches(_folders(run) if shards or gpus else (), batch_size, batch_seconds)
    controls, of_controls = most_controls(sweep.compare, experiments) if sweep.compare else (0, 0)
    return PlanSummary(
        name=sweep.name,
        axes=shape.counts,
        experiments=len(experiments),
        pending=len(pending),
        evaluations=to_do.evaluations,
        evaluations_unshared=to_do.unshared,
        controls=controls,
        shards=PlannedParts.in_shards(experiments, shards, folder, known) if shards else None,
        gpus=PlannedParts.on_gpus(pending, gpus, known) if gpus else None,
        control_evaluations=of_controls,
        cautions=[*cautions(experiments, sweep.previews), *left_out(sweep, experiments), *_missing_models(experiments)],
        shape=str(shape),
    )


def _folders(run: RunFolder) -> list[RunFolder]:
    """The run's folder, and those of its shards."""
    return [run, *(RunFolder(path) for path in sorted(run.shards.glob("*-of-*")) if ShardOf.named(path))]


def _missing_models(experiments: Iterable[Experiment]) -> Iterator[str]:
    """A sentence for every model that is not here: a plan may be made for another machine."""
    for name, revision in dict.fromkeys((e.model, e.revision) for e in experiments):
        try:
            Source.of(name, revision, allow_pickle=True)
        except UserError as error:
            hint = f"; {error.hint}" if error.hint else ""
            yield f"{name}: {error.problem}{hint}"
