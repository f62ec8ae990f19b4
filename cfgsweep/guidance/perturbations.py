"""What may be done to a denoiser for one prediction, to make it a worse one to be guided away from.

Only the wish is here, and no torch: a plan counts predictions by it. `models/perturbation_hooks.py` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# A text for models of texts; for models of labels a class by its number or its name, and None, the null label.
Condition = str | int | None

MEAN = 9999.0  # a blur so wide that it is the mean, as the authors of SEG have it

Kind = Literal["identity", "block", "attention", "attention_residual", "feed_forward", "blur"]


@dataclass(frozen=True, slots=True)
class LayerPerturbation:
    """One kind of harm, in some layers.

    kind: identity: self-attention attends to itself alone, its scores the identity matrix.
        block: the transformer block is left out.
        attention, feed_forward: the self-attention, or the feed-forward, hands on its input in place of its output.
        attention_residual: the self-attention adds nothing to what flows past it.
        blur: the queries of the self-attention are blurred.
    layers: as people name them; resolved for the model at hand.
    blur_sigma: in positions of the layer; from MEAN on, every query is the mean of all.
    """

    kind: Kind
    layers: tuple[str, ...]
    blur_sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class OtherModel:
    """A weaker model in the denoiser's place."""

    name: str


@dataclass(frozen=True, slots=True)
class DiffusersPass:
    """The network as one of diffusers' guiders prepares it for one of its passes.

    settings: the guider's, as JSON. scale: None for any at which no prediction is left out. place: which pass.
    """

    guider: str
    settings: str
    scale: float | None
    step: int
    steps: int
    place: int


@dataclass(frozen=True, slots=True)
class BlurredInput:
    """The whole denoiser, given latents whose picture is blurred where the denoiser looks most.

    blur_sigma: in positions of the latents.
    """

    blur_sigma: float


Perturbation = BlurredInput | LayerPerturbation | OtherModel | DiffusersPass
