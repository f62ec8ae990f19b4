"""From a sweep to a finished run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.errors import RunFailed, UserError
from cfgsweep.execution.computing import compute, say_what_is_there
from cfgsweep.execution.control_waves import add_controls
from cfgsweep.execution.left_out import left_out
from cfgsweep.execution.options import Options
from cfgsweep.execution.run import Run
from cfgsweep.execution.run_page import RunPage
from cfgsweep.execution.run_shard import run_shard
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.workplace import Workplace
from cfgsweep.execution.workplaces import workplace
from cfgsweep.reports.grid_style import GridStyle
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.reports.write import Grids, write_grids
from cfgsweep.storage.open_run import controls_of_run
from cfgsweep.storage.records import Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.compare_settings import CompareSettings
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display, aligned
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    from cfgsweep.engine.results import Failed
    from cfgsweep.execution.executor import Executor

MOST_SENTENCES = 24  # of a comparison that a run tells
DRAWN_AT_A_STOP = 20_000  # experiments, of which grids are drawn within a second or two


def run_sweep(sweep: Sweep, folder: Path, options: Options, display: Display) -> Run:
    """Compute the pictures that the folder lacks, measure them, and write grids.

    Raises UserError where the sweep, an option or the folder is not right, RunFailed as `Options.fail_fast` says.
    Pictures that were finished before an interrupt or a failure are kept, and drawn.
    """
    if options.mirror is None:
        return _run(sweep, folder, options, display, [])
    from cfgsweep.execution.mirroring import Mirroring  # imports fsspec

    mirroring = Mirroring.begin(options.mirror, RunFolder(folder), options, display)
    try:
        run = _run(sweep, folder, options, display, [mirroring.add])
    except BaseException:
        mirroring.stop()
        raise
    mirroring.end()
    return run


@quiet_libraries()
def _run(
    sweep: Sweep, folder: Path, options: Options, display: Display, listeners: Sequence[Callable[[Record], None]]
) -> Run:
    """listeners: are called with every record that is saved."""
    with workplace(options, display) as place:
        session = RunSession.begin(sweep, folder, options, display, machine=place.machine)
        session.listeners.extend(listeners)
        return _run_at(place, session, sweep)


def _run_at(place: Workplace, session: RunSession, sweep: Sweep) -> Run:
    options, display = session.options, session.display
    experiments = session.expand(sweep)
    for caution in [*cautions(experiments, sweep.previews), *left_out(sweep, experiments)]:
        display.notice(caution)
    settings = session.settings
    device = place.device_here(settings.compute.device)
    metrics = RunMetrics(sweep.metrics, experiments, settings.sources, device).by(place.measurer(session))
    with session.at_work():
        _notice_other_pictures(session.run_folder, experiments, display)
        executor = _executor_of_missing(place, session, experiments)
        if executor is not None:
            sweep, experiments = _without_what_models_refuse(sweep, experiments, executor)
            metrics = metrics.of(experiments)
        if options.shard is not None:
            return run_shard(session, options.shard, executor, sweep, experiments, metrics)
        say_what_is_there(session, experiments)
        page = RunPage(session, sweep, experiments)

        def accepted() -> None:
            session.run_folder.write_sweep(sweep)
            if executor is not None:
                page.begin()

        with closing(place):
            try:
                failed = compute(session, executor, experiments, accepted)
                if sweep.compare is not None:
                    failed = [*failed, *_add_controls(place, session, executor, sweep.compare, experiments, metrics)]
                display.close()
                measure(session.run_folder, sweep, experiments, metrics, display)
            except (KeyboardInterrupt, RunFailed):
                display.close()
                _write_what_there_is(session.run_folder, sweep, experiments, display)
                page.stop()
                raise
        grids = draw_grids(session.run_folder, sweep, experiments)
        if sweep.compare is not None:
            _tell_comparison(session.run_folder, sweep.compare, experiments, display)
        written = page.end()
    return Run(session.run_folder, sweep, experiments, grids, [one.experiment for one in failed], written)


def _executor_of_missing(place: Workplace, session: RunSession, experiments: Sequence[Experiment]) -> Executor | None:
    """What computes the pictures that are missing; None where none is. Torch is imported only where it is needed."""
    if not session.pending(experiments, session.run_folder.done(experiments)):
        return None
    return place.executor(session)


def _without_what_models_refuse(
    sweep: Sweep, experiments: list[Experiment], executor: Executor
) -> tuple[Sweep, list[Experiment]]:
    from cfgsweep.execution.refused_guiders import without_what_models_refuse  # imports torch

    return without_what_models_refuse(sweep, experiments, executor)


def _add_controls(
    place: Workplace,
    session: RunSession,
    executor: Executor | None,
    settings: CompareSettings,
    experiments: Sequence[Experiment],
    metrics: RunMetrics,
) -> Sequence[Failed]:
    """Add the pictures that the sweep's are compared with, and return those that could not be made."""
    metrics.measure(session.run_folder)
    failed: list[Failed] = []

    def compute_controls(controls: Sequence[Experiment]) -> None:
        nonlocal executor
        session.note_roots(experiments)
        say_what_is_there(session, controls, "control")
        executor = executor or _executor_of_missing(place, session, controls)
        failed.extend(compute(session, executor, controls, unit="control"))

    add_controls(session, settings, experiments, metrics, compute_controls)
    return failed


def _tell_comparison(
    run: RunFolder, settings: CompareSettings, experiments: Sequence[Experiment], display: Display
) -> None:
    from cfgsweep.evidence.comparison import Comparisons  # imports numpy
    from cfgsweep.evidence.verdicts import sentences

    both = [*experiments, *controls_of_run(run, experiments)]
    try:
        found = list(sentences(Comparisons.of(both, run.records_of(both), *settings.given(None, None))))
    except UserError as error:  # of a run that has no pictures to compare
        display.notice(f"not compared: {error.problem}")
        return
    for sentence in found[:MOST_SENTENCES]:
        display.say(sentence)
    if len(found) > MOST_SENTENCES:
        display.say(f"and {len(found) - MOST_SENTENCES} more: `cfgsweep compare {run.folder}` tells all")


def measure(
    run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], metrics: RunMetrics, display: Display
) -> None:
    """Sort the records, measure the pictures, and tell the means."""
    run.sort_records(experiments)
    if sweep.metrics:
        metrics.measure(run, display)
        display.close()
        for line in [*aligned(metrics.table(run)), *metrics.notes()]:
            display.say(line)


def draw_grids(run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment]) -> list[Path]:
    """Write the default grids; their paths."""
    return write_grids(Grids.of(run, sweep.name, experiments, style=GridStyle(of_sweep=sweep.labels)))


def _write_what_there_is(run: RunFolder, sweep: Sweep, experiments: Sequence[Experiment], display: Display) -> None:
    """Reports of a run that was stopped. It ends soon, also where the grids of a large sweep would take long."""
    if len(experiments) <= DRAWN_AT_A_STOP:
        run.sort_records(experiments)
        draw_grids(run, sweep, experiments)
    else:
        display.notice(f"the grids of so many pictures take long: `cfgsweep grid {run.folder}` draws them")


def _notice_other_pictures(run: RunFolder, experiments: Sequence[Experiment], display: Display) -> None:
    """Name pictures in the folder that are not of this sweep. They are left alone."""
    others = run.others([*experiments, *controls_of_run(run, experiments)])
    if others:
        some = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        found = f"{counted(len(others), 'picture')} in {run.folder} {'is' if len(others) == 1 else 'are'}"
        display.notice(f"{found} of an earlier sweep and {'is' if len(others) == 1 else 'are'} left alone: {some}")
