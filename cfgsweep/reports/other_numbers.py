"""Numbers that measuring a part of a run would leave beside its own, though the two cannot be compared."""

from __future__ import annotations

from collections import Counter

from cfgsweep.errors import UserError
from cfgsweep.reports.prepared_metrics import PreparedMetrics
from cfgsweep.storage.measured_with import hashes_of, read_measured_with
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.wording import counted


def refuse_other_numbers(metrics: PreparedMetrics, run: RunFolder) -> None:
    """Raises UserError where other pictures of the run have numbers that were measured with something else.

    That is with other weights or another reference set: metrics.json tells one for all numbers of a metric and a model.
    """
    before, now = read_measured_with(run.measured_with_file), metrics.measured_with()
    changed = [key for key in metrics.keys if hashes_of(before, *key) != hashes_of(now, *key)]
    asked = {e.id for e in metrics.experiments}
    others = [r for r in run.records().values() if isinstance(r, DoneRecord) and r.id not in asked]
    found = Counter(name for name, model in changed for r in others if r.model == model and name in r.metrics)
    for name, count in found.items():
        has = counted(count, "other picture", ("has a number", "have numbers"))
        problem = f"{has} of it that were measured with other weights or another reference set"
        raise UserError(problem, where="--where", given=name, hint="measure all of the run, or leave them as they are")
