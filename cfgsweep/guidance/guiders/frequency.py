"""Frequency-decoupled guidance: one scale for coarse structure, another for detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cfgsweep.config.parameters import Whole
from cfgsweep.errors import UserError
from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.schedulable import Numeric

if TYPE_CHECKING:
    from torch import Tensor

KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # the binomial filter of Burt & Adelson's pyramid


class FDG(Guider):
    """CFG on a Laplacian pyramid: the scale at the coarsest level, `high_scale` at the finest, linear in between.

    The pyramid is that of kornia, as in the paper's listing, where height and width can be halved for every level and
    one of them is a power of two. Of other sizes, which the listing does not keep, halves are rounded up. Every frame
    of a video has a pyramid of its own.

    Raises UserError for predictions without height and width: those of sound.
    """

    name = "fdg"
    formula = "sum over levels l of up(uncond_l + scale_l (cond_l - uncond_l))"
    source = "Sadat et al. 2025, arXiv 2506.19713, algorithm 2"
    formula_version = 2
    default_scale = 5.0
    usual = (1.0, 15.0)
    high_scale: Numeric = Field(10.0, description="scale of the finest level")
    levels: Annotated[Whole, Field(ge=2, le=6)] = 2

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        return super().branches(numbers) if numbers["scale"] == numbers["high_scale"] else (COND, UNCOND)

    def combine(self, ctx: StepContext) -> Tensor:
        """The pyramid is linear, so that guiding every level means adding the scaled levels of the difference."""
        if ctx.latents.ndim < 4:
            raise UserError("the pyramid is one of pictures", where=self.name, given=list(ctx.latents.shape))
        guidance, coarser = ctx.uncond, ctx.difference
        for level in range(self.levels - 1):
            smaller = _smaller(coarser)
            scale = ctx.numbers["high_scale"] + (ctx.scale - ctx.numbers["high_scale"]) * level / (self.levels - 1)
            detail = coarser - _larger(smaller, coarser.shape)
            guidance = guidance + self._to_full_size(scale * detail, ctx.cond, level)
            coarser = smaller
        return guidance + self._to_full_size(ctx.scale * coarser, ctx.cond, self.levels - 1)

    def _to_full_size(self, x: Tensor, like: Tensor, level: int) -> Tensor:
        height, width = like.shape[-2:]
        for finer in reversed(range(level)):
            x = _larger(x, (-(-height // 2**finer), -(-width // 2**finer)))
        return x


def _smaller(x: Tensor) -> Tensor:
    """Blurred, and half the size (rounded up). Pairs of positions are averaged, so that nothing is shifted."""
    import torch.nn.functional as F

    pooled = F.avg_pool2d(_blurred(x).flatten(0, -4), 2, ceil_mode=True, count_include_pad=False)
    return pooled.view(*x.shape[:-2], *pooled.shape[-2:])


def _larger(x: Tensor, size: Sequence[int]) -> Tensor:
    """Twice the size, or one less where `size` is odd, and blurred. size: height and width come last."""
    import torch.nn.functional as F

    height, width = size[-2:]
    twice = F.interpolate(x.flatten(0, -4), scale_factor=2, mode="bilinear", align_corners=False)
    return _blurred(twice.view(*x.shape[:-2], *twice.shape[-2:])[..., :height, :width])


def _blurred(x: Tensor) -> Tensor:
    """The binomial filter in both directions, mirrored at the edges."""
    import torch

    height, width = x.shape[-2:]
    padded = x[..., _mirrored(height), :][..., _mirrored(width)]
    rows = torch.stack([weight * padded[..., i : i + width] for i, weight in enumerate(KERNEL)]).sum(dim=0)
    return torch.stack([weight * rows[..., i : i + height, :] for i, weight in enumerate(KERNEL)]).sum(dim=0)


def _mirrored(side: int) -> list[int]:
    """The positions of a side with two more before and after it, mirrored without repeating the edge."""
    period = max(2 * (side - 1), 1)
    places = (abs(i) % period for i in range(-2, side + 2))
    return [min(place, period - place) for place in places]
