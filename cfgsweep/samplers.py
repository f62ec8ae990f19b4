"""Samplers by the names people know, as diffusers' schedulers; which calls of the denoiser make up a step.

Nothing here imports torch until a sampler is built, so that a plan can count evaluations at once.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cfgsweep.errors import UserError, shorten

if TYPE_CHECKING:
    import torch

# What a denoiser predicts: the noise, the picture, alpha_t noise - sigma_t x0, or noise - x0 (flow matching).
PredictionKind = Literal["epsilon", "x0", "v", "flow"]
PREDICTION_TYPES: dict[str, PredictionKind] = {
    "epsilon": "epsilon",
    "sample": "x0",
    "v_prediction": "v",
}  # by diffusers' words


@dataclass(frozen=True)
class SamplerKind:
    """A diffusers scheduler and the settings that make it the sampler of that name.

    calls: how often the denoiser is asked. "once": once a step. "heun": twice a step, once at the last.
    "pndm": the first step twice, to start the multi-step formula.
    flow: the scheduler by which flow models are sampled so, where there is one.
    """

    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    calls: Literal["once", "heun", "pndm"] = "once"
    flow: str | None = None

    def steps_of_calls(self, steps: int) -> list[int]:
        """For every call of the denoiser, the step it belongs to: a schedule has one value a step, not a call."""
        match self.calls:
            case "once":
                return list(range(steps))
            case "heun":
                return [call // 2 for call in range(2 * steps - 1)]
            case "pndm":
                return [0, *range(steps)] if steps > 1 else [0]


SAMPLERS: dict[str, SamplerKind] = {
    "euler": SamplerKind("EulerDiscreteScheduler", flow="FlowMatchEulerDiscreteScheduler"),
    "euler_a": SamplerKind("EulerAncestralDiscreteScheduler"),
    "ddim": SamplerKind("DDIMScheduler"),
    "ddpm": SamplerKind("DDPMScheduler"),
    "dpm++2m": SamplerKind("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++2m_karras": SamplerKind(
        "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True}
    ),
    "lms": SamplerKind("LMSDiscreteScheduler"),
    "heun": SamplerKind("HeunDiscreteScheduler", calls="heun", flow="FlowMatchHeunDiscreteScheduler"),
    "pndm": SamplerKind("PNDMScheduler", {"skip_prk_steps": True}, calls="pndm"),
    "unipc": SamplerKind("UniPCMultistepScheduler"),
}


# What a latent model means where its configuration, saved with another scheduler, says nothing: DDIM and DDPM would
# clip x0 to [-1, 1], as is right for pixels alone.
LATENT_DEFAULTS = {"clip_sample": False, "set_alpha_to_one": False}

# The noise of every Stable Diffusion 1.x and 2.x, and of the models that we train.
STABLE_DIFFUSION_NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}


def config_of(scheduler: Any) -> dict[str, Any]:
    """A scheduler's configuration as its file has it, with its class."""
    return {**scheduler.config, "_class_name": type(scheduler).__name__}


def is_flow(model_config: Mapping[str, Any]) -> bool:
    """Does the model go straight from noise to picture, latents = (1 - t) x0 + t noise?"""
    return str(model_config.get("_class_name", "")).startswith("FlowMatch")


def predicted_by(model_config: Mapping[str, Any]) -> PredictionKind:
    """What a model predicts, from its scheduler's configuration. Raises UserError where that is none of the kinds."""
    if is_flow(model_config):
        return "flow"
    given = model_config.get("prediction_type", "epsilon")
    if given not in PREDICTION_TYPES:
        place = "the model's scheduler_config.json: prediction_type"
        raise UserError("not what a model can predict", where=place, given=given, allowed=PREDICTION_TYPES)
    return PREDICTION_TYPES[given]


def check_sampler(name: str, model_config: Mapping[str, Any]) -> None:
    """Refuse a sampler that does not go with a model, and a model that goes with none."""
    predicted_by(model_config)
    if is_flow(model_config) and SAMPLERS[name].flow is None:
        allowed = [name for name, kind in SAMPLERS.items() if kind.flow]
        raise UserError("not a sampler for flow models", given=name, allowed=allowed)


def build_scheduler(name: str, model_config: Mapping[str, Any]) -> Any:
    """The diffusers scheduler of that name on a model's own noise schedule."""
    import diffusers

    kind = SAMPLERS[name]
    check_sampler(name, model_config)
    if is_flow(model_config):
        return getattr(diffusers, str(kind.flow)).from_config(model_config)
    return getattr(diffusers, kind.scheduler).from_config({**LATENT_DEFAULTS, **model_config}, **kind.options)


def noised(
    model_config: Mapping[str, Any], latents: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
) -> torch.Tensor:
    """Latents under the noise that a model knows them under at a timestep, [1]."""
    import diffusers

    if is_flow(model_config):
        share = timestep / model_config.get("num_train_timesteps", 1000)
        return (1 - share) * latents + share * noise
    return diffusers.DDPMScheduler.from_config(model_config).add_noise(latents, noise, timestep)


def noise_levels(name: str, model_config: Mapping[str, Any], steps: int) -> tuple[float, ...]:
    """sigma / alpha at every step of a sampler on a model's noise schedule, falling."""
    import torch

    sampler = Sampler.start(name, model_config, steps, torch.Generator())
    steps_of_calls = SAMPLERS[name].steps_of_calls(steps)
    return tuple(sampler.sigmas_at(steps_of_calls.index(step))[0] for step in range(steps))


class Sampler:
    """One trajectory's sampler: a diffusers scheduler with its memory, which can be forked.

    Latents in and out are [1, channels, height, width]. Noise, where the sampler draws any, comes from the
    trajectory's own CPU generator, so that experiments with one seed see the same noise.
    """

    def __init__(self, scheduler: Any, generator: torch.Generator):
        self.scheduler, self.generator = scheduler, generator

    @classmethod
    def start(cls, name: str, model_config: Mapping[str, Any], steps: int, generator: torch.Generator) -> Sampler:
        scheduler = build_scheduler(name, model_config)
        try:
            scheduler.set_timesteps(steps)
        except (ValueError, IndexError, ZeroDivisionError) as error:
            place = "the model's scheduler_config.json"
            raise UserError(f"cannot be sampled: {shorten(str(error))}", where=place, given=f"{steps} steps") from None
        most = scheduler.config.num_train_timesteps
        if (
            not is_flow(model_config) and scheduler.timesteps.max() >= most
        ):  # its last timesteps would be beyond what the model knows
            raise UserError(f"too many steps for {name} on this model", given=steps, allowed=f"fewer than {most}")
        return cls(scheduler, generator)

    def fork(self) -> Sampler:
        """An independent copy. Schedulers replace their tensors and never write into them, so lists are enough."""
        twin = copy.copy(self.scheduler)
        for key, value in vars(twin).items():
            if isinstance(value, list):
                setattr(twin, key, list(value))
        return Sampler(twin, self.generator.clone_state())

    def timestep(self, call: int) -> torch.Tensor:
        return self.scheduler.timesteps[call]

    def model_input(self, latents: torch.Tensor, call: int) -> torch.Tensor:
        """Latents as the denoiser wants them (scaled for the sigma-space samplers)."""
        return latents if self.flow else self.scheduler.scale_model_input(latents, self.timestep(call))

    @property
    def flow(self) -> bool:
        return is_flow(config_of(self.scheduler))

    @property
    def initial_sigma(self) -> float:
        """What unit noise is multiplied by to begin with."""
        return getattr(self.scheduler, "init_noise_sigma", 1.0)

    def length(self, call: int) -> float:
        """How long what the denoiser sees is, in latents = alpha x0 + sigma noise with alpha² + sigma² = 1."""
        if not self.flow:
            return 1.0
        share = float(self.scheduler.sigmas[call])
        return math.hypot(1 - share, share)

    def sigmas_at(self, call: int) -> tuple[float, float]:
        """sigma / alpha of the latents at the call, and after its step (0 after the last of most samplers)."""
        scheduler = self.scheduler
        sigmas: Any = getattr(scheduler, "sigmas", None)
        if self.flow:
            now, after = (float(sigmas[i]) for i in (call, call + 1))
            return now / (1 - now) if now < 1 else float("inf"), after / (1 - after)
        if sigmas is not None:
            return float(sigmas[call]), float(sigmas[call + 1])
        kept, timestep = scheduler.alphas_cumprod, int(scheduler.timesteps[call])
        # These step by so many timesteps, and not to the next one that will be asked for.
        following = timestep - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        after = kept[following] if following >= 0 else getattr(scheduler, "final_alpha_cumprod", 1.0)
        return float((1 / kept[timestep] - 1) ** 0.5), float((1 / after - 1) ** 0.5)

    def step(self, prediction: torch.Tensor, latents: torch.Tensor, call: int) -> torch.Tensor:
        """Latents after the call, given its guided prediction."""
        noise = {"generator": self.generator} if self._draws() else {}
        return self.scheduler.step(prediction, self.timestep(call), latents, **noise, return_dict=False)[0]

    def _draws(self) -> bool:
        return "generator" in inspect.signature(type(self.scheduler).step).parameters
