"""Norms, inner products and quantiles of each sample as one vector. Results are [rows, 1, 1, ...], to be broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """Reshapes [rows] to [rows, 1, 1, ...], with as many dimensions as `like`."""
    return values.view(-1, *[1] * (like.ndim - 1))


def norm(x: Tensor) -> Tensor:
    """Euclidean norm of each sample."""
    return per_sample(x.flatten(1).norm(dim=1), x)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each pair of samples."""
    return per_sample((a.flatten(1) * b.flatten(1)).sum(dim=1), a)


def along(a: Tensor, b: Tensor) -> Tensor:
    """The projection of each `a` onto `b`; 0 where `b` is 0."""
    return dot(a, b) / positive(dot(b, b)) * b


def precise(x: Tensor) -> Tensor:
    """x in float64, on devices that have it."""
    return x if x.device.type == "mps" else x.double()


def positive(x: Tensor) -> Tensor:
    """x with 1 in place of 0, to be divided by."""
    return x.where(x > 0, 1)


def quantile(x: Tensor, fraction: float | Tensor) -> Tensor:
    """The quantile of each sample, interpolated linearly between values as by numpy.

    fraction: from 0 to 1; a number for all samples, or one per row, [rows, ...].
    """
    ordered = x.flatten(1).sort(dim=1).values
    place = ordered.new_zeros(len(ordered), 1) + (fraction if isinstance(fraction, float) else fraction.view(-1, 1))
    place = place * (ordered.shape[1] - 1)
    low, high = place.floor(), place.ceil()
    below, above = ordered.gather(1, low.long()), ordered.gather(1, high.long())
    return per_sample(below + (above - below) * (place - low), x)


def gaussian_blur(image: Tensor, blur_sigma: float, reach: tuple[int, int]) -> Tensor:
    """Gaussian blur of [..., height, width] with a standard deviation of `blur_sigma` positions, mirrored at the edges.

    reach: positions that the kernel extends to either side over the height and over the width; fewer on an image with
    fewer positions.
    """
    import torch
    from torch.nn import functional as F

    if blur_sigma == 0:
        return image
    for axis in (-1, -2):
        side = image.shape[axis]
        span = min(reach[axis], side - 1)
        weights = torch.exp(-0.5 * (torch.arange(-span, span + 1, device=image.device) / blur_sigma) ** 2)
        weights = (weights / weights.sum()).to(image.dtype)
        padded = F.pad(image, (span, span, 0, 0) if axis == -1 else (0, 0, span, span), mode="reflect")
        image = sum((w * padded.narrow(axis, i, side) for i, w in enumerate(weights)), torch.zeros_like(image))
    return image
