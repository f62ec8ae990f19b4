"""The sampler of one trajectory: a scheduler with its state."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.samplers.sampling import Mixing, PictureLayout, Sampling
from cfgsweep.samplers.schedulers import build_scheduler, config_of, direction_of, is_flow
from cfgsweep.samplers.table import HIGHER_ORDER, SAMPLERS

if TYPE_CHECKING:
    import torch


def noise_levels(name: str, model_config: Mapping[str, Any], steps: int) -> tuple[float, ...]:
    """sigma = sigma_t / alpha_t at every step of a sampler with the model's noise schedule, decreasing.

    Raises UserError where the model cannot be sampled so.
    """
    import torch

    sampler = Sampler.start(name, model_config, steps, torch.Generator())
    steps_of_calls = SAMPLERS[name].steps_of_calls(steps)
    with _refusals_told(steps):
        return tuple(sampler.sigmas_at(steps_of_calls.index(step))[0] for step in range(steps))


@contextmanager
def _refusals_told(steps: int) -> Iterator[None]:
    """Raises UserError for any exception of diffusers', whose schedulers do not check their configurations."""
    try:
        yield
    except (CfgsweepError, MemoryError):
        raise
    except Exception as error:
        place = "the model's scheduler_config.json"
        raise UserError(f"cannot be sampled: {shorten(str(error))}", where=place, given=f"{steps} steps") from None


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
        layout: PictureLayout | None = None,
        first: int = 0,
        mixed_in: Sequence[Mixing] = (),
    ):
        """sampling: what the sampler was made for. step_options: further arguments of every step, as `eta` of DDIM.

        layout: of the latents in a picture; None where they are [1, channels, height, width].
        first: the place of the first call among the scheduler's timesteps, above 0 for pictures made from others.
        mixed_in: what is mixed into the latents after every call; nothing where it is empty.
        """
        self.scheduler, self.generator, self.sampling, self.layout = scheduler, generator, sampling, layout
        self.step_options, self.first, self.mixed_in = dict(step_options or {}), first, mixed_in

    @classmethod
    def start(cls, name: str, model_config: Mapping[str, Any], steps: int, generator: torch.Generator) -> Sampler:
        """A sampler before its first call. Raises UserError where the model cannot be sampled in so many steps."""
        with _refusals_told(steps):
            scheduler = build_scheduler(name, model_config)
            scheduler.set_timesteps(steps)
        if not is_flow(model_config) and not _within_training(scheduler):
            allowed = _most_steps(scheduler, steps)
            raise UserError(f"too many steps for {name} on this model", given=steps, allowed=f"{allowed} or fewer")
        return cls(scheduler, generator)

    @classmethod
    def start_late(
        cls, name: str, model_config: Mapping[str, Any], steps: int, generator: torch.Generator, place: int, call: int
    ) -> Sampler:
        """A sampler that begins at a later place among its timesteps, as pipelines of image-to-image begin.

        call: the number by which its first call will be asked for.
        """
        sampler = cls.start(name, model_config, steps, generator)
        if hasattr(sampler.scheduler, "set_begin_index"):
            sampler.scheduler.set_begin_index(place)
        sampler.first = place - call
        return sampler

    def fork(self) -> Sampler:
        """An independent copy. Lists are copied; tensors are shared, since schedulers never write into them."""
        twin = copy.copy(self.scheduler)
        for key, value in vars(twin).items():
            if isinstance(value, list):
                setattr(twin, key, list(value))
        generator = self.generator.clone_state()
        return Sampler(twin, generator, self.sampling, self.step_options, self.layout, self.first, self.mixed_in)

    def timestep(self, call: int) -> torch.Tensor:
        """The timestep of a call, a scalar."""
        return self.scheduler.timesteps[self.first + call]

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
        t = self._flow_time(call)
        return math.hypot(1 - t, t)

    def sigmas_at(self, call: int) -> tuple[float, float]:
        """sigma = sigma_t / alpha_t of the latents at the call and after its step; most samplers end at 0."""
        scheduler = self.scheduler
        sigmas: Any = getattr(scheduler, "sigmas", None)
        if self.flow:
            now, after = (self._flow_time(i) for i in (call, call + 1))
            return now / (1 - now) if now < 1 else float("inf"), after / (1 - after)
        if sigmas is not None:
            return float(sigmas[self.first + call]), float(sigmas[self.first + call + 1])
        kept, timestep = scheduler.alphas_cumprod, int(self.timestep(call))
        # These schedulers step by a fixed number of timesteps, and not to the next timestep of the list.
        following = timestep - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        after = kept[following] if following >= 0 else getattr(scheduler, "final_alpha_cumprod", 1.0)
        return float((1 / kept[timestep] - 1) ** 0.5), float((1 / after - 1) ** 0.5)

    def _flow_time(self, call: int) -> float:
        """t of a flow model's latents (1 - t) x0 + t noise at a call."""
        sigma = float(self.scheduler.sigmas[self.first + call])
        return 1 - sigma if direction_of(self.scheduler) < 0 else sigma

    def step(self, prediction: torch.Tensor, latents: torch.Tensor, call: int) -> torch.Tensor:
        """The latents after the call, given its guided prediction."""
        return self._mixed(self._step(prediction, latents, call), call)

    def _step(self, prediction: torch.Tensor, latents: torch.Tensor, call: int) -> torch.Tensor:
        prediction = direction_of(self.scheduler) * prediction
        options = {**self.step_options, **({"generator": self.generator} if _draws(type(self.scheduler).step) else {})}
        return self.scheduler.step(prediction, self.timestep(call), latents, **options, return_dict=False)[0]

    def _mixed(self, latents: torch.Tensor, call: int) -> torch.Tensor:
        return self.mixed_in[call].mixed(latents) if self.mixed_in else latents

    def noised(self, picture: torch.Tensor, noise: torch.Tensor, call: int) -> torch.Tensor:
        """Latents of a picture with noise, as the call takes them. Before the sampler's first call."""
        timestep = self.timestep(call)[None]
        if hasattr(self.scheduler, "scale_noise"):
            noisy: torch.Tensor = self.scheduler.scale_noise(picture, timestep, noise)
        else:
            noisy = self.scheduler.add_noise(picture, noise, timestep)
        return noisy

    def renewed(
        self, latents: torch.Tensor, x0: torch.Tensor, noise: torch.Tensor, share: float, call: int
    ) -> torch.Tensor:
        """The latents with a share of their noise's variance drawn anew; the noise level stays.

        latents = c (x0 + sigma eps) becomes c (x0 + sigma (sqrt(1 - share) eps + sqrt(share) noise)).
        """
        sigma = self.sigmas_at(call)[0]
        factor = self.length(call) / self._input_scale(call) / math.hypot(1, sigma)
        clean = factor * x0
        return clean + (1 - share) ** 0.5 * (latents - clean) + factor * sigma * share**0.5 * noise

    def step_of_zero_init(self, prediction: torch.Tensor, latents: torch.Tensor, call: int) -> torch.Tensor:
        """The latents after a call that leaves the denoiser's input as it is, but for the sampler's own noise.

        prediction: one with which a first-order step would do so.
        """
        scale = self._input_scale(call)
        moved = self._step(prediction, latents, call)
        if type(self.scheduler).__name__ in HIGHER_ORDER:
            moved = latents * (scale / self._input_scale(call + 1))
        return self._mixed(moved, call)

    def _input_scale(self, call: int) -> float:
        """The factor of the latents in the denoiser's input."""
        if getattr(self.scheduler, "init_noise_sigma", 1.0) == 1.0:
            return 1.0
        return float((1 + self.scheduler.sigmas[self.first + call] ** 2) ** -0.5)


@cache
def _draws(step: Callable[..., Any]) -> bool:
    """Whether the step of a class of schedulers draws noise."""
    return "generator" in inspect.signature(step).parameters


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
