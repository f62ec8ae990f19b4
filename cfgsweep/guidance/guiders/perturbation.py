"""Guiders away from the prediction of a perturbed denoiser for the same prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.perturbations import MEAN, BlurredInput, Kind, LayerPerturbation, OtherModel
from cfgsweep.guidance.schedulable import NonNegative, Numeric

if TYPE_CHECKING:
    from torch import Tensor


def _layer_names(given: Any) -> Any:
    """The names of one layer or of several. Transformers have numbers for names."""
    layers = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(layer, str | int) and not isinstance(layer, bool) for layer in layers):
        raise ValueError("a layer is a name or a number")
    return tuple(map(str, layers))


ONE_LAYER = {"type": ["string", "integer"]}
LAYERS_IN_FILES = {"anyOf": [ONE_LAYER, {"type": "array", "items": ONE_LAYER, "minItems": 1}]}
Layers = Annotated[
    tuple[str, ...],
    BeforeValidator(_layer_names),
    Field(min_length=1),
    WithJsonSchema(LAYERS_IN_FILES, mode="validation"),
]
LAYERS: Any = Field(
    ("mid",), description="where: mid, up.1, down.2.attentions.0; of a transformer double.3, single, block, or a number"
)


class PerturbedGuider(Guider):
    """CFG plus a multiple of the difference between a prediction and a perturbed one; CFG where that multiple is 0.

    perturbation_scale_name: the parameter that is the multiple.
    """

    differences_only = False
    perturbation_scale_name: ClassVar[str]

    def simplified(self, numbers: dict[str, float]) -> tuple[Guider, dict[str, float]]:
        if numbers[self.perturbation_scale_name]:
            return self, numbers
        return CFG(), {"guidance_rescale": numbers["guidance_rescale"]}


class LayerPerturbedGuider(PerturbedGuider):
    """Guidance away from the prediction for the same prompt with some of the denoiser's layers perturbed.

    The formula is linear: at scale 1 it is perturbed guidance without CFG, with two predictions per step.
    """

    list_valued = ("sigma", "layers")
    layers: Layers = LAYERS

    def perturbation(self, numbers: Mapping[str, float]) -> LayerPerturbation:
        """The perturbation at a step with these numbers."""
        raise NotImplementedError

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        perturbed = Branch("perturbed", "prompt", self.perturbation(numbers))
        return (COND, perturbed) if numbers["scale"] == 1 else (COND, UNCOND, perturbed)

    def combine(self, ctx: StepContext) -> Tensor:
        guided = ctx.cfg if "uncond" in ctx.predictions else ctx.cond
        return guided + ctx.numbers[self.perturbation_scale_name] * (ctx.cond - ctx.predictions["perturbed"])


class PAG(LayerPerturbedGuider):
    """Perturbed-attention guidance: away from self-attention with the identity for its scores."""

    name = "pag"
    formula = "uncond + scale (cond - uncond) + pag_scale (cond - perturbed)"
    source = "Ahn et al. 2024, arXiv 2403.17377"
    usual = (1.0, 15.0)
    perturbation_scale_name = "pag_scale"
    pag_scale: Numeric = 3.0

    def perturbation(self, numbers: Mapping[str, float]) -> LayerPerturbation:
        return LayerPerturbation("identity", self.layers)


class SLG(LayerPerturbedGuider):
    """Skip-layer and spatio-temporal guidance: away from a denoiser with layers, or parts of them, left out.

    skip: block, attention or feed_forward (its output is its input, as in diffusers), attention_scores (STG-A, the same
    as PAG), or attention_residual (the attention adds nothing).
    """

    name = "slg"
    formula = "uncond + scale (cond - uncond) + slg_scale (cond - perturbed)"
    source = "Stability AI 2024 (SD 3.5); Hyung et al. 2024 (STG), arXiv 2411.18664"
    usual = (1.0, 15.0)
    perturbation_scale_name = "slg_scale"
    slg_scale: Numeric = 2.8
    skip: Literal["block", "attention", "feed_forward", "attention_scores", "attention_residual"] = "block"

    def perturbation(self, numbers: Mapping[str, float]) -> LayerPerturbation:
        kind: Kind = "identity" if self.skip == "attention_scores" else self.skip
        return LayerPerturbation(kind, self.layers)


class SEG(LayerPerturbedGuider):
    """Smoothed-energy guidance: away from self-attention with blurred queries."""

    name = "seg"
    formula = "uncond + scale (cond - uncond) + seg_scale (cond - perturbed)"
    source = "Hong 2024, arXiv 2408.00760; github.com/SusungHong/SEG-SDXL"
    formula_version = 2
    usual = (1.0, 15.0)
    perturbation_scale_name = "seg_scale"
    seg_scale: Numeric = 3.0
    blur_sigma: NonNegative = Field(
        MEAN, description="in positions of the layer; from 9999 on, the mean of all queries"
    )

    def perturbation(self, numbers: Mapping[str, float]) -> LayerPerturbation:
        return LayerPerturbation("blur", self.layers, numbers["blur_sigma"])


class SAG(PerturbedGuider):
    """Self-attention guidance: away from the prediction for latents that are blurred where attention is high.

    The attention is that of the self-attention in the middle of the denoiser, at the unconditional prediction. The
    blurred latents take one more prediction, after that one.
    """

    name = "sag"
    formula = "uncond + scale (cond - uncond) + sag_scale (uncond - blurred)"
    source = "Hong et al. 2022, arXiv 2210.00939; `StableDiffusionSAGPipeline` of diffusers"
    usual = (1.0, 15.0)
    perturbation_scale_name = "sag_scale"
    single_branch_scales = {0.0: UNCOND}
    sag_scale: Numeric = 0.75
    blur_sigma: NonNegative = Field(1.0, description="in positions of the latents")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        blurred = Branch("blurred", "negative_prompt", BlurredInput(numbers["blur_sigma"]))
        return (UNCOND, blurred) if numbers["scale"] == 0 else (COND, UNCOND, blurred)

    def combine(self, ctx: StepContext) -> Tensor:
        guided = ctx.cfg if "cond" in ctx.predictions else ctx.uncond
        return guided + ctx.numbers[self.perturbation_scale_name] * (ctx.uncond - ctx.predictions["blurred"])


class AutoGuidance(Guider):
    """Guidance away from a worse prediction for the same prompt: with some layers left out, or by a weaker model.

    Takes two predictions per step, and no unconditional one.
    """

    name = "autoguidance"
    formula = "perturbed + scale (cond - perturbed)"
    source = "Karras et al. 2024, arXiv 2406.02507"
    default_scale = 2.0
    usual = (1.0, 4.0)
    differences_only = False
    list_valued = ("sigma", "layers")
    layers: Layers = LAYERS
    skip: Literal["block", "attention", "feed_forward"] = "block"
    model: str | None = Field(None, description="a weaker model, as in the paper; layers do not matter then")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        perturbation = OtherModel(self.model) if self.model else LayerPerturbation(self.skip, self.layers)
        weak = Branch("perturbed", "prompt", perturbation)
        return {0.0: (weak,), 1.0: (COND,)}.get(numbers["scale"], (COND, weak))

    def combine(self, ctx: StepContext) -> Tensor:
        weak = ctx.predictions["perturbed"]
        return weak + ctx.scale * (ctx.cond - weak)
