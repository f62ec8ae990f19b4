"""The controls of a run with `compare:`: plain guidance that is added once it is known what each cell has to match."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cfgsweep.evidence.controls import MOST_WAVES, Control, wanted
from cfgsweep.execution.session import RunSession
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.storage.open_run import controls_of_run
from cfgsweep.storage.records import DoneRecord
from cfgsweep.sweep.compare_settings import CompareSettings
from cfgsweep.sweep.experiment import Experiment

Compute = Callable[[Sequence[Experiment]], object]


def add_controls(
    session: RunSession,
    settings: CompareSettings,
    experiments: Sequence[Experiment],
    metrics: RunMetrics,
    compute: Compute,
) -> None:
    """Compute, mark and measure the controls that are missing.

    metrics: of the sweep. compute: makes the pictures of experiments. Where some of the sweep's own are still missing,
    as after --limit, there are no controls yet, since what they match would change.
    """
    run = session.run_folder
    if not set(run.records_of(experiments)) >= {e.id for e in experiments}:
        session.display.notice("the controls of `compare` follow when all pictures of the sweep are there")
        return
    if earlier := controls_of_run(run, experiments):  # a run that was interrupted may have measured a part of them
        metrics.of(earlier).measure(run)
    tried: set[Experiment] = set()
    for _ in range(MOST_WAVES):
        known = list(dict.fromkeys([*controls_of_run(run, experiments), *tried]))
        records = run.records_of([*experiments, *known])
        controls = {one.experiment: one for one in wanted(settings, experiments, known, records)}
        new = [e for e in controls if e not in tried]
        if not new:
            return
        tried.update(new)
        compute(new)
        _mark(session, [controls[e] for e in new])
        metrics.of(new).measure(run)


def _mark(session: RunSession, controls: Sequence[Control]) -> None:
    """Write into the records of controls whom they are compared with."""
    run = session.run_folder
    records = run.records_of([one.experiment for one in controls])
    changes = {}
    for one in controls:
        record = records.get(one.experiment.id)
        if isinstance(record, DoneRecord) and record.control_of is None:
            changes[record.id] = {"control_of": one.of}
    if changes:
        run.update_records(changes)
