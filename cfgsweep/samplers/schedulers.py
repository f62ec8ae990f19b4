"""Builds diffusers' schedulers from a model's configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cfgsweep.errors import UserError
from cfgsweep.samplers.table import OWN_SAMPLER, PREDICTION_TYPES, SAMPLERS, PredictionKind

if TYPE_CHECKING:
    import torch

# For configurations that were saved with another scheduler and lack these keys. The default of DDIM and DDPM clips x0
# to [-1, 1], which is right for pixels and wrong for latents.
LATENT_DEFAULTS = {"clip_sample": False, "set_alpha_to_one": False}

# The noise schedule of Stable Diffusion 1.x and 2.x.
MOST_TRAINING_STEPS = 100_000  # of a noise schedule; models have 1000
STABLE_DIFFUSION_NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}


def config_of(scheduler: Any) -> dict[str, Any]:
    """A scheduler's configuration with its class name, as scheduler_config.json has it."""
    return {**scheduler.config, "_class_name": type(scheduler).__name__}


def is_flow(model_config: Mapping[str, Any]) -> bool:
    """Whether this is a flow matching model, whose latents are (1 - t) x0 + t noise."""
    named = str(model_config.get("_class_name", "")).startswith("FlowMatch")
    return named or model_config.get("prediction_type") == "flow_prediction"


def direction_of(scheduler: Any) -> int:
    """-1 where a flow model's time runs from noise to x0, so that the scheduler is given x0 - epsilon: Mochi. Else 1.

    scheduler: with its timesteps set.
    """
    inverted = scheduler.config.get("invert_sigmas") and scheduler.sigmas[0] < scheduler.sigmas[-1]
    return -1 if inverted else 1  # other classes keep that key of the model's configuration, and do not know it


def predicted_by(model_config: Mapping[str, Any]) -> PredictionKind:
    """What a model predicts, from its scheduler's configuration. Raises UserError for an unknown prediction_type."""
    if is_flow(model_config):
        return "flow"
    given = model_config.get("prediction_type", "epsilon")
    if given not in PREDICTION_TYPES:
        place = "the model's scheduler_config.json: prediction_type"
        raise UserError("not what a model can predict", where=place, given=given, allowed=PREDICTION_TYPES)
    return PREDICTION_TYPES[given]


def check_sampler(name: str, model_config: Mapping[str, Any]) -> None:
    """Raises UserError where the sampler does not exist for what the model predicts, or that is unknown."""
    prediction = predicted_by(model_config)
    fitting = [each for each, kind in SAMPLERS.items() if kind.takes(prediction)]
    if name not in fitting:
        models = "flow models" if prediction == "flow" else f"models that predict {prediction}"
        raise UserError(f"not a sampler for {models}", given=name, allowed=fitting)
    if name == OWN_SAMPLER and "_class_name" in model_config:  # it is not known of models that are not here
        _scheduler_class(model_config)


def usual_name(sampler: str, model_config: Mapping[str, Any]) -> str:
    """The usual name of the model's own scheduler, where it has one; any other sampler as it is."""
    if sampler != OWN_SAMPLER:
        return sampler
    flow = is_flow(model_config)
    for name, kind in SAMPLERS.items():
        made, options = (kind.flow, kind.flow_options) if flow else (kind.scheduler, kind.options)
        same_options = all(model_config.get(key) == value for key, value in options.items())
        if made is not None and made == model_config.get("_class_name") and same_options:
            return name
    return sampler


def build_scheduler(name: str, model_config: Mapping[str, Any]) -> Any:
    """Builds the diffusers scheduler of a sampler with the model's noise schedule. Raises UserError where none fits."""
    import diffusers

    kind = SAMPLERS[name]
    check_sampler(name, model_config)
    if kind.scheduler is None:
        return _scheduler_class(model_config).from_config(model_config)
    if is_flow(model_config):
        return getattr(diffusers, str(kind.flow)).from_config(
            _shifted(model_config, str(kind.flow)), **kind.flow_options
        )
    return getattr(diffusers, kind.scheduler).from_config({**LATENT_DEFAULTS, **model_config}, **kind.options)


def _shifted(model_config: Mapping[str, Any], scheduler: str) -> dict[str, Any]:
    """The configuration of a flow model with its shift under the name that a scheduler class has for it."""
    names = ("shift", "flow_shift") if scheduler.startswith("FlowMatch") else ("flow_shift", "shift")
    config = {key: value for key, value in model_config.items() if key not in names}
    given = [model_config[name] for name in names if name in model_config]
    return {**config, names[0]: given[0]} if given else config


def _scheduler_class(model_config: Mapping[str, Any]) -> Any:
    """The scheduler class that a configuration names. Raises UserError where diffusers has none of this name."""
    import diffusers

    name = str(model_config.get("_class_name"))
    found = getattr(diffusers, name, None) if name.isidentifier() else None
    if not (inspect.isclass(found) and issubclass(found, diffusers.SchedulerMixin)):
        place = "the model's scheduler_config.json: _class_name"
        raise UserError("not a scheduler of the installed diffusers", where=place, given=name)
    return found


def noised(
    model_config: Mapping[str, Any], latents: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
) -> torch.Tensor:
    """Noised latents at a timestep [1]. latents, noise: [1, channels, height, width]."""
    import diffusers

    if is_flow(model_config):
        t = timestep / model_config.get("num_train_timesteps", 1000)
        return (1 - t) * latents + t * noise
    return diffusers.DDPMScheduler.from_config(model_config).add_noise(latents, noise, timestep)
