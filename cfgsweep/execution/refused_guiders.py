"""Guiders of a group (`guider: all`) that a loaded model refuses: they are left out of the run, which says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cfgsweep.execution.executor import Executor
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.guider_axis import as_entry, of_groups
from cfgsweep.sweep.schema import Sweep


def without_what_models_refuse(
    sweep: Sweep, experiments: Sequence[Experiment], executor: Executor
) -> tuple[Sweep, list[Experiment]]:
    """The sweep, and its experiments, without the guiders of groups that a model has no layers or formula for.

    They are excluded in the sweep. It loads the models of pictures that are missing, since only they can tell.
    """
    own = {as_entry(one).guider for one in sweep.guider if not as_entry(one).group}
    guiders = [entry.guider for entry in of_groups(sweep.guider) if entry.guider not in own]
    if not guiders:
        return sweep, list(experiments)
    done = executor.session.run_folder.done(experiments)
    candidates = {(e.model, e.guider): e for e in experiments if e.id not in done and e.guider in guiders}
    refused = dict(_refusals(list(candidates.values()), executor))
    for (model, guider), reason in refused.items():
        executor.session.notice_once(f"{guider.name} is left out on {model}: {reason}")
    names = executor.session.settings.runs_as()
    excluded = [
        {"guider": guider.name, **({"model": asked} if len(sweep.model) > 1 else {})}
        for model, guider in refused
        for asked in sweep.model
        if names[asked] == model
    ]
    kept = [e for e in experiments if (e.model, e.guider) not in refused]
    return sweep.model_copy(update={"exclude": [*sweep.exclude, *excluded]}), kept


def _refusals(candidates: Sequence[Experiment], executor: Executor) -> Iterator[tuple[tuple[str, GuiderBase], str]]:
    for e in candidates:
        reason = executor.refusal(e)
        if reason is not None:
            yield (e.model, e.guider), reason
