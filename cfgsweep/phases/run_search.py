"""`cfgsweep phase`: from a sweep file or a finished run to a report of its transitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cfgsweep.execution.options import Options
from cfgsweep.execution.session import RunSession
from cfgsweep.metrics import distances
from cfgsweep.phases.axis import Axis
from cfgsweep.phases.driver import Finder, Searcher
from cfgsweep.phases.line_search import Search
from cfgsweep.phases.map_search import PlaneAxis, PlaneSearch
from cfgsweep.phases.plot_curve import draw_searches
from cfgsweep.phases.plot_map import draw_maps
from cfgsweep.phases.report import Report, as_json
from cfgsweep.phases.search_range import Range, ranges_of
from cfgsweep.phases.transitions import Measure
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.phase_settings import PhaseSettings
from cfgsweep.sweep.schema import AXES, Sweep
from cfgsweep.sweep.titles import varying
from cfgsweep.sweep.zip_group import ZipGroup
from cfgsweep.system.display import Display
from cfgsweep.system.quiet import quiet_libraries


def folder_for(run: RunFolder) -> Path:
    """Where a search that begins with a run goes: beside it, or into the same folder if that is a search's."""
    return run.folder if run.report_file.exists() else run.folder.with_name(f"{run.folder.name}-phase")


@quiet_libraries()
def find_phases(sweep: Sweep, taken_from: RunFolder | None, folder: Path, options: Options, display: Display) -> Report:
    """Search, and write `phase.json`, `phase.png` and the sweep of all values that were looked at."""
    sweep = sweep.model_copy(update={"search": sweep.search or ["value"], "phase": sweep.phase or PhaseSettings()})
    settings = sweep.phase
    assert settings is not None
    distances.check_name(settings.distance)
    ranges = ranges_of(sweep)
    session = RunSession.begin(sweep, folder, options, display, taken_from)
    # One value of the searched axis is enough; zipped ones are told apart by what else is zipped with them.
    alone = "value" in sweep.search and not any("value" in group.axes for group in sweep.zip)
    start = {"value": [ranges[sweep.search.index("value")].low]} if alone else {}
    experiments = session.expand(sweep.model_copy(update=start))
    finder = _finder(session, [Axis.of(name, experiments) for name in sweep.search], ranges, experiments, settings)
    with session.at_work():
        session.run.write_sweep(sweep)
        if taken_from is not None and taken_from.folder.resolve() != folder.resolve():
            taken_over = session.run.copy_pictures(taken_from)
            session.run.write_environment(session.environment.as_json(session.compute_on))
            display.say(f"{taken_over} pictures of {taken_from.folder} are taken over")
        finder.run(settings.max_evaluations, display)
        display.close()
        looked_at = [finder.at(one, value) for one in finder.found for value in sorted(one.records)]
        session.run.sort_records(looked_at)
        if looked_at:
            session.run.write_sweep(_sweep_of(sweep, ranges, looked_at))
        report = as_json(sweep.name, finder, ranges, settings.distance)
        draw = draw_maps if len(ranges) > 1 else draw_searches
        session.run.write_report(report, draw(report, session.run))
    return report


def _finder(
    session: RunSession, axes: list[Axis], ranges: list[Range], experiments: list[Experiment], settings: PhaseSettings
) -> Finder:
    """One search for every experiment that differs in more than what is searched."""
    axis = axes[0] if len(axes) == 1 else PlaneAxis(*axes)
    start = ranges[0].low if len(axes) == 1 else (ranges[0].low, ranges[1].low)
    bases = list(dict.fromkeys(axis.at(e, start) for e in experiments))  # type: ignore[arg-type]

    def begin(measure: Measure) -> Searcher:
        if len(axes) > 1:
            return PlaneSearch(ranges[0], ranges[1], measure)
        return Search(ranges[0].scan, ranges[0].tolerance, measure)

    return Finder(session, axis, begin, bases, settings.distance)


def _sweep_of(sweep: Sweep, ranges: list[Range], experiments: Sequence[Experiment]) -> Sweep:
    """The sweep that names these experiments and no others: what varies is zipped."""
    fields = [name for name in varying(experiments) if name != "model" or len(sweep.model) > 1]
    listed: dict[str, Any] = {name: [getattr(e, name) for e in experiments] for name in fields}
    alike = {name: [getattr(experiments[0], name)] for name in AXES if name not in fields and name != "model"}
    assert sweep.phase is not None
    said = {key: [getattr(one, key) for one in ranges] for key in ("low", "high", "tolerance")}
    phase = sweep.phase.model_copy(update={**said, "scan": [len(one.scan) for one in ranges]})
    zipped = [ZipGroup(tuple(fields))] if len(fields) > 1 else []
    return sweep.model_copy(update={**alike, **listed, "zip": zipped, "exclude": [], "phase": phase})
