"""Perturbations: changes to a denoiser for one prediction, which guidance then moves away from.

They are descriptions without torch, by which a plan counts predictions. The models apply them, see
`models/perturbation_hooks.py` and `models/transformer_perturbations.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class NegativePrompt:
    """A negative prompt of a pipeline that may encode it otherwise than a prompt. text: None where it is left out."""

    text: str | None

    def __str__(self) -> str:
        return self.text or ""


# A text for models of texts. For models of labels the number or name of a class, or None, the null label.
Condition = str | int | NegativePrompt | None

MEAN = 9999.0  # from this blur_sigma on, a blur is the mean; the value is that of the authors of SEG

Kind = Literal["identity", "block", "attention", "attention_residual", "feed_forward", "blur"]


@dataclass(frozen=True, slots=True)
class LayerPerturbation:
    """A perturbation of some transformer blocks.

    In a block that has tokens of a text, too, all kinds but "block" are about the picture's tokens: their attention to
    each other, and what becomes of them.

    kind: identity: the attention map of the self-attention is the identity matrix.
        block: the transformer block is skipped, and returns its input.
        attention, feed_forward: the self-attention, or the feed-forward layer, returns its input.
        attention_residual: the self-attention returns zeros, so that only its residual connection is left.
        blur: the queries of the self-attention are blurred over height and width, in each frame.
    layers: their names in sweep files, see `models/transformer_blocks.py`.
    blur_sigma: in positions of the layer; from MEAN on, every query is the mean of all queries.
    """

    kind: Kind
    layers: tuple[str, ...]
    blur_sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class OtherModel:
    """A prediction by another model, usually a weaker one."""

    name: str


@dataclass(frozen=True, slots=True)
class DiffusersPass:
    """A prediction by the network as a guider of diffusers prepares it for one of its passes.

    settings: of the guider, as JSON. scale: None for all scales at which the guider skips no pass. place: the number of
    the pass in the step.
    """

    guider: str
    settings: str
    scale: float | None
    step: int
    steps: int
    place: int


@dataclass(frozen=True, slots=True)
class BlurredInput:
    """A prediction for latents whose x0 is blurred where the self-attention is high.

    blur_sigma: in positions of the latents.
    """

    blur_sigma: float


Perturbation = BlurredInput | LayerPerturbation | OtherModel | DiffusersPass
