"""Refuses, before any model loads, experiments that cannot run or whose guidance would do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cfgsweep.errors import UserError, error_context
from cfgsweep.guidance import Guider
from cfgsweep.models.family import conditioned_on
from cfgsweep.models.source import scheduler_config
from cfgsweep.samplers import check_sampler
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep


def check(sweep: Sweep, experiments: list[Experiment], where: Any, runs_as: Mapping[str, str] | None) -> None:
    """Refuse, before any model loads, what cannot run or would silently do nothing."""
    for schedule in sweep.schedule:
        if getattr(schedule, "max_val", None) is not None and sweep.value is not None:
            hint = "leave out one of them"
            raise UserError(
                "max_val is what `value` sets", where=where(("schedule",)), given=schedule.spec(), hint=hint
            )
    for guider in sweep.guider:
        if guider.sets_its_scale and sweep.value is not None:
            raise UserError(
                "guidance_scale is what `value` sets",
                where=where(("guider",)),
                given=guider.spec(),
                hint="leave out one of them",
            )
    _check_conditions(sweep, {(e.model, e.revision) for e in experiments}, where)
    _check_samplers({(e.model, e.revision, e.sampler) for e in experiments}, where)
    check_parts(experiments, where)
    if sweep.zip and not runs_as and len({e.id for e in experiments}) < len(experiments):
        raise UserError("the zipped axes name one experiment twice", where=where(("zip",)))


def _check_conditions(sweep: Sweep, models: Iterable[tuple[str, str | None]], where: Any) -> None:
    """A model of texts takes prompts, a model of labels labels."""
    given = "prompt" if sweep.label is None else "label"
    for name, revision in sorted(models, key=str):
        wanted = conditioned_on(name, revision)
        if wanted not in (None, given):
            problem = {"prompt": "has no labels: give a prompt", "label": "reads no text: give a label"}[str(wanted)]
            raise UserError(f"{name} {problem}", where=where((given,)), given=getattr(sweep, given)[0], allowed=wanted)


def _check_samplers(used: Iterable[tuple[str, str | None, str]], where: Any) -> None:
    for model, revision, sampler in sorted(used, key=str):
        with error_context(where(("sampler",))):
            check_sampler(sampler, scheduler_config(model, revision))


def check_parts(experiments: Iterable[Experiment], where: Callable[[tuple[str]], str]) -> None:
    """Refuse guiders and schedules that cannot be what they say, or would do nothing, in so many steps."""
    experiments = list(experiments)
    with error_context(where(("guider",))):
        for guider, steps, sampler, levels in {(e.guider, e.steps, e.sampler, e.noise_levels) for e in experiments}:
            _check_guider(guider, guider.window(steps, levels), steps, sampler)
    # What a schedule refuses, it refuses at any value, unless it is to be scaled to one.
    values = {(e.schedule, e.steps, e.value if e.schedule.match_mean else None): e.value for e in experiments}
    with error_context(where(("schedule",))):
        for (schedule, steps, _), value in values.items():
            schedule.values(value, steps)


def _check_guider(guider: Guider, window: range, steps: int, sampler: str) -> None:
    guider.parameter_values(steps)
    if guider.zero_steps >= window.stop:
        given = f"zero_init_steps {guider.zero_steps}, guidance on in steps {window.start} to {window.stop - 1}"
        raise UserError("all that would be guided stands still", given=given)
    if guider.samplers is not None and sampler not in guider.samplers:
        raise UserError(f"{guider.name} is not defined for this sampler", given=sampler, allowed=guider.samplers)
