"""From a sweep to a finished run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cfgsweep.errors import RunFailed
from cfgsweep.execution.job import JobSummary, share_saved
from cfgsweep.execution.left_out import left_out
from cfgsweep.execution.local import LocalExecutor
from cfgsweep.execution.options import Options
from cfgsweep.execution.refused_guiders import without_what_models_refuse
from cfgsweep.execution.run import Run
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.execution.session import RunSession
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.reports.write import Grids, write_grids
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display, aligned
from cfgsweep.system.quiet import quiet_libraries

DRAWN_AT_A_STOP = 20_000  # experiments, of which grids are drawn within a second or two


@quiet_libraries()
def run_sweep(sweep: Sweep, folder: Path, options: Options, display: Display) -> Run:
    """Compute the pictures that the folder lacks, measure them, and write grids.

    Raises UserError where the sweep, an option or the folder is not right, RunFailed as `Options.fail_fast` says.
    Pictures that were finished before an interrupt or a failure are kept, and drawn.
    """
    session = RunSession.begin(sweep, folder, options, display)
    experiments = session.expand(sweep)
    for caution in [*cautions(experiments), *left_out(sweep, experiments)]:
        display.notice(caution)
    executor = LocalExecutor(session)
    metrics = RunMetrics(sweep.metrics, experiments, session.settings.sources)
    with session.at_work():
        _notice_other_pictures(session.run_folder, experiments, display)
        sweep, experiments = without_what_models_refuse(sweep, experiments, executor)
        try:  # a sweep that a model refuses does not become that of the folder
            summary = executor.run(experiments, accepted=lambda: session.run_folder.write_sweep(sweep))
        except (KeyboardInterrupt, RunFailed):
            display.close()
            _write_what_there_is(session.run_folder, sweep, experiments, display)
            raise
        _say_what_was_done(summary, len(experiments), display)
        grids = _write_reports(session.run_folder, sweep, experiments, metrics, display)
    return Run(session.run_folder, sweep, experiments, grids, [failed.experiment for failed in summary.failed])


def _say_what_was_done(summary: JobSummary, total: int, display: Display) -> None:
    if summary.done_before:
        display.say(f"{summary.done_before} of {total} pictures were there already")
    if summary.pictures:
        display.say(
            f"{summary.pictures} pictures in {summary.seconds:.1f} s, {summary.evaluations} evaluations. "
            f"One by one it would have been {summary.planned.unshared}: {share_saved(summary.planned)}."
        )
    display.close()


def _write_reports(
    run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], metrics: RunMetrics | None, display: Display
) -> list[Path]:
    """Sort the records, measure the pictures unless `metrics` is None, and write the default grids; their paths."""
    run.sort_records(experiments)
    if sweep.metrics and metrics is not None:
        metrics.measure(run)
        for line in [*aligned(metrics.table(run)), *metrics.notes()]:
            display.say(line)
    return write_grids(Grids.of(run, sweep.name, experiments))


def _write_what_there_is(run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], display: Display) -> None:
    """Reports of a run that was stopped. It ends soon, also where the grids of a large sweep would take long."""
    if len(experiments) <= DRAWN_AT_A_STOP:
        _write_reports(run, sweep, experiments, None, display)
    else:
        display.notice(f"the grids of so many pictures take long: `cfgsweep grid {run.folder}` draws them")


def _notice_other_pictures(run: RunFolder, experiments: Sequence[Experiment], display: Display) -> None:
    """Name pictures in the folder that are not of this sweep. They are left alone."""
    others = run.others(experiments)
    if others:
        some = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        display.notice(f"{len(others)} pictures in {run.folder} are of an earlier sweep and are left alone: {some}")
