"""`cfgsweep phase`: from a sweep or a finished run to a report of its transitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cfgsweep.execution.executor import Executor
from cfgsweep.execution.options import Options
from cfgsweep.execution.run_page import RunPage
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.unusual_scales import unusual_scales
from cfgsweep.execution.workplace import Workplace
from cfgsweep.execution.workplaces import workplace
from cfgsweep.metrics import distances
from cfgsweep.phases.axis import Axis, AxisPair, check_name
from cfgsweep.phases.curve import Measure
from cfgsweep.phases.driver import PhaseDriver, Search
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.map_search import MapSearch
from cfgsweep.phases.plot_curve import draw_searches
from cfgsweep.phases.plot_map import draw_maps
from cfgsweep.phases.report import Report, as_json
from cfgsweep.phases.search_range import SearchRange, ranges_of
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.guider_axis import as_entry, without_values
from cfgsweep.sweep.phase_settings import PhaseSettings
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.titles import varying
from cfgsweep.sweep.zip_group import ZipGroup
from cfgsweep.system.display import Display
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.system.wording import counted


def folder_for(run: RunFolder) -> Path:
    """The folder of a search that begins with a run: that of the run if it is a search's, else one beside it."""
    return run.folder if run.is_of_search() else run.folder.with_name(f"{run.folder.name}-phase")


@quiet_libraries()
def find_phases(
    sweep: Sweep, scan_run: RunFolder | None, folder: Path, options: Options, display: Display
) -> tuple[Report, Path | None]:
    """Search, and write phase.json, phase.png, the sweep of all values that were computed, and the page.

    scan_run: a run whose pictures are copied into the folder first.
    """
    sweep = sweep.model_copy(update={"search": sweep.search or ["value"], "phase": sweep.phase or PhaseSettings()})
    settings = sweep.phase
    assert settings is not None
    distances.check_name(settings.distance)
    for name in sweep.search:
        check_name(name, [one.guider for one in map(as_entry, sweep.guider)], sweep.schedule)
    ranges = ranges_of(sweep)
    with workplace(options, display) as place:
        session = RunSession.begin(sweep, folder, options, display, scan_run, place.machine)
        return _find(place, session, sweep, ranges, scan_run)


def _find(
    place: Workplace, session: RunSession, sweep: Sweep, ranges: list[SearchRange], scan_run: RunFolder | None
) -> tuple[Report, Path | None]:
    folder, display, settings = session.run_folder, session.display, sweep.phase
    assert settings is not None
    driver = _driver(place.executor(session), sweep, ranges, settings.distance)
    for notice in unusual_scales(_at_the_ends(driver, ranges), says_how_many=False):
        display.notice(notice)
    with session.at_work():
        folder.write_sweep(sweep)
        if scan_run is not None and scan_run.folder.resolve() != folder.folder.resolve():
            copied = session.copy_pictures(scan_run)
            session.write_environment()
            display.say(f"{counted(copied, 'picture')} of {scan_run.folder} taken over")
        try:
            driver.run(settings.max_evaluations, display)
        finally:
            place.close()
        display.close()
        report, sweep, computed = _write_report(folder, sweep, driver, ranges)
        page = RunPage(session, sweep, computed).end() if computed else None
        return report, page


def _driver(executor: Executor, sweep: Sweep, ranges: list[SearchRange], distance: str) -> PhaseDriver:
    """One search for every experiment that differs in more than what is searched."""
    experiments = executor.session.expand(_at_one_value(sweep, ranges))
    axes = [Axis.of(name, experiments) for name in sweep.search]
    axis = axes[0] if len(axes) == 1 else AxisPair(*axes)
    start = ranges[0].low if len(axes) == 1 else (ranges[0].low, ranges[1].low)
    bases = list(dict.fromkeys(axis.at(e, start) for e in experiments))  # type: ignore[arg-type]

    def make_search(measure: Measure) -> Search:
        if len(axes) > 1:
            return MapSearch(ranges[0], ranges[1], measure)
        return LineSearch(ranges[0].scan, ranges[0].tolerance, measure)

    return PhaseDriver(executor, axis, make_search, bases, distance)


def _at_the_ends(driver: PhaseDriver, ranges: list[SearchRange]) -> list[Experiment]:
    """The experiments of all searches at the lowest and the highest values."""
    lowest, highest = [one.low for one in ranges], [one.high for one in ranges]
    ends = [lowest[0], highest[0]] if len(ranges) == 1 else [tuple(lowest), tuple(highest)]
    return [driver.experiment_at(state, end) for state in driver.states for end in ends]


def _at_one_value(sweep: Sweep, ranges: list[SearchRange]) -> Sweep:
    """The sweep with one value, if the value is searched. Where it is zipped it stays, with the axes zipped to it."""
    if "value" not in sweep.search or any("value" in group.axes for group in sweep.zip):
        return sweep
    value = ranges[sweep.search.index("value")].low
    return sweep.model_copy(update={"value": [value], "guider": without_values(sweep.guider)})


def _write_report(
    folder: RunFolder, sweep: Sweep, driver: PhaseDriver, ranges: list[SearchRange]
) -> tuple[Report, Sweep, list[Experiment]]:
    """The report, and the sweep of all values that were computed, with its experiments."""
    assert sweep.phase is not None
    distance = sweep.phase.distance
    computed = [driver.experiment_at(state, point) for state in driver.states for point in sorted(state.records)]
    folder.sort_records(computed)
    if computed:
        sweep = _sweep_of(sweep, ranges, computed)
        folder.write_sweep(sweep, keep=False)  # what was given is a part of it
    report = as_json(sweep.name, driver, ranges, distance)
    draw = draw_maps if len(ranges) > 1 else draw_searches
    folder.write_report(report, draw(report, folder))
    return report, sweep, computed


def _sweep_of(sweep: Sweep, ranges: list[SearchRange], experiments: Sequence[Experiment]) -> Sweep:
    """The sweep of exactly these experiments: the axes in which they differ are zipped."""
    differing = [name for name in varying(experiments) if name != "model" or len(sweep.model) > 1]
    variables = {name: [e.value_of(name) for e in experiments] for name in differing if name not in AXES}
    fields = [name for name in AXES if name in differing or (name == "prompt" and variables and sweep.prompt)]
    listed: dict[str, Any] = {name: [getattr(e, name) for e in experiments] for name in fields}
    constant = {name: [getattr(experiments[0], name)] for name in AXES if name not in fields and name != "model"}
    listed["vars"], fields = variables, [*fields, *variables]
    assert sweep.phase is not None
    limits = {key: [getattr(one, key) for one in ranges] for key in ("low", "high", "tolerance")}
    phase = sweep.phase.model_copy(update={**limits, "scan": [len(one.scan) for one in ranges]})
    zipped = [ZipGroup(tuple(fields))] if len(fields) > 1 else []
    return sweep.model_copy(update={**constant, **listed, "zip": zipped, "exclude": [], "phase": phase})
