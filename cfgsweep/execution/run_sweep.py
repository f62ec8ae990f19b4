"""From a sweep to a finished run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cfgsweep.errors import RunFailed
from cfgsweep.execution.local import Spent, compute, saved
from cfgsweep.execution.options import Options
from cfgsweep.execution.run import Run
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.execution.session import RunSession
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.reports.write import write_grids
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display, aligned
from cfgsweep.system.quiet import quiet_libraries


@quiet_libraries()
def run_sweep(sweep: Sweep, folder: Path, options: Options, display: Display) -> Run:
    """Compute what is missing in the folder, and write the default grid."""
    session = RunSession.begin(sweep, folder, options, display)
    experiments = session.expand(sweep)
    for caution in cautions(experiments):
        display.notice(caution)
    measuring = RunMetrics(sweep.metrics, experiments, session.sources)
    with session.at_work():
        session.run.write_sweep(sweep)
        _name_strangers(session.run, experiments, display)
        try:
            spent = compute(session, experiments)
        except (KeyboardInterrupt, RunFailed):
            display.close()
            _write(session.run, sweep, experiments, None, display)
            raise
        _tell(spent, len(experiments), display)
        grids = _write(session.run, sweep, experiments, measuring, display)
    return Run(session.run, sweep, experiments, grids)


def _tell(spent: Spent, total: int, display: Display) -> None:
    if spent.found:
        display.say(f"{spent.found} of {total} pictures were there already")
    if spent.pictures:
        display.say(
            f"{spent.pictures} pictures in {spent.seconds:.1f} s, {spent.evaluations} evaluations. "
            f"One by one it would have been {spent.planned.unshared}: {saved(spent.planned)}."
        )
    display.close()


def _write(
    run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], measuring: RunMetrics | None, display: Display
) -> list[Path]:
    """Everything that is made of the pictures there are."""
    run.sort_records(experiments)
    if sweep.metrics and measuring is not None:
        measuring.measure(run)
        for line in [*aligned(measuring.table(run)), *measuring.notes()]:
            display.say(line)
    return write_grids(run, sweep.name, experiments)


def _name_strangers(run: RunFolder, experiments: Sequence[Experiment], display: Display) -> None:
    """Say what is in the folder and no longer belongs to its sweep. It is left alone."""
    others = run.records().keys() - {e.id for e in experiments}
    if others:
        some = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        display.notice(f"{len(others)} pictures in {run.folder} are of an earlier sweep and are left alone: {some}")
