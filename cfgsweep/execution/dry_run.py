"""What a sweep would run and cost, and what a run folder holds, without torch and without a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from cfgsweep.config.yaml_io import Document
from cfgsweep.engine.cost import cost
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.storage.open_run import runs_as
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.titles import varying
from cfgsweep.system.display import html_table


@dataclass(frozen=True)
class PlanSummary:
    """The answer of `cfgsweep plan`. Evaluations are rows through the denoiser, still to be done."""

    name: str
    axes: dict[str, int]
    experiments: int
    pending: int
    evaluations: int
    evaluations_unshared: int
    cautions: list[str]

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def lines(self) -> list[str]:
        grid = " x ".join(f"{count} {name}" for name, count in self.axes.items()) or "one cell"
        saved = 1 - self.evaluations / self.evaluations_unshared if self.evaluations_unshared else 0.0
        return [
            f"{self.name}: {grid}",
            f"  experiments   {self.experiments:>10,}",
            f"  done already  {self.experiments - self.pending:>10,}",
            f"  to do         {self.pending:>10,}",
            f"  evaluations   {self.evaluations:>10,}",
            f"  without sharing {self.evaluations_unshared:>8,}   ({saved:.0%} saved)",
            *(f"  NOTICE: {caution}" for caution in self.cautions),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self.lines()
        return html_table((row.strip().rsplit("  ", 1) for row in rows), caption=head)


def summarise_plan(sweep: Sweep, document: Document, folder: Path, model: str | None = None) -> PlanSummary:
    """Count experiments and evaluations; those whose pictures are in the folder are done."""
    run = RunFolder(folder)
    experiments = expand(sweep, document, runs_as(sweep, run, model))
    done = run.done(experiments)
    pending = [e for e in experiments if e.id not in done] if done else experiments
    to_do = cost(pending)
    axes = {name: len({getattr(e, name) for e in experiments}) for name in varying(experiments)}
    return PlanSummary(
        sweep.name, axes, len(experiments), len(pending), to_do.evaluations, to_do.unshared, cautions(experiments)
    )
