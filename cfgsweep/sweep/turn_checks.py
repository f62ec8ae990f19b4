"""Refuses U-turns and forks that cannot be made, or that would change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cfgsweep.errors import UserError
from cfgsweep.guidance.interface import compile_guider
from cfgsweep.models.info import ModelInfo
from cfgsweep.samplers import OWN_SAMPLER, SAMPLERS, TEXT_TO_IMAGE, Fork, UTurn
from cfgsweep.sweep.experiment import Experiment


def check_turns(experiments: Iterable[Experiment], models: Mapping[str, ModelInfo]) -> None:
    """Raises UserError where a model, a sampler or a number of steps does not take a U-turn or a fork."""
    turned = [e for e in experiments if e.start is not None or e.fork is not None]
    for e in {(e.model, e.sampler, e.steps, e.task, e.call, e.lora, e.fork, e.start): e for e in turned}.values():
        key = "start" if e.fork is None else "fork"
        _check_model(e, models[e.model], key)
        if not _begins_late(e.sampler, models[e.model]):
            problem = f"{e.sampler} cannot begin at a later step: its first one is made otherwise than the others"
            allowed = [name for name, kind in SAMPLERS.items() if kind.begins_late]
            raise UserError(problem, given=e.sampler, allowed=allowed).at_key(key)
        if e.start is not None:
            _check_start(e.start, e)
    for e in {(e.guider, e.sampler, e.steps, e.fork): e for e in turned}.values():
        if e.fork is not None:
            _check_fork(e.fork, e)


def _begins_late(sampler: str, model: ModelInfo) -> bool:
    """A model's own scheduler with no usual name is known by its class, which has to noise pictures."""
    if sampler != OWN_SAMPLER:
        return SAMPLERS[sampler].begins_late
    import diffusers

    scheduler = getattr(diffusers, str(model.scheduler_config.get("_class_name")), None)
    noises = hasattr(scheduler, "add_noise") or hasattr(scheduler, "scale_noise")
    return noises and scheduler is not diffusers.PNDMScheduler


def _check_model(e: Experiment, model: ModelInfo, key: str) -> None:
    """Of pipelines that are recorded, cfgsweep does not know how they noise a picture."""
    if e.task != TEXT_TO_IMAGE:
        problem = f"there are no U-turns and no forks of {e.task}"
        raise UserError(problem, given=e.task, allowed=TEXT_TO_IMAGE).at_key(key)
    if model.is_recorded or e.call or e.lora:
        reason = "with `call` or `lora`, " if e.call or e.lora else ""
        problem = f"{reason}{model.name} runs as diffusers' own pipeline does, which has no U-turns and no forks"
        allowed = "models of labels and Stable Diffusion 1.x and 2.x"
        raise UserError(problem, given=model.name, allowed=allowed).at_key(key)


def _check_start(turn: UTurn, e: Experiment) -> None:
    if turn.taken_again(e.steps) < 1:
        given, allowed = f"noise {turn.noise:g} of {e.steps} steps", f"{1 / e.steps:.3g} or more, or more steps"
        raise UserError("no step is left at this noise", given=given, allowed=allowed).at_key("start")
    if turn.image is not None and e.fork is not None:
        raise UserError("the picture of a file has no way that could be split", given=e.fork.at).at_key("fork")


def _check_fork(fork: Fork, e: Experiment) -> None:
    """A fork has to come after a step, and before one that still changes something."""
    kind, step = SAMPLERS[e.sampler], fork.step(e.steps)
    last = e.steps - 1 - kind.draws  # no noise is drawn at the last step
    if kind.draws and fork.amount is not None:
        problem = f"{e.sampler} draws noise at every step, and a fork draws other noise: there is no amount to choose"
        raise UserError(problem, given=fork.amount, hint="leave `amount` out").at_key("fork")
    first = 1 + compile_guider(e.guider, e.performed_steps, e.sampler, e.noise_levels).zero_steps
    if not first <= step <= last:
        given = f"at {fork.at:g}, which is before step {step} of 0 to {e.steps - 1}"
        hint = "another `seed` is what a fork before the first step would be" if step < 1 else ""
        allowed = f"before a step from {first} to {last}" if first <= last else "more steps"
        raise UserError("a fork there would do nothing", given=given, allowed=allowed, hint=hint).at_key("fork")
