"""Classifier-free guidance and its normalised forms.

Norms are taken per sample. The PyPI package cf_guidance takes them over the whole batch; at batch 1, where it
was meant to be used, they agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.guidance.base import COND, UNCOND, Guider

if TYPE_CHECKING:
    from torch import Tensor


def norm(x: Tensor) -> Tensor:
    """Euclidean norm of each sample, shaped [rows, 1, 1, ...] to broadcast over it."""
    return x.flatten(1).norm(dim=1).view(-1, *[1] * (x.ndim - 1))


class CFG(Guider):
    """uncond + scale (cond - uncond). Ho & Salimans 2022, arXiv 2207.12598."""

    name = "cfg"
    default_scale = 7.5
    alone = {0.0: UNCOND, 1.0: COND}

    def combine(self, cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
        return uncond + scale * (cond - uncond)


class PredNorm(CFG):
    """CFG, then scaled to the norm of uncond. `BaseNormGuidance` of cf_guidance."""

    name = "prednorm"
    alone = {0.0: UNCOND}

    def combine(self, cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
        guided = super().combine(cond, uncond, scale)
        return guided * (norm(uncond) / norm(guided))


class TNorm(Guider):
    """uncond + scale |uncond| (cond - uncond) / |cond - uncond|. `TNormGuidance` of cf_guidance."""

    name = "tnorm"
    default_scale = 0.15
    alone = {0.0: UNCOND}

    def combine(self, cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
        direction = cond - uncond
        # Where both predictions are the same (an empty prompt) there is no direction, and nothing to add.
        length = norm(direction)
        return uncond + (scale * direction) / length.where(length > 0, 1) * norm(uncond)


class FullNorm(TNorm):
    """T-Normalization, then scaled to the norm of uncond. `FullNormGuidance` of cf_guidance."""

    name = "fullnorm"

    def combine(self, cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
        guided = super().combine(cond, uncond, scale)
        return guided * (norm(uncond) / norm(guided))
