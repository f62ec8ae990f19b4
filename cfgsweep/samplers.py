"""Samplers: diffusers' schedulers under their usual names, and which calls of the denoiser belong to which step.

Nothing here imports torch until a sampler is built, so that a plan can count evaluations quickly.
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

# What a denoiser predicts: epsilon (the noise), x0, v = alpha_t epsilon - sigma_t x0, or flow = epsilon - x0.
PredictionKind = Literal["epsilon", "x0", "v", "flow"]
# By `prediction_type` in the configuration of diffusers' schedulers.
PREDICTION_TYPES: dict[str, PredictionKind] = {"epsilon": "epsilon", "sample": "x0", "v_prediction": "v"}


@dataclass(frozen=True)
class SamplerKind:
    """A diffusers scheduler class and the options that make it the sampler of a name.

    scheduler: the name of its class; None is the class that the model's configuration names.
    calls: how often the denoiser is called. "once": once per step. "heun": twice per step, once at the last step.
    "pndm": once per step, twice at the first step, which starts the multi-step formula.
    flow: the scheduler class for flow models, where there is one, and flow_options its options.
    predictions: the kinds of prediction that the scheduler class takes.
    higher_order: whether a step is made of more than one prediction, so that none of them leaves the latents in place.
    """

    scheduler: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    calls: Literal["once", "heun", "pndm"] = "once"
    flow: str | None = None
    flow_options: Mapping[str, Any] = field(default_factory=dict)
    predictions: tuple[PredictionKind, ...] = ("epsilon", "x0", "v")
    higher_order: bool = False

    def takes(self, prediction: PredictionKind) -> bool:
        """Whether models with this kind of prediction can be sampled."""
        if self.scheduler is None:
            return True
        return self.flow is not None if prediction == "flow" else prediction in self.predictions

    def steps_of_calls(self, steps: int) -> list[int]:
        """The step of every call of the denoiser. Schedules have one value per step, not per call."""
        match self.calls:
            case "once":
                return list(range(steps))
            case "heun":
                return [call // 2 for call in range(2 * steps - 1)]
            case "pndm":
                return [0, *range(steps)] if steps > 1 else [0]


OWN_SAMPLER = "model"  # the scheduler that the model comes with
# Options of diffusers' solvers for noise schedules with which they sample flow models, too.
AS_FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
DPM_PLUS_PLUS = {"algorithm_type": "dpmsolver++"}

SAMPLERS: dict[str, SamplerKind] = {
    OWN_SAMPLER: SamplerKind(None),
    "euler": SamplerKind("EulerDiscreteScheduler", flow="FlowMatchEulerDiscreteScheduler"),
    "euler_a": SamplerKind("EulerAncestralDiscreteScheduler", predictions=("epsilon", "v")),
    "ddim": SamplerKind("DDIMScheduler"),
    "ddpm": SamplerKind("DDPMScheduler"),
    "dpm++2m": SamplerKind(
        "DPMSolverMultistepScheduler",
        DPM_PLUS_PLUS,
        flow="DPMSolverMultistepScheduler",
        flow_options={**DPM_PLUS_PLUS, **AS_FLOW},
        higher_order=True,
    ),
    "dpm++2m_karras": SamplerKind(
        "DPMSolverMultistepScheduler",
        {**DPM_PLUS_PLUS, "use_karras_sigmas": True},
        higher_order=True,
    ),
    "lms": SamplerKind("LMSDiscreteScheduler", higher_order=True),
    "heun": SamplerKind(
        "HeunDiscreteScheduler", calls="heun", flow="FlowMatchHeunDiscreteScheduler", higher_order=True
    ),
    "pndm": SamplerKind(
        "PNDMScheduler", {"skip_prk_steps": True}, calls="pndm", predictions=("epsilon", "v"), higher_order=True
    ),
    "unipc": SamplerKind(
        "UniPCMultistepScheduler", flow="UniPCMultistepScheduler", flow_options=AS_FLOW, higher_order=True
    ),
}
# Those for flow models are not among them: there the prediction of such a step is 0, and no scheduler moves by it.
HIGHER_ORDER = {kind.scheduler for kind in SAMPLERS.values() if kind.higher_order}


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
        shift = model_config.get("flow_shift", model_config.get("shift", 1.0))  # one setting under two names
        shifted = {**model_config, "shift": shift, "flow_shift": shift}
        return getattr(diffusers, str(kind.flow)).from_config(shifted, **kind.flow_options)
    return getattr(diffusers, kind.scheduler).from_config({**LATENT_DEFAULTS, **model_config}, **kind.options)


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


def noise_levels(name: str, model_config: Mapping[str, Any], steps: int) -> tuple[float, ...]:
    """sigma = sigma_t / alpha_t at every step of a sampler with the model's noise schedule, decreasing."""
    import torch

    sampler = Sampler.start(name, model_config, steps, torch.Generator())
    steps_of_calls = SAMPLERS[name].steps_of_calls(steps)
    return tuple(sampler.sigmas_at(steps_of_calls.index(step))[0] for step in range(steps))


PipelineInputs = tuple[tuple[str, Any], ...]  # names and values of inputs of a pipeline's call, sorted by name


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a picture is sampled, apart from its texts, its seed and guidance.

    sampler: its name. size: width and height in pixels; None is the model's native size.
    inputs: further inputs of the pipeline's call: `call` in sweep files.
    """

    sampler: str
    steps: int
    size: tuple[int, int] | None = None
    inputs: PipelineInputs = ()


def thawed(value: Any) -> Any:
    """The value of an input with lists in the place of tuples, which a key of sweeps and ids needs."""
    return list(map(thawed, value)) if isinstance(value, tuple) else value


class Sampler:
    """The sampler of one trajectory: a diffusers scheduler with its state, which can be copied.

    Latents are [1, channels, height, width], or as the model has them. Ancestral samplers draw noise from the
    trajectory's own CPU generator, so that experiments with the same seed get the same noise.
    """

    def __init__(
        self,
        scheduler: Any,
        generator: torch.Generator,
        sampling: Sampling | None = None,
        step_options: Mapping[str, Any] | None = None,
    ):
        """sampling: what the sampler was made for. step_options: further arguments of every step, as `eta` of DDIM."""
        self.scheduler, self.generator, self.sampling = scheduler, generator, sampling
        self.step_options = dict(step_options or {})

    @classmethod
    def start(cls, name: str, model_config: Mapping[str, Any], steps: int, generator: torch.Generator) -> Sampler:
        """A sampler before its first call. Raises UserError where the model cannot be sampled in so many steps."""
        scheduler = build_scheduler(name, model_config)
        try:
            scheduler.set_timesteps(steps)
        except (ValueError, IndexError, ZeroDivisionError) as error:
            place = "the model's scheduler_config.json"
            raise UserError(f"cannot be sampled: {shorten(str(error))}", where=place, given=f"{steps} steps") from None
        if not is_flow(model_config) and not _within_training(scheduler):
            allowed = _most_steps(scheduler, steps)
            raise UserError(f"too many steps for {name} on this model", given=steps, allowed=f"{allowed} or fewer")
        return cls(scheduler, generator)

    def fork(self) -> Sampler:
        """An independent copy. Lists are copied; tensors are shared, since schedulers never write into them."""
        twin = copy.copy(self.scheduler)
        for key, value in vars(twin).items():
            if isinstance(value, list):
                setattr(twin, key, list(value))
        return Sampler(twin, self.generator.clone_state(), self.sampling, self.step_options)

    def timestep(self, call: int) -> torch.Tensor:
        """The timestep of a call, a scalar."""
        return self.scheduler.timesteps[call]

    def model_input(self, latents: torch.Tensor, call: int) -> torch.Tensor:
        """The denoiser's input for these latents: samplers that hold x0 + sigma noise scale it."""
        return latents if self.flow else self.scheduler.scale_model_input(latents, self.timestep(call))

    @property
    def flow(self) -> bool:
        """Whether the model is a flow matching model."""
        return is_flow(config_of(self.scheduler))

    @property
    def initial_sigma(self) -> float:
        """The factor between standard normal noise and the initial latents."""
        return getattr(self.scheduler, "init_noise_sigma", 1.0)

    def length(self, call: int) -> float:
        """sqrt(alpha_t² + sigma_t²) of the denoiser's input alpha_t x0 + sigma_t noise: 1 but for flow models."""
        if not self.flow:
            return 1.0
        t = float(self.scheduler.sigmas[call])
        return math.hypot(1 - t, t)

    def sigmas_at(self, call: int) -> tuple[float, float]:
        """sigma = sigma_t / alpha_t of the latents at the call and after its step; most samplers end at 0."""
        scheduler = self.scheduler
        sigmas: Any = getattr(scheduler, "sigmas", None)
        if self.flow:
            now, after = (float(sigmas[i]) for i in (call, call + 1))
            return now / (1 - now) if now < 1 else float("inf"), after / (1 - after)
        if sigmas is not None:
            return float(sigmas[call]), float(sigmas[call + 1])
        kept, timestep = scheduler.alphas_cumprod, int(scheduler.timesteps[call])
        # These schedulers step by a fixed number of timesteps, and not to the next timestep of the list.
        following = timestep - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        after = kept[following] if following >= 0 else getattr(scheduler, "final_alpha_cumprod", 1.0)
        return float((1 / kept[timestep] - 1) ** 0.5), float((1 / after - 1) ** 0.5)

    def step(self, prediction: torch.Tensor, latents: torch.Tensor, call: int) -> torch.Tensor:
        """The latents after the call, given its guided prediction."""
        options = {**self.step_options, **({"generator": self.generator} if self._draws() else {})}
        return self.scheduler.step(prediction, self.timestep(call), latents, **options, return_dict=False)[0]

    def step_of_zero_init(self, prediction: torch.Tensor, latents: torch.Tensor, call: int) -> torch.Tensor:
        """The latents after a call that leaves the denoiser's input as it is, but for the sampler's own noise.

        prediction: one with which a first-order step would do so.
        """
        scale = self._input_scale(call)
        moved = self.step(prediction, latents, call)
        if type(self.scheduler).__name__ not in HIGHER_ORDER:
            return moved
        return latents * (scale / self._input_scale(call + 1))

    def _input_scale(self, call: int) -> float:
        """The factor of the latents in the denoiser's input."""
        if getattr(self.scheduler, "init_noise_sigma", 1.0) == 1.0:
            return 1.0
        return float((1 + self.scheduler.sigmas[call] ** 2) ** -0.5)

    def _draws(self) -> bool:
        """Whether the scheduler draws noise at every step."""
        return "generator" in inspect.signature(type(self.scheduler).step).parameters


def _within_training(scheduler: Any) -> bool:
    """With too many steps, some schedulers give timesteps that the model was not trained on."""
    return bool(scheduler.timesteps.max() < scheduler.config.num_train_timesteps)


def _most_steps(scheduler: Any, too_many: int) -> int:
    """The largest number of steps below `too_many`, and not above that of timesteps, that a scheduler can take."""
    steps = min(too_many - 1, scheduler.config.num_train_timesteps)
    while steps > 1:
        scheduler.set_timesteps(steps)
        if _within_training(scheduler):
            break
        steps -= 1
    return steps
