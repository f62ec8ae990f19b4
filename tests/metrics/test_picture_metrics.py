"""Metrics of one picture equal their published formulas, written anew with loops or other functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from cfgsweep.metrics.base import METRICS
from cfgsweep.models.source import Source

GENERATOR = np.random.default_rng(7)


def measured(name: str, image: Image.Image) -> float:
    return METRICS[name](Source("tiny", "nowhere")).measure(image, "a cat")


def noise() -> Image.Image:
    return Image.fromarray(GENERATOR.integers(0, 256, (9, 13, 3), dtype=np.uint8))


def luma(image: Image.Image) -> np.ndarray:
    """ITU-R 601 in the fixed point of Pillow: 16 bits, rounded."""
    r, g, b = np.asarray(image, dtype=np.int64).transpose(2, 0, 1)
    return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    for _ in range(3):
        image = noise()
        y = np.pad(luma(image) / 255, 1, mode="reflect")
        centre = y[1:-1, 1:-1]
        laplacian = y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:] - 4 * centre
        assert measured("sharpness", image) == pytest.approx(laplacian.var(), rel=1e-12)
    assert measured("sharpness", Image.new("RGB", (5, 5), (10, 200, 30))) == 0


def test_colourfulness_is_that_of_hasler_and_suesstrunk() -> None:
    for _ in range(3):
        image = noise()
        rg, yb = [], []
        for red, green, blue in np.asarray(image).reshape(-1, 3).tolist():
            rg.append(red - green)
            yb.append(0.5 * (red + green) - blue)
        spread = math.sqrt(np.var(rg) + np.var(yb))
        mean = math.sqrt(np.mean(rg) ** 2 + np.mean(yb) ** 2)
        assert measured("colourfulness", image) == pytest.approx(spread + 0.3 * mean, rel=1e-12)
    assert measured("colourfulness", Image.new("RGB", (5, 5), (90, 90, 90))) == 0


def test_entropy_is_that_of_the_luma_histogram() -> None:
    for _ in range(3):
        image = noise()
        shares = np.unique(luma(image), return_counts=True)[1] / (9 * 13)
        assert measured("entropy", image) == pytest.approx(-sum(p * math.log2(p) for p in shares), rel=1e-12)
    levels = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    assert measured("entropy", levels) == pytest.approx(8)
    assert measured("entropy", Image.new("RGB", (5, 5), (90, 90, 90))) == 0
