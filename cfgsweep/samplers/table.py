"""The samplers by their usual names, and which calls of the denoiser belong to which step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
    draws: whether noise is drawn at every step but the last.
    begins_late: whether it can begin at any step; pndm's first step is made otherwise than the others.
    """

    scheduler: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    calls: Literal["once", "heun", "pndm"] = "once"
    flow: str | None = None
    flow_options: Mapping[str, Any] = field(default_factory=dict)
    predictions: tuple[PredictionKind, ...] = ("epsilon", "x0", "v")
    higher_order: bool = False
    draws: bool = False
    begins_late: bool = True

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
    "euler_a": SamplerKind("EulerAncestralDiscreteScheduler", predictions=("epsilon", "v"), draws=True),
    "ddim": SamplerKind("DDIMScheduler"),
    "ddpm": SamplerKind("DDPMScheduler", draws=True),
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
        "PNDMScheduler",
        {"skip_prk_steps": True},
        calls="pndm",
        predictions=("epsilon", "v"),
        higher_order=True,
        begins_late=False,
    ),
    "unipc": SamplerKind(
        "UniPCMultistepScheduler", flow="UniPCMultistepScheduler", flow_options=AS_FLOW, higher_order=True
    ),
}
# Those for flow models are not among them: there the prediction of such a step is 0, and no scheduler moves by it.
HIGHER_ORDER = {kind.scheduler for kind in SAMPLERS.values() if kind.higher_order}
