"""What a sweep would run and cost, and what a run folder holds, without torch and without a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

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
        numbers = (f"  {name:<15} {number:>8,}{f'   ({note})' if note else ''}" for name, number, note in self._rows())
        return [self._heading(), *numbers, *(f"  NOTICE: {caution}" for caution in self.cautions)]

    def _heading(self) -> str:
        grid = " x ".join(f"{count} {name}" for name, count in self.axes.items()) or "one cell"
        return f"{self.name}: {grid}"

    def _rows(self) -> list[tuple[str, int, str]]:
        saved = 1 - self.evaluations / self.evaluations_unshared if self.evaluations_unshared else 0.0
        return [
            ("experiments", self.experiments, ""),
            ("done already", self.experiments - self.pending, ""),
            ("to do", self.pending, ""),
            ("evaluations", self.evaluations, ""),
            ("without sharing", self.evaluations_unshared, f"{saved:.0%} saved"),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cautions = [("NOTICE", caution, "") for caution in self.cautions]
        numbers = [(name, f"{number:,}", note) for name, number, note in self._rows()]
        return html_table([*numbers, *cautions], caption=self._heading())


def summarise_plan(sweep: Sweep, folder: Path, model: str | None = None) -> PlanSummary:
    """Count experiments and evaluations; those whose pictures are in the folder are done."""
    run = RunFolder(folder)
    experiments = expand(sweep, runs_as=runs_as(sweep, run, model))
    done = run.done(experiments)
    pending = [e for e in experiments if e.id not in done] if done else experiments
    to_do = cost(pending)
    axes = {name: len({getattr(e, name) for e in experiments}) for name in varying(experiments)}
    return PlanSummary(
        sweep.name, axes, len(experiments), len(pending), to_do.evaluations, to_do.unshared, cautions(experiments)
    )
