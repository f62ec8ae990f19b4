"""Comparisons of two sets of features, [pictures, features] in float64, by which metrics of cells are computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BLOCK = 512  # pictures whose distances to all others are in memory at once


def frechet_distance(features: np.ndarray, reference: np.ndarray) -> float:
    """The squared Fréchet distance of two normal distributions with the sets' means and covariances.

    By torchmetrics, which takes a network of pictures: here the pictures are features already.
    """
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Given(torch.nn.Module):
        num_features = features.shape[1]

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return given

    metric = FrechetInceptionDistance(feature=Given()).set_dtype(torch.float64)
    metric.update(torch.from_numpy(reference), real=True)
    metric.update(torch.from_numpy(features), real=False)
    return float(metric.compute())


def kernel_distance(features: np.ndarray, reference: np.ndarray) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy, with the kernel (x.y / d + 1)^3.

    Of all pairs at once, while the usual means over random subsets. It can be negative.
    """
    return _mean_kernel(features) + _mean_kernel(reference) - 2 * float(_kernel(features, reference).mean())


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = (a @ b.T / a.shape[1] + 1) ** 3
    return found


def _mean_kernel(features: np.ndarray) -> float:
    """Over all pairs of two different rows."""
    import numpy as np

    kernel = _kernel(features, features)
    return float((kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1)))


def radii(features: np.ndarray, k: int) -> np.ndarray:
    """The distance of every row to its k-th nearest other row, [rows]."""
    import numpy as np

    return np.concatenate([np.partition(block, k)[:, k] for block in _distances(features, features)])


def counts_within(
    points: np.ndarray, centres: np.ndarray, radius: np.ndarray, *, has_surface: bool = True
) -> np.ndarray:
    """In how many balls around `centres`, each with its own radius, every point is, [points].

    has_surface: whether a point exactly as far as the radius is in the ball. That is common where both sets have
    pictures in common; then the two distances are equal to the last bit, as both are computed by `_distances`.
    """
    import numpy as np

    is_within = np.less_equal if has_surface else np.less
    return np.concatenate([is_within(block, radius).sum(1) for block in _distances(points, centres)])


def nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The distance of every point to the nearest of the others, [points]."""
    import numpy as np

    return np.concatenate([block.min(1) for block in _distances(points, others)])


def _distances(points: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """The Euclidean distances of all points to all others, in blocks [up to BLOCK points, others]."""
    from scipy.spatial.distance import cdist

    for start in range(0, len(points), BLOCK):
        yield cdist(points[start : start + BLOCK], others)
