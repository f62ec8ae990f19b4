"""FID, KID, precision and so on equal reference implementations on the same features; Vendi score its closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from torchmetrics.image.kid import KernelInceptionDistance

from cfgsweep.metrics.base import METRICS, CellMetric
from cfgsweep.metrics.diversity import mean_cosine_distance
from cfgsweep.metrics.feature_sets import frechet_distance, kernel_distance
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.metrics.vendi import vendi_score
from cfgsweep.models.source import Source


def two_sets(seed: int, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    features = generator.normal(0.5, 1.3, (40, width)) @ generator.normal(size=(width, width))
    return features, generator.normal(size=(70, width))


def measured(name: str, features: np.ndarray, reference: np.ndarray, **settings: int) -> float:
    spec = MetricSpec.parse({name: settings} if settings else name)
    metric = spec.cls(Source("tiny", "nowhere"))
    metric.settings = spec.settings
    assert isinstance(metric, CellMetric)
    return metric.measure(features, reference)


@pytest.mark.parametrize("seed", range(4))
def test_fid_is_the_frechet_distance_of_two_normal_distributions(seed: int) -> None:
    features, reference = two_sets(seed)
    a, b = np.cov(features, rowvar=False), np.cov(reference, rowvar=False)
    shift = features.mean(0) - reference.mean(0)
    expected = shift @ shift + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert measured("fid", features, reference) == pytest.approx(expected, rel=1e-9)
    assert measured("fid", reference, reference) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(reference + 2, reference) == pytest.approx(4 * 6, rel=1e-9)  # of means alone


@pytest.mark.parametrize("seed", range(4))
def test_kid_is_that_of_torchmetrics_with_all_pictures_in_one_subset(seed: int) -> None:
    features, reference = two_sets(seed)

    class Given(torch.nn.Module):
        num_features = 6

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return given

    metric = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=40).set_dtype(torch.float64)
    metric.update(torch.from_numpy(reference[:40]), real=True)
    metric.update(torch.from_numpy(features), real=False)
    expected = float(metric.compute()[0])
    assert measured("kid", features, reference[:40]) == pytest.approx(expected, rel=1e-5)


def test_kid_is_unbiased_for_sets_of_different_sizes() -> None:
    generator = np.random.default_rng(0)
    found = [kernel_distance(generator.normal(size=(8, 3)), generator.normal(size=(20, 3))) for _ in range(2000)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 2000**0.5
    assert min(found) < 0


def by_the_authors(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """Full matrices of distances, radii by sorting. Balls of Naeem et al. (package `prdc`) are without their surface,
    those of Kynkäänniemi et al. (`ManifoldEstimator.evaluate`) with it."""
    real_real, fake_fake, between = cdist(real, real), cdist(fake, fake), cdist(real, fake)
    real_radius, fake_radius = np.sort(real_real, axis=1)[:, k], np.sort(fake_fake, axis=1)[:, k]
    return {
        "precision": (between <= real_radius[:, None]).any(axis=0).mean(),
        "recall": (between <= fake_radius[None]).any(axis=1).mean(),
        "density": (between < real_radius[:, None]).sum(axis=0).mean() / k,
        "coverage": (between.min(axis=1) < real_radius).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage"])
def test_metrics_of_neighbours_are_those_of_their_authors(name: str, k: int) -> None:
    for seed in range(5):
        features, reference = two_sets(seed, width=3)
        expected = by_the_authors(reference, features, k)[name]
        assert measured(name, features, reference, k=k) == pytest.approx(expected)
        assert expected > 0


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage"])
def test_metrics_of_neighbours_of_sets_with_pictures_in_common(name: str, k: int) -> None:
    """Of which distances equal radii: in more than one block, on a grid where most do, and of the same picture only."""
    generator = np.random.default_rng(k)
    many = generator.normal(size=(600, 5))
    grid = generator.integers(0, 3, (80, 3)).astype(float)
    for features, reference in [(many, many), (many[:50], many[20:]), (grid, grid[:60]), (many[:9] * 0, many[:9] * 0)]:
        assert measured(name, features, reference, k=k) == by_the_authors(reference, features, k)[name]
    if name == "density":
        assert measured(name, many, many, k=k) == pytest.approx(1)  # k points are nearer than the k-th other one


def test_metrics_of_neighbours_have_the_papers_k() -> None:
    defaults = {name: METRICS[name].Settings().k for name in ("precision", "recall", "density", "coverage")}
    assert defaults == {"precision": 3, "recall": 3, "density": 5, "coverage": 5}


def test_vendi_score_counts_different_pictures() -> None:
    alike, different = np.ones((5, 4)), np.eye(6)
    assert vendi_score(alike) == pytest.approx(1)
    assert vendi_score(different) == pytest.approx(6)
    assert vendi_score(3 * np.repeat(different[:2], 4, axis=0)) == pytest.approx(2)  # whatever the features' length
    half = np.array([[1, 0], [np.cos(np.pi / 3), np.sin(np.pi / 3)]])  # cosine 1/2: eigenvalues 3/4 and 1/4
    assert vendi_score(half) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))


def test_diversity_of_features_is_one_minus_the_cosine() -> None:
    features = np.random.default_rng(1).normal(size=(4, 3))
    pairs = [(a, b) for i, a in enumerate(features) for b in features[:i]]
    expected = np.mean([1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs])
    assert mean_cosine_distance(features) == pytest.approx(expected)
