"""Refuses, before any model is loaded, experiments that cannot run or whose guidance would do nothing.

Every error has the key of the sweep that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cfgsweep.errors import UserError, error_key
from cfgsweep.guidance.interface import GuiderBase, compile_guider
from cfgsweep.guidance.schedules import Expression
from cfgsweep.models.info import ModelInfo
from cfgsweep.samplers import TEXT_TO_IMAGE, check_sampler
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.guider_axis import as_entry
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.turn_checks import check_turns


def check(
    sweep: Sweep, experiments: Sequence[Experiment], models: Mapping[str, ModelInfo], merged: bool = False
) -> None:
    """Raises UserError where an experiment cannot run, or its guidance would do nothing.

    models: by the names that experiments have. merged: one model runs in the place of several, so that experiments
    may be equal.
    """
    _check_scales(sweep)
    used = {e.model for e in experiments}
    _check_conditions(sweep, [models[name] for name in sorted(used)])
    _check_samplers({(e.model, e.sampler) for e in experiments}, models)
    _check_strengths(experiments)
    check_turns(experiments, models)
    check_parts(experiments)
    if sweep.zip and not merged and len({e.id for e in experiments}) < len(experiments):
        raise UserError("the zipped axes name one experiment twice").at_key("zip")


def _check_scales(sweep: Sweep) -> None:
    """`value` and a scale of a schedule's or a guider's own exclude each other."""
    hint = "leave out one of them"
    entries = [as_entry(one) for one in sweep.guider]
    valued = sweep.value is not None or any(entry.values is not None for entry in entries)
    for schedule in sweep.schedule:
        if schedule.max_val is not None and valued:
            raise UserError("max_val is what `value` sets", given=schedule.spec(), hint=hint).at_key("schedule")
        if valued and not schedule.uses_value:
            problem = "nothing is done with the sweep's value"
            hint = "write `value` where it belongs in the expression, or leave the sweep's out"
            raise UserError(problem, given=schedule.spec(), hint=hint).at_key("schedule")
    for entry in entries:
        if entry.guider.own_scale is not None and (entry.values is not None or sweep.value is not None):
            raise UserError("guidance_scale is what `value` sets", given=entry.spec(), hint=hint).at_key("guider")


def _check_conditions(sweep: Sweep, models: Iterable[ModelInfo]) -> None:
    """Prompts are for models that read texts, labels for models of labels."""
    given = "prompt" if sweep.label is None else "label"
    problems = {"prompt": "has no labels: give a prompt", "label": "reads no text: give a label"}
    for model in models:
        if sweep.task != TEXT_TO_IMAGE and model.conditioned_on == "label":
            raise UserError(f"models of labels have no {sweep.task}", given=model.name).at_key("task")
        if model.conditioned_on not in (None, given):
            problem = f"{model.name} {problems[str(model.conditioned_on)]}"
            raise UserError(problem, given=getattr(sweep, given)[0], allowed=str(model.conditioned_on)).at_key(given)


def _check_samplers(used: Iterable[tuple[str, str]], models: Mapping[str, ModelInfo]) -> None:
    with error_key("sampler"):
        for model, sampler in sorted(used):
            check_sampler(sampler, models[model].scheduler_config)


def _check_strengths(experiments: Iterable[Experiment]) -> None:
    """Raises UserError where a strength leaves no step, or a single one that the sampler does not take by itself."""
    kinds = {(e.strength, e.steps, e.performed_steps, e.sampler) for e in experiments}
    for strength, steps, performed, sampler in kinds:
        given = f"strength {strength} of {steps} steps"
        if performed < 1:
            allowed = f"{1 / steps:.3g} or more, or more steps"
            raise UserError("no step is left at this strength", given=given, allowed=allowed).at_key("strength")
        if sampler == "pndm" and performed == 1 < steps:
            problem = "pndm takes two steps at least where it begins late"
            raise UserError(problem, given=given, allowed="a larger strength, or more steps").at_key("strength")


def check_parts(experiments: Iterable[Experiment]) -> None:
    """Raises UserError where a guider or a schedule is not defined for its number of steps, or would do nothing."""
    experiments = list(experiments)
    with error_key("guider"):
        kinds = {(e.guider, e.performed_steps, e.sampler, e.noise_levels) for e in experiments}
        for guider, steps, sampler, levels in kinds:
            _check_guider(guider, steps, sampler, levels)
    # The value matters only to a schedule that is scaled to a mean, or is an expression of the value.
    values = {(e.schedule, e.performed_steps, e.noise_levels, _value_that_matters(e)): e.value for e in experiments}
    with error_key("schedule"):
        for (schedule, steps, levels, _), value in values.items():
            schedule.values(value, steps, levels)


def _value_that_matters(e: Experiment) -> float | None:
    return e.value if e.schedule.match_mean or isinstance(e.schedule, Expression) else None


def _check_guider(guider: GuiderBase, steps: int, sampler: str, noise_levels: tuple[float, ...]) -> None:
    compiled = compile_guider(guider, steps, sampler, noise_levels)
    window = compiled.guided_steps
    if compiled.zero_steps >= window.stop:
        given = f"zero_init_steps {compiled.zero_steps}, guidance on in steps {window.start} to {window.stop - 1}"
        raise UserError("all that would be guided stands still", given=given)
    if guider.samplers is not None and sampler not in guider.samplers:
        raise UserError(f"{guider.name} is not defined for this sampler", given=sampler, allowed=guider.samplers)
