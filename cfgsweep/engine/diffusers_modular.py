"""The guiders of cfgsweep in modular pipelines of diffusers.

pipeline.update_components(guider=ModularGuider(GUIDERS["tnorm"](), pipeline.scheduler, value=0.15))
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from diffusers.guiders.guider_utils import BaseGuidance, GuiderOutput
from torch import nn

from cfgsweep.errors import UserError
from cfgsweep.guidance import COND, UNCOND, Branch, StepContext
from cfgsweep.guidance.apply import guide, zero_init_prediction
from cfgsweep.guidance.base import Guider
from cfgsweep.guidance.interface import GuiderBase, compile_guider
from cfgsweep.guidance.perturbations import LayerPerturbation
from cfgsweep.guidance.schedules import Constant, Schedule
from cfgsweep.models.perturbation_hooks import PerturbationHooks
from cfgsweep.samplers import Sampler, config_of, predicted_by


class ModularGuider(BaseGuidance):  # type: ignore[misc]  # diffusers has no types
    """A guider of cfgsweep as one of diffusers: one pass per prediction, and the same guidance for the whole batch.

    guider: one of `cfgsweep.guidance.GUIDERS`. scheduler: the pipeline's, which has the noise level of every step.
    schedule, value: the guidance scale; the guider's default scale if neither gives a value.

    Raises UserError if the guider is one of diffusers, needs a prediction that these pipelines do not make (without any
    text, by another model, or of other latents), or needs a layer that the denoiser does not have.
    """

    _input_predictions = ["predictions"]  # the base class refuses an empty list; `branches` is used instead

    def __init__(
        self, guider: GuiderBase, scheduler: Any, schedule: Schedule | None = None, value: float | None = None
    ) -> None:
        super().__init__()
        if not isinstance(guider, Guider):
            raise UserError("a guider of diffusers is given to the pipeline itself", given=guider.name)
        self._step: int | None = None
        self.guider, self.scheduler = guider, scheduler
        self.schedule = schedule or Constant()
        given = self.schedule.own_value() if value is None else value
        self.value = guider.default_scale if given is None else given
        self.register_to_config(
            guider=guider.settings(), schedule=self.schedule.settings(), value=self.value
        )  # for the pipeline's own records
        self._perturbation: LayerPerturbation | None = None  # of the next pass
        self._pass = ExitStack()
        self._hooks: list[Any] = []
        self._latents: torch.Tensor | None = None  # the denoiser's input at this step
        self._memory: torch.Tensor | None = None

    def set_state(self, step: int, num_inference_steps: int, timestep: torch.Tensor) -> None:
        super().set_state(step, num_inference_steps, timestep)
        if step == 0:
            self._memory = None
        sampler = Sampler(self.scheduler, torch.Generator())
        steps = range(num_inference_steps)
        levels = tuple(sampler.sigmas_at(step)[0] for step in steps) if self.guider.noise_interval else ()
        self._sigmas, self._length = sampler.sigmas_at(step), sampler.length(step)
        self._compiled = compile_guider(self.guider, num_inference_steps, "euler", levels)  # one call per step
        self._scale = self.schedule.values(self.value, num_inference_steps)[step]
        self._at_step = self._compiled.at_call(step)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The predictions of this step. A step that leaves the latents as they are needs one for their shape.

        Before the first step, pipelines read this to find out whether a negative prompt has to be encoded.
        """
        if self._step is None:
            return (COND, UNCOND)
        if self._step < self._compiled.zero_calls or self._step not in self._compiled.window:
            return (COND,)
        return self._compiled.branches(self._scale, self._at_step)

    @property
    def num_conditions(self) -> int:
        return len(self.branches)

    @property
    def is_conditional(self) -> bool:
        return self._next_branch.condition == "prompt"

    @property
    def _next_branch(self) -> Branch:
        count: int = self._count_prepared  # set by the base class
        return self.branches[count - 1]

    def prepare_inputs(self, data: dict[str, tuple[Any, Any]]) -> list[Any]:
        places = {"prompt": 0, "negative_prompt": 1}
        missing = [
            branch.name
            for branch in self.branches
            if branch.condition not in places or not isinstance(branch.perturbation, LayerPerturbation | None)
        ]
        if missing:
            problem = "modular pipelines have no prediction without text, by another model, or of other latents"
            raise UserError(problem, where=self.guider.name, given=missing)
        return [self._prepare_batch(data, places[branch.condition], branch.name) for branch in self.branches]

    def prepare_models(self, denoiser: nn.Module) -> None:
        """Hooks for the next pass: they keep the denoiser's input, and perturb it. They are removed after the pass.

        An exception during the pass leaves no hook behind.
        """
        super().prepare_models(denoiser)
        self.cleanup_models(denoiser)
        perturbation = self._next_branch.perturbation
        assert isinstance(perturbation, LayerPerturbation | None)  # prepare_inputs refuses others
        self._perturbation = perturbation
        self._hooks = [
            denoiser.register_forward_pre_hook(self._enter_pass, with_kwargs=True),
            denoiser.register_forward_hook(self._leave_pass, always_call=True),
        ]

    def cleanup_models(self, denoiser: nn.Module) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _enter_pass(self, denoiser: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        latents: torch.Tensor = args[0] if args else kwargs["sample"]
        self._latents = latents
        if self._perturbation is not None:
            hooks = PerturbationHooks(denoiser)
            self._pass.callback(hooks.remove)
            self._pass.enter_context(hooks.applied(self._perturbation, latents.shape[-2:]))

    def _leave_pass(self, *_: object) -> None:
        self._perturbation = None
        self._pass.close()

    def forward(self, **predictions: torch.Tensor) -> GuiderOutput:
        """The guided prediction of this step."""
        prediction = predicted_by(config_of(self.scheduler))
        ctx, step = self._context(predictions), self._step
        assert step is not None  # set_state was called
        if step < self._compiled.zero_calls:
            guided = zero_init_prediction(ctx, prediction)
        elif len(predictions) == 1:
            (guided,) = predictions.values()
        else:
            at_step = self._at_step.guider
            assert isinstance(at_step, Guider)  # as self.guider is
            guided, self._memory = guide(at_step, ctx, prediction)
        if step + 1 == self._num_inference_steps:
            self._step = None
        return GuiderOutput(pred=guided, pred_cond=predictions.get("cond"), pred_uncond=predictions.get("uncond"))

    def _context(self, predictions: dict[str, torch.Tensor]) -> StepContext:
        assert self._latents is not None  # the predictions were made from them
        latents = self._latents / self._length

        def column(value: float) -> torch.Tensor:
            return latents.new_full((len(latents), *[1] * (latents.ndim - 1)), value)

        sigma, next_sigma = self._sigmas
        return StepContext(
            predictions=predictions,
            numbers={name: column(number) for name, number in self._at_step.numbers(self._scale).items()},
            latents=latents,
            sigma=column(sigma),
            next_sigma=column(next_sigma),
            memory=torch.zeros_like(latents) if self._memory is None else self._memory,
        )
