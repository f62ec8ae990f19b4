"""Which step of a run, and which noise level, a call of the network belongs to in diffusers' modular pipelines.

The pipelines number calls, of which some schedulers make two per step. A run may begin late among the scheduler's
timesteps: that of a picture which is changed, or of the second of two networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cfgsweep.errors import UserError
from cfgsweep.samplers import SAMPLERS, Sampler, direction_of

# A sampler whose calls fall on steps as those of a scheduler class do.
SAMPLER_OF = {name: each for each, kind in SAMPLERS.items() for name in (kind.scheduler, kind.flow) if name}


def sampler_name(scheduler: Any) -> str:
    """The name of a sampler whose calls fall on steps as this scheduler's do.

    Raises UserError for schedulers that call the network more often than once per step in a way that is not known, and
    for those of pictures that grow from stage to stage, whose latents are not x0 and noise at a known level.
    """
    name = type(scheduler).__name__
    if scheduler.config.get("stages", 1) > 1:
        raise UserError("a scheduler with stages of different sizes", given=name)
    unknown = getattr(scheduler, "order", 1) > 1 and name not in SAMPLER_OF
    if unknown or (name == "PNDMScheduler" and not scheduler.config.skip_prk_steps):
        hint = "PNDM needs `skip_prk_steps: true`" if name == "PNDMScheduler" else ""
        raise UserError("a scheduler with an unknown number of calls per step", given=name, hint=hint)
    return SAMPLER_OF.get(name, "euler")


@dataclass(frozen=True)
class Call:
    """A call of the network. number: in the run. index: its place among the scheduler's timesteps. steps: of the run.

    Raises UserError where the scheduler does not have the call's timestep.
    """

    scheduler: Any
    number: int
    index: int
    steps: int

    @classmethod
    def find(cls, scheduler: Any, number: int, steps: int, timestep: Any) -> Call:
        """The call with this number at this timestep in a run of so many steps."""
        same = (scheduler.timesteps == torch.as_tensor(timestep, device=scheduler.timesteps.device)).nonzero()
        places = same.flatten().tolist()
        if not places:
            hint = "ModularGuider needs the scheduler that the pipeline has"
            raise UserError("the scheduler does not have this timestep", given=float(timestep), hint=hint)
        begun = number + (getattr(scheduler, "begin_index", None) or 0)
        return cls(scheduler, number, begun if begun in places else places[0], steps)

    @property
    def _steps_of_calls(self) -> list[int]:
        return SAMPLERS[sampler_name(self.scheduler)].steps_of_calls(self.steps)

    @property
    def step(self) -> int:
        """The step of the run that the call belongs to."""
        return self._steps_of_calls[self.number]

    @property
    def is_last(self) -> bool:
        """Whether the run ends with this call, unless the pipeline ends it earlier."""
        return self.number + 1 == len(self._steps_of_calls)

    def as_model(self, prediction: Tensor, latents: Tensor, x0: bool) -> Tensor:
        """A prediction of the pipeline as the kind that the network predicts, of flow models noise - x0.

        latents: those of the network's call. x0: whether the pipeline has converted it to x0.
        """
        if x0:
            return (latents - prediction) / self._time
        return direction_of(self.scheduler) * prediction

    def as_pipeline(self, prediction: Tensor, latents: Tensor, x0: bool) -> Tensor:
        """The inverse of `as_model`."""
        return latents - self._time * prediction if x0 else self.as_model(prediction, latents, x0)

    @property
    def _time(self) -> float:
        """t of a flow model's latents (1 - t) x0 + t noise."""
        return float(self.scheduler.sigmas[self.index])

    @property
    def sigmas(self) -> tuple[float, float]:
        """sigma_t / alpha_t of the latents at the call and after it."""
        return self._sampler.sigmas_at(self.index)

    @property
    def length(self) -> float:
        """sqrt(alpha_t² + sigma_t²) of the latents that the network takes."""
        return self._sampler.length(self.index)

    @property
    def noise_levels(self) -> tuple[float, ...]:
        """sigma_t / alpha_t at every step of the run."""
        first, calls, sampler = self.index - self.number, self._steps_of_calls, self._sampler
        return tuple(sampler.sigmas_at(first + calls.index(step))[0] for step in range(self.steps))

    @property
    def _sampler(self) -> Sampler:
        return Sampler(self.scheduler, torch.Generator())
