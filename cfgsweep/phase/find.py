"""`cfgsweep phase`: from a sweep file or a finished run to a report of its transitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cfgsweep import distances
from cfgsweep.config import AXES, Sweep, read_sweep
from cfgsweep.display import Display
from cfgsweep.errors import UserError
from cfgsweep.experiments import Experiment, varying
from cfgsweep.phase.axis import Axis
from cfgsweep.phase.finder import Finder
from cfgsweep.phase.picture import draw
from cfgsweep.phase.ranges import Range
from cfgsweep.phase.report import Report, as_json
from cfgsweep.phase.settings import PhaseSettings
from cfgsweep.planning import sweep_of_run
from cfgsweep.run import Run
from cfgsweep.session import Options, Session
from cfgsweep.yamlfile import Document


def read(source: Path, overrides: Sequence[str]) -> tuple[Sweep, Document, Run | None]:
    """A sweep file; or a run's folder, whose pictures are then taken over."""
    run = Run(source) if source.is_dir() else None
    if run is not None:
        sweep_of_run(source)  # refuses what is none
    sweep, document = read_sweep(run.sweep_file if run else source, list(overrides))
    return sweep, document, run


def folder_for(sweep: Sweep, run: Run | None) -> Path:
    """Where a search goes if nobody says: beside the run it begins with, or into the folder of an earlier search."""
    if run is None:
        return Path("outputs") / sweep.name
    return run.folder if run.report("phase") else run.folder.with_name(f"{run.folder.name}-phase")


def find_phases(
    sweep: Sweep, document: Document, taken_from: Run | None, folder: Path, options: Options, display: Display
) -> Report:
    """Search, and write `phase.json`, `phase.png` and the sweep of all values that were looked at."""
    sweep = sweep.model_copy(update={"search": sweep.search or ["value"], "phase": sweep.phase or PhaseSettings()})
    settings = sweep.phase
    assert settings is not None
    distances.check_name(settings.distance)
    where = Range.of(sweep)
    if any(sweep.search[0] in group for group in sweep.zip):
        raise UserError("the searched setting is zipped", where=document.where(("zip",)), given=sweep.search[0])
    session = Session.begin(sweep, document, folder, options, display)
    start = {"value": [where.low]} if sweep.search[0] == "value" else {}
    experiments = session.expand(sweep.model_copy(update=start), document)
    axis = Axis.of(sweep.search[0], experiments)
    bases = list(dict.fromkeys(axis.at(e, where.low) for e in experiments))
    finder = Finder(session, axis, where, bases, settings.distance)
    session.run.create()
    session.run.write_sweep(sweep)
    if taken_from is not None and taken_from.folder.resolve() != folder.resolve():
        taken_over = session.run.take_over(taken_from)
        display.say(f"{taken_over} pictures of {taken_from.folder} are taken over")
    finder.run(settings.max_evaluations, display)
    display.close()
    looked_at = [axis.at(one.base, value) for one in finder.found for value in sorted(one.search.points)]
    session.run.sort_records(looked_at)
    session.run.write_sweep(_sweep_of(sweep, where, looked_at))
    report = as_json(sweep.name, finder, settings.distance)
    session.run.write_report("phase", report, draw(report, session.run))
    return report


def _sweep_of(sweep: Sweep, where: Range, experiments: Sequence[Experiment]) -> Sweep:
    """The sweep that names these experiments and no others: what varies is zipped."""
    fields = [name for name in varying(experiments) if name != "model" or len(sweep.model) > 1]
    listed: dict[str, Any] = {name: [getattr(e, name) for e in experiments] for name in fields}
    alike = {name: [getattr(experiments[0], name)] for name in AXES if name not in fields and name != "model"}
    assert sweep.phase is not None
    phase = sweep.phase.model_copy(
        update={"low": [where.low], "high": [where.high], "scan": [len(where.scan)], "tolerance": [where.tolerance]}
    )
    zipped = [fields] if len(fields) > 1 else []
    return sweep.model_copy(update={**alike, **listed, "zip": zipped, "exclude": [], "phase": phase})
