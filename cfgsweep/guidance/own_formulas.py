"""The formulas by which diffusers' pipelines guide on their own: that of classifier-free guidance, and its variants.

cond, uncond: predictions [rows, ...]. scale: the pipeline's guidance scale, [rows, 1, ...].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Formula = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]


def cfg(cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
    """uncond + scale (cond - uncond). Ho and Salimans 2022, arXiv 2207.12598."""
    return uncond + scale * (cond - uncond)


def from_cond(cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
    """cond + scale (cond - uncond): a scale of 0 is no guidance. Z-Image, Cosmos, Krea 2."""
    return cond + scale * (cond - uncond)


def renormalised(cond: Tensor, uncond: Tensor, scale: Tensor) -> Tensor:
    """CFG with the norm of cond at every position, over the last axis. QwenImage, and Lumina 2 by default."""
    guided = cfg(cond, uncond, scale)
    factor: Tensor = cond.norm(dim=-1, keepdim=True) / guided.norm(dim=-1, keepdim=True)
    return guided * factor


# By the name that `cfgsweep check` prints, in the order in which they are tried.
OWN_FORMULAS: dict[str, Formula] = {"cfg": cfg, "from_cond": from_cond, "renormalised": renormalised}
