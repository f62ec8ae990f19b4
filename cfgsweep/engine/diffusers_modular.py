"""cfgsweep's guiders inside diffusers' modular pipelines.

pipeline.update_components(guider=ModularGuider(GUIDERS["tnorm"](), pipeline.scheduler, value=0.15))
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from diffusers.guiders.guider_utils import BaseGuidance, GuiderOutput
from torch import nn

from cfgsweep.engine.trace import compile_guider
from cfgsweep.errors import UserError
from cfgsweep.guidance import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.apply import guide, zero_init_prediction
from cfgsweep.guidance.perturbations import LayerPerturbation
from cfgsweep.guidance.schedules import Constant, Schedule
from cfgsweep.models.perturbation_hooks import PerturbationHooks
from cfgsweep.samplers import Sampler, config_of, predicted_by


class ModularGuider(BaseGuidance):
    """A guider of ours as diffusers' modular pipelines want one: one pass a prediction, all prompts of a batch alike.

    guider: any of `cfgsweep.guidance.GUIDERS`. scheduler: the pipeline's own, for the noise at every step.
    schedule, value: the guidance scale; the guider's default where no value is given.

    Raises UserError where a guider needs what these pipelines do not offer (a prediction without any text, by another
    model, or of other latents), or a layer that the denoiser does not have.
    """

    _input_predictions = ["predictions"]  # whatever `branches` says; the base class wants a list that is not empty

    def __init__(
        self, guider: Guider, scheduler: Any, schedule: Schedule | None = None, value: float | None = None
    ) -> None:
        super().__init__()
        self._step: int | None = None
        self.guider, self.scheduler = guider, scheduler
        self.schedule = schedule or Constant()
        own = self.schedule.own_value() if value is None else value
        self.value = guider.scale_by_default if own is None else own
        self.register_to_config(
            guider=guider.settings(), schedule=self.schedule.settings(), value=self.value
        )  # for the pipeline's own records
        self._perturbation: LayerPerturbation | None = None  # of the pass to come
        self._pass = ExitStack()
        self._hooks: list[Any] = []
        self._latents: torch.Tensor | None = None  # as the denoiser was given them at this step
        self._memory: torch.Tensor | None = None

    def set_state(self, step: int, num_inference_steps: int, timestep: torch.Tensor) -> None:
        super().set_state(step, num_inference_steps, timestep)
        if step == 0:
            self._memory = None
        sampler = Sampler(self.scheduler, torch.Generator())
        steps = range(num_inference_steps)
        levels = tuple(sampler.sigmas_at(step)[0] for step in steps) if self.guider.noise_interval else ()
        self._ratios, self._length = sampler.sigmas_at(step), sampler.length(step)
        self._formula = compile_guider(self.guider, num_inference_steps, "euler", levels)  # one call a step
        self._scale = self.schedule.values(self.value, num_inference_steps)[step]
        self._variation = self._formula.at(step)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The predictions of this step. To stand still takes none, but shows the latents' shape.

        Before the first step a pipeline asks whether it has to encode a negative prompt.
        """
        if self._step is None:
            return (COND, UNCOND)
        if self._step < self._formula.zero or self._step not in self._formula.window:
            return (COND,)
        return self._formula.branches(self._scale, self._variation)

    @property
    def num_conditions(self) -> int:
        return len(self.branches)

    @property
    def is_conditional(self) -> bool:
        return self.branches[self._count_prepared - 1].condition == "prompt"

    def prepare_inputs(self, data: dict[str, tuple[Any, Any]]) -> list[Any]:
        places = {"prompt": 0, "negative_prompt": 1}
        missing = [
            role.name
            for role in self.branches
            if role.condition not in places or not isinstance(role.perturbation, LayerPerturbation | None)
        ]
        if missing:
            problem = "modular pipelines have no prediction without text, by another model, or of other latents"
            raise UserError(problem, where=self.guider.name, given=missing)
        return [self._prepare_batch(data, places[role.condition], role.name) for role in self.branches]

    def prepare_models(self, denoiser: nn.Module) -> None:
        """The next pass is seen, and harmed where its prediction has to be. Whatever happens in it, no harm is left."""
        super().prepare_models(denoiser)
        self.cleanup_models(denoiser)
        perturbation = self.branches[self._count_prepared - 1].perturbation
        assert isinstance(perturbation, LayerPerturbation | None)  # others are refused before
        self._perturbation = perturbation
        self._hooks = [
            denoiser.register_forward_pre_hook(self._enter, with_kwargs=True),
            denoiser.register_forward_hook(self._leave, always_call=True),
        ]

    def cleanup_models(self, denoiser: nn.Module) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _enter(self, denoiser: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self._latents = args[0] if args else kwargs["sample"]
        if self._perturbation is not None:
            hooks = PerturbationHooks(denoiser)
            self._pass.callback(hooks.remove)
            self._pass.enter_context(hooks.applied(self._perturbation, self._latents))

    def _leave(self, *_: object) -> None:
        self._perturbation = None
        self._pass.close()

    def forward(self, **predictions: torch.Tensor) -> GuiderOutput:
        """The guided prediction of this step."""
        prediction = predicted_by(config_of(self.scheduler))
        at, step = self._moment(predictions), self._step
        assert step is not None  # a pipeline says where it is before it asks
        if step < self._formula.zero:
            guided = zero_init_prediction(at, prediction)
        elif len(predictions) == 1:
            (guided,) = predictions.values()
        else:
            guided, self._memory = guide(self._variation.guider, at, prediction)
        if step + 1 == self._num_inference_steps:
            self._step = None
        return GuiderOutput(pred=guided, pred_cond=predictions.get("cond"), pred_uncond=predictions.get("uncond"))

    def _moment(self, predictions: dict[str, torch.Tensor]) -> StepContext:
        assert self._latents is not None  # a prediction was made of them
        latents = self._latents / self._length

        def column(value: float) -> torch.Tensor:
            return latents.new_full((len(latents), *[1] * (latents.ndim - 1)), value)

        sigma, next_sigma = self._ratios
        names = self._variation.guider.number_names()
        numbers = zip(names, (self._scale, *self._variation.others), strict=True)
        return StepContext(
            predictions=predictions,
            numbers={name: column(number) for name, number in numbers},
            latents=latents,
            sigma=column(sigma),
            next_sigma=column(next_sigma),
            memory=torch.zeros_like(latents) if self._memory is None else self._memory,
        )
