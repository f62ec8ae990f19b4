"""Guiders that lead away from what a harmed denoiser predicts for the same prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from cfgsweep.guidance.base import COND, UNCOND, Guider, Moment, Role
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.perturbations import MEAN, BlurredInput, Kind, OtherModel, Perturbation
from cfgsweep.guidance.schedulable import FromZero, Numeric

if TYPE_CHECKING:
    from torch import Tensor


def _names(given: Any) -> Any:
    """One layer or several; a number is a transformer's block."""
    several = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in several):
        raise ValueError("a layer is a name or a number")
    return tuple(map(str, several))


ONE_LAYER = {"type": ["string", "integer"]}
LAYERS_IN_FILES = {"anyOf": [ONE_LAYER, {"type": "array", "items": ONE_LAYER, "minItems": 1}]}
Layers = Annotated[
    tuple[str, ...], BeforeValidator(_names), Field(min_length=1), WithJsonSchema(LAYERS_IN_FILES, mode="validation")
]
LAYERS: Any = Field(
    ("mid",), description="where: mid, up.1, down.2.attentions.0, or the numbers of a transformer's blocks"
)


class Pushed(Guider):
    """CFG, and on top a push from a worse prediction towards the whole one; a push of 0 is CFG."""

    differences_only = False

    push: ClassVar[str]  # the parameter that weighs the push

    def reduced(self, at: dict[str, float]) -> tuple[Guider, dict[str, float]]:
        return (self, at) if at[self.push] else (CFG(), {"guidance_rescale": at["guidance_rescale"]})


class Perturbed(Pushed):
    """Pushed away from what the denoiser predicts for the same prompt with some of its layers harmed.

    A linear formula: scale 1 is pure perturbed guidance at two predictions a step.
    """

    lists = ("sigma", "layers")
    layers: Layers = LAYERS

    def perturbation(self, at: Mapping[str, float]) -> Perturbation:
        raise NotImplementedError

    def roles(self, at: Mapping[str, float]) -> tuple[Role, ...]:
        harmed = Role("perturbed", "prompt", self.perturbation(at))
        return (COND, harmed) if at["scale"] == 1 else (COND, UNCOND, harmed)

    def combine(self, at: Moment) -> Tensor:
        guided = at.cfg if "uncond" in at.predictions else at.cond
        return guided + at.numbers[self.push] * (at.cond - at.predictions["perturbed"])


class PAG(Perturbed):
    """Perturbed-attention guidance: away from self-attention whose scores are the identity."""

    name = "pag"
    formula = "uncond + scale (cond - uncond) + pag_scale (cond - perturbed)"
    source = "Ahn et al. 2024, arXiv 2403.17377"
    push = "pag_scale"
    pag_scale: Numeric = 3.0

    def perturbation(self, at: Mapping[str, float]) -> Perturbation:
        return Perturbation("identity", self.layers)


class SLG(Perturbed):
    """Skip-layer and spatio-temporal guidance: away from a denoiser with layers, or parts of them, left out.

    skip: block, attention and feed_forward (their input handed on, as diffusers does), attention_scores (STG-A, and
    PAG), or attention_residual (the attention adds nothing).
    """

    name = "slg"
    formula = "uncond + scale (cond - uncond) + slg_scale (cond - perturbed)"
    source = "Stability AI 2024 (SD 3.5); Hyung et al. 2024 (STG), arXiv 2411.18664"
    push = "slg_scale"
    slg_scale: Numeric = 2.8
    skip: Literal["block", "attention", "feed_forward", "attention_scores", "attention_residual"] = "block"

    def perturbation(self, at: Mapping[str, float]) -> Perturbation:
        kind: Kind = "identity" if self.skip == "attention_scores" else self.skip
        return Perturbation(kind, self.layers)


class SEG(Perturbed):
    """Smoothed-energy guidance: away from self-attention whose queries are blurred."""

    name = "seg"
    formula = "uncond + scale (cond - uncond) + seg_scale (cond - perturbed)"
    source = "Hong 2024, arXiv 2408.00760"
    push = "seg_scale"
    seg_scale: Numeric = 3.0
    blur_sigma: FromZero = Field(MEAN, description="in positions of the layer; from 9999 on, the mean of all queries")

    def perturbation(self, at: Mapping[str, float]) -> Perturbation:
        return Perturbation("blur", self.layers, at["blur_sigma"])


class SAG(Pushed):
    """Self-attention guidance: away from what is predicted for latents blurred where the denoiser looks.

    Where it looks is what the self-attention of its middle tells, at the unconditional prediction; the blurred
    latents take one more prediction after that one.
    """

    name = "sag"
    formula = "uncond + scale (cond - uncond) + sag_scale (uncond - blurred)"
    source = "Hong et al. 2022, arXiv 2210.00939; `StableDiffusionSAGPipeline` of diffusers"
    push = "sag_scale"
    alone = {0.0: UNCOND}
    sag_scale: Numeric = 0.75
    blur_sigma: FromZero = Field(1.0, description="in positions of the latents")

    def roles(self, at: Mapping[str, float]) -> tuple[Role, ...]:
        blurred = Role("blurred", "negative_prompt", BlurredInput(at["blur_sigma"]))
        return (UNCOND, blurred) if at["scale"] == 0 else (COND, UNCOND, blurred)

    def combine(self, at: Moment) -> Tensor:
        guided = at.cfg if "cond" in at.predictions else at.uncond
        return guided + at.numbers[self.push] * (at.uncond - at.predictions["blurred"])


class AutoGuidance(Guider):
    """A model guided by a bad version of itself: the same prompt, some of its layers left out, or a weaker model.

    No unconditional prediction: two predictions a step.
    """

    name = "autoguidance"
    formula = "perturbed + scale (cond - perturbed)"
    source = "Karras et al. 2024, arXiv 2406.02507"
    default_scale = 2.0
    differences_only = False
    lists = ("sigma", "layers")
    layers: Layers = LAYERS
    skip: Literal["block", "attention", "feed_forward"] = "block"
    model: str | None = Field(None, description="a weaker model, as in the paper; layers do not matter then")

    def roles(self, at: Mapping[str, float]) -> tuple[Role, ...]:
        harm = OtherModel(self.model) if self.model else Perturbation(self.skip, self.layers)
        weak = Role("perturbed", "prompt", harm)
        return {0.0: (weak,), 1.0: (COND,)}.get(at["scale"], (COND, weak))

    def combine(self, at: Moment) -> Tensor:
        weak = at.predictions["perturbed"]
        return weak + at.scale * (at.cond - weak)
