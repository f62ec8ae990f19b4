"""From a sweep to a finished run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cfgsweep.cautions import cautions
from cfgsweep.config import Sweep
from cfgsweep.display import Display, aligned
from cfgsweep.experiments import Experiment
from cfgsweep.measuring import Measuring
from cfgsweep.reports import write_grids
from cfgsweep.run import Run
from cfgsweep.session import Options, Session, saved
from cfgsweep.yamlfile import Document


def run_sweep(sweep: Sweep, document: Document, folder: Path, options: Options, display: Display) -> list[Path]:
    """Compute what is missing in the folder, and write the default grid; return its files."""
    session = Session.begin(sweep, document, folder, options, display)
    experiments = session.expand(sweep, document)
    for caution in cautions(experiments):
        display.notice(caution)
    measuring = Measuring(sweep.metrics, experiments, session.sources)
    session.run.create()
    session.run.write_sweep(sweep)
    _name_strangers(session.run, experiments, display)
    spent = session.compute(experiments)
    if spent.found:
        display.say(f"{spent.found} of {len(experiments)} pictures were there already")
    if spent.pictures:
        display.say(
            f"{spent.pictures} pictures in {spent.seconds:.1f} s, {spent.evaluations} evaluations. "
            f"One by one it would have been {spent.planned.unshared}: {saved(spent.planned)}."
        )
    display.close()
    session.run.sort_records(experiments)
    if sweep.metrics:
        measuring.measure(session.run)
        for line in [*aligned(measuring.table(session.run)), *measuring.judged_by()]:
            display.say(line)
    return write_grids(session.run, sweep.name, experiments)


def _name_strangers(run: Run, experiments: Sequence[Experiment], display: Display) -> None:
    """Say what is in the folder and no longer belongs to its sweep. It is left alone."""
    others = run.records().keys() - {e.id for e in experiments}
    if others:
        some = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        display.notice(f"{len(others)} pictures in {run.folder} are of an earlier sweep and are left alone: {some}")
