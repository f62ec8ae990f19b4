"""The guiders of cfgsweep in modular pipelines of diffusers.

pipeline.update_components(guider=ModularGuider(GUIDERS["tnorm"](), pipeline.scheduler, value=0.15))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers.guiders.guider_utils import BaseGuidance, GuiderOutput
from torch import nn

from cfgsweep.engine.modular_ltx2 import Sound, are_sound, are_x0
from cfgsweep.engine.modular_pass import NetworkPass
from cfgsweep.engine.modular_steps import Call, sampler_name
from cfgsweep.errors import UserError
from cfgsweep.guidance import COND, Branch, StepContext
from cfgsweep.guidance.apply import guide, zero_init_prediction
from cfgsweep.guidance.base import Guider
from cfgsweep.guidance.interface import GuiderBase, compile_guider
from cfgsweep.guidance.perturbations import LayerPerturbation
from cfgsweep.guidance.schedules import Constant, Schedule
from cfgsweep.samplers import HIGHER_ORDER, SAMPLERS, config_of, is_flow, predicted_by

PREFIX = "pred_"  # of names of predictions: by them, pipelines with two guiders make no pass twice
PLACES = {"prompt": 0, "negative_prompt": 1}  # of a condition in the pairs that pipelines give
# The pipelines of these networks scale every guided prediction to the norm of the conditional one.
RENORMALISED = {"QwenImageTransformer2DModel"}


def _check_scheduler(guider: Guider, scheduler: Any) -> None:
    """Raises UserError where the guider is not defined for the scheduler, or could not leave its latents in place."""
    name, kinds = type(scheduler).__name__, [SAMPLERS[each] for each in guider.samplers or ()]
    allowed = [each for kind in kinds for each in (kind.scheduler, kind.flow) if each]
    if allowed and name not in allowed:
        raise UserError(f"{guider.name} is not defined for this scheduler", given=name, allowed=allowed)
    if guider.zero_steps and name in HIGHER_ORDER and not is_flow(config_of(scheduler)):
        raise UserError("this scheduler has no step that leaves the latents", where="zero_init_steps", given=name)


class ModularGuider(BaseGuidance):  # type: ignore[misc]  # diffusers has no types
    """A guider of cfgsweep as one of diffusers: one pass per prediction, and the same guidance for the whole batch.

    guider: one of `cfgsweep.guidance.GUIDERS`. scheduler: the pipeline's, which has the noise level of every step.
    schedule, value: the guidance scale; the guider's default scale if neither gives a value.

    Guiders get the latents as [rows, channels, height, width], with frames before the height for videos, also where the
    network takes tokens (`modular_latents.py`). Half precision is converted to float32 for the formula.

    LTX-2's pipelines have two guiders, `guider` of the video and `audio_guider` of the sound, [rows, channels, time].

    QwenImage's pipelines scale the guided prediction of any guider, token by token, to the norm of the conditional one,
    so that guiders which only change this norm have no effect there, and `zero_init_steps` are refused.

    Raises UserError if the guider is one of diffusers, needs a prediction that these pipelines do not make (without any
    text, by another model, or of other latents), needs a layer that the denoiser does not have, or is not defined for
    the scheduler; where `zero_init_steps` could not leave the latents in place; and where the picture cannot be found
    among the network's tokens.
    """

    _input_predictions = ["predictions"]  # the base class refuses an empty list; `branches` is used instead
    spatio_temporal_guidance_blocks = None  # LTX-2's pipelines ask for this option of their own guider

    def __init__(
        self, guider: GuiderBase, scheduler: Any, schedule: Schedule | None = None, value: float | None = None
    ) -> None:
        super().__init__()
        if not isinstance(guider, Guider):
            raise UserError("a guider of diffusers is given to the pipeline itself", given=guider.name)
        _check_scheduler(guider, scheduler)
        self.guider, self.scheduler = guider, scheduler
        self.schedule = schedule or Constant()
        given = self.schedule.own_value() if value is None else value
        self.value = guider.default_scale if given is None else given
        self.register_to_config(
            guider=guider.settings(), schedule=self.schedule.settings(), value=self.value
        )  # for the pipeline's own records
        self._call: Call | None = None  # the last one
        self._pass = NetworkPass()
        self._block_state: Any = None  # of the pipeline
        self._predict_x0 = False  # whether the pipeline has converted the predictions
        self._memory: torch.Tensor | None = None

    def set_state(self, step: int, num_inference_steps: int, timestep: torch.Tensor) -> None:
        """step: the number of the call of the network in this run, of which some schedulers make two per step."""
        super().set_state(step, num_inference_steps, timestep)
        last = self._call
        follows = last and not last.is_last and (step, num_inference_steps) == (last.number + 1, last.steps)
        if not follows:  # another run, in which this guider may begin late
            self._memory = None
        self._call = call = Call.find(self.scheduler, step, num_inference_steps, timestep)
        levels = call.noise_levels if self.guider.needs_noise_levels or self.schedule.needs_sigma else ()
        self._compiled = compile_guider(self.guider, num_inference_steps, sampler_name(self.scheduler), levels)
        self._scale = self.schedule.values(self.value, num_inference_steps, levels)[call.step]
        self._at_step = self._compiled.at_call(step)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The predictions of this call. One that leaves the latents as they are needs one for their shape."""
        assert self._call is not None
        if not self._enabled or self._leaves_latents or self._call.number not in self._compiled.window:
            return (COND,)
        return self._compiled.branches(self._scale, self._at_step)

    @property
    def _leaves_latents(self) -> bool:
        assert self._call is not None
        return self._call.number < self._compiled.zero_calls

    @property
    def num_conditions(self) -> int:
        """2 where the pipeline has to encode a negative prompt. It is asked before the first step."""
        return len(PLACES) if self._enabled else 1

    @property
    def is_conditional(self) -> bool:
        return self._next_branch.condition == "prompt"

    @property
    def _next_branch(self) -> Branch:
        """That of the next pass. LTX-2's pipelines add those of the sound's guider."""
        count: int = self._count_prepared  # set by the base class
        return self.branches[count - 1] if count <= len(self.branches) else COND

    def active_predictions(self) -> list[str]:
        """What LTX-2's pipelines ask for: the names of the predictions."""
        return [PREFIX + branch.name for branch in self.branches]

    def prepare_inputs(self, data: dict[str, Any]) -> list[Any]:
        return self._prepared(lambda place, name: self._prepare_batch(data, place, name))

    def prepare_inputs_from_block_state(self, data: Any, input_fields: dict[str, Any]) -> list[Any]:
        self._block_state = data
        return self._prepared(lambda place, name: self._prepare_batch_from_block_state(input_fields, data, place, name))

    def _prepared(self, batch: Callable[[int, str], Any]) -> list[Any]:
        """The inputs of every pass. batch: makes them from the condition's place and the prediction's name."""
        missing = [
            branch.name
            for branch in self.branches
            if branch.condition not in PLACES or not isinstance(branch.perturbation, LayerPerturbation | None)
        ]
        if missing:
            problem = "modular pipelines have no prediction without text, by another model, or of other latents"
            raise UserError(problem, where=self.guider.name, given=missing)
        return [batch(PLACES[branch.condition], PREFIX + branch.name) for branch in self.branches]

    def prepare_models(self, denoiser: nn.Module) -> None:
        """For the next pass, see `NetworkPass`."""
        super().prepare_models(denoiser)
        perturbation = self._next_branch.perturbation
        assert isinstance(perturbation, LayerPerturbation | None)  # prepare_inputs refuses others
        self._pass.prepare(denoiser, perturbation)

    def cleanup_models(self, denoiser: nn.Module) -> None:
        self._pass.clean_up()

    def __call__(self, data: list[Any]) -> GuiderOutput:
        """The guided prediction of the predictions that the pipeline made from `prepare_inputs`."""
        self._predict_x0 = are_x0(data)
        if are_sound(data):
            if any(branch.perturbation for branch in self.branches):
                raise UserError("the guider of sound cannot perturb layers", where=self.guider.name)
            self._pass.input = Sound(self._block_state.audio_latents)
        names = [getattr(each, self._identifier_key).removeprefix(PREFIX) for each in data]
        return self.forward(**{name: each.noise_pred for name, each in zip(names, data, strict=True)})

    def forward(self, **predictions: torch.Tensor) -> GuiderOutput:
        """The guided prediction of this call."""
        first = next(iter(predictions.values()))
        guided = first
        if self._leaves_latents or len(predictions) > 1:
            guided = self._guided(predictions, first)
        if self._call is not None and self._call.is_last:
            self._pass.release()
        cond = predictions.get("cond", guided)
        return GuiderOutput(pred=guided, pred_cond=cond, pred_uncond=predictions.get("uncond"))

    def _guided(self, predictions: dict[str, torch.Tensor], first: torch.Tensor) -> torch.Tensor:
        """The guided prediction in the layout of the predictions, of which `first` is one."""
        network_input, call = self._pass.input, self._call
        assert network_input is not None  # the predictions were made from it
        assert call is not None
        pictures = {name: network_input.picture(each).float() for name, each in predictions.items()}
        latents = network_input.like(next(iter(pictures.values()))).float()
        flows = {name: call.as_model(each, latents, self._predict_x0) for name, each in pictures.items()}
        guided = self._guided_picture(self._context(flows, latents / call.length, call.sigmas))
        return network_input.as_predicted(call.as_pipeline(guided, latents, self._predict_x0), first)

    def _guided_picture(self, ctx: StepContext) -> torch.Tensor:
        prediction = predicted_by(config_of(self.scheduler))
        if self._leaves_latents:
            if self._pass.network in RENORMALISED:
                problem = "this pipeline scales every prediction, so that none leaves the latents as they are"
                raise UserError(problem, where="zero_init_steps", given=self.guider.zero_init_steps)
            return zero_init_prediction(ctx, prediction)
        at_step = self._at_step.guider
        assert isinstance(at_step, Guider)  # as self.guider is
        guided, self._memory = guide(at_step, ctx, prediction)
        return guided

    def _context(
        self, pictures: dict[str, torch.Tensor], latents: torch.Tensor, sigmas: tuple[float, float]
    ) -> StepContext:
        def column(value: float) -> torch.Tensor:
            return latents.new_full((len(latents), *[1] * (latents.ndim - 1)), value)

        sigma, next_sigma = sigmas
        return StepContext(
            predictions=pictures,
            numbers={name: column(number) for name, number in self._at_step.numbers(self._scale).items()},
            latents=latents,
            sigma=column(sigma),
            next_sigma=column(next_sigma),
            memory=torch.zeros_like(latents) if self._memory is None else self._memory,
        )
