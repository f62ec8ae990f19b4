"""Gaussian blur of pictures, mirrored at their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def gaussian_blur(picture: Tensor, sigma: float, reach: int) -> Tensor:
    """Blur [..., height, width] by `sigma` positions. The kernel spans `reach` positions either side, or fewer where a
    mirror image does not reach so far."""
    import torch
    from torch.nn import functional as F

    if sigma == 0:
        return picture
    for axis in (-1, -2):
        side = picture.shape[axis]
        span = min(reach, side - 1)
        weights = torch.exp(-0.5 * (torch.arange(-span, span + 1, device=picture.device) / sigma) ** 2)
        weights = (weights / weights.sum()).to(picture.dtype)
        padded = F.pad(picture, (span, span, 0, 0) if axis == -1 else (0, 0, span, span), mode="reflect")
        picture = sum((w * padded.narrow(axis, i, side) for i, w in enumerate(weights)), torch.zeros_like(picture))
    return picture
