"""Intervals cover at the stated rate, nothing is found where nothing is, and a planted difference is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cfgsweep.evidence import statistics
from cfgsweep.evidence.statistics import as_p, holm, paired, pairs_needed


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 999)


@pytest.mark.slow
def test_intervals_cover_and_null_differences_are_found_at_the_stated_rate() -> None:
    """Of 400 samples with a mean of 0.3 and a skewed distribution; the bounds are three standard errors."""
    rng, count, truth = np.random.default_rng(0), 400, 0.3
    samples = truth + (rng.exponential(1.0, (count, 40)) - 1.0)
    found = [paired(sample) for sample in samples]
    covered = np.mean([one is not None and one.low <= truth <= one.high for one in found])
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / count) + 0.01
    null = [paired(sample - truth) for sample in samples]
    wrong = np.mean([one is not None and one.p < 0.05 for one in null])
    assert abs(wrong - 0.05) < 3 * np.sqrt(0.95 * 0.05 / count) + 0.01


def test_the_interval_is_scipys() -> None:
    differences = np.random.default_rng(1).normal(0.2, 1.0, 25)
    found = paired(differences)
    assert found is not None
    expected = stats.bootstrap(
        (differences,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    assert (found.low, found.high) == (expected.low, expected.high)
    assert found.mean == pytest.approx(differences.mean())
    wins = int((differences > 0).sum())
    interval = stats.binomtest(wins, 25).proportion_ci(method="wilson")
    assert (found.wins, found.wins_low, found.wins_high) == pytest.approx((wins / 25, interval.low, interval.high))


def test_few_pairs_are_flipped_exactly() -> None:
    """Of four pairs all higher, 2 of the 16 ways to choose signs are as far from 0."""
    found = paired([0.1, 0.2, 0.3, 0.4])
    assert found is not None
    assert found.p == pytest.approx(2 / 16)


def test_so_many_pairs_are_needed_that_flips_can_show_one() -> None:
    """With one pair fewer, the least p that flips give is not below the level after the correction."""
    for differences in (1, 3, 20):
        pairs = pairs_needed(differences, 0.05)
        least = [holm([2.0 ** (1 - n)] * differences)[0] for n in (pairs - 1, pairs)]
        assert least[0] >= 0.05 > least[1]


def test_equal_pairs_are_no_difference() -> None:
    found = paired([0.0] * 5)
    assert found is not None
    assert (found.mean, found.low, found.high, found.p, found.wins) == (0, 0, 0, 1, 0.5)
    assert paired([0.1, 0.2]) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_its_definition(p_values: list[float]) -> None:
    """Written anew: the k-th smallest of n is multiplied by n - k + 1, and none is below a smaller one's."""
    adjusted = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    steps = [min(1.0, (len(p_values) - rank) * p_values[place]) for rank, place in enumerate(order)]
    assert [adjusted[place] for place in order] == list(np.maximum.accumulate(steps))


def test_a_small_p_is_not_shown_as_none() -> None:
    assert [as_p(p) for p in (0.0002, 0.0005, 0.04, 1.0)] == ["<0.001", "0.001", "0.040", "1.000"]
