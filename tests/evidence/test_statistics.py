"""Intervals cover at the stated rate, nothing is found where nothing is, and a planted difference is found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cfgsweep.evidence import statistics
from cfgsweep.evidence.statistics import as_p, holm, mean_interval, paired, pairs_needed, signed


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


@pytest.mark.parametrize("differences", [260, 1000, 100_000])
def test_of_any_number_of_differences_a_large_one_is_shown(differences: int) -> None:
    """999 random flips tell no p below 0.002, which the correction for 25 differences would take beyond the level."""
    pairs = pairs_needed(differences, 0.05)
    found = [paired(np.full(count, 0.1)) for count in (pairs - 1, pairs)]
    least = [holm([one.p] * differences)[0] for one in found if one is not None]
    assert least[0] >= 0.05 > least[1]


def test_p_is_never_below_that_of_all_flips() -> None:
    """Of 9 pairs all 512 ways are counted; a bound that is used beside random flips may not be below that."""
    rng = np.random.default_rng(3)
    signs = np.array(list(itertools.product([1, -1], repeat=9)))
    for scale in (0.0, 0.5, 1.0, 3.0):
        sample = rng.normal(scale, 1.0, 9)
        exact = float((np.abs(signs @ sample) >= abs(sample.sum()) - 1e-12).mean())
        one = paired(sample)
        assert one is not None
        assert one.p >= exact - 1e-12


@pytest.mark.parametrize("pairs", [10, 14, 40])
def test_flips_are_those_of_scipy(pairs: int, monkeypatch) -> None:
    """Of 10 pairs the same; else within three standard errors of two random samples."""
    monkeypatch.setattr(statistics, "RESAMPLES", 9999)
    sample = np.random.default_rng(pairs).normal(0.2, 1.0, pairs)
    one = paired(sample)
    assert one is not None
    expected = stats.permutation_test(
        (sample,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(1)
    ).pvalue
    error = 0.0 if pairs == 10 else 2 * np.sqrt(2 * expected * (1 - expected) / 9999)
    assert one.p == pytest.approx(expected, abs=3 * error + 1e-12)


@pytest.mark.slow
def test_intervals_of_few_pairs_are_as_narrow_as_is_said() -> None:
    """Of 600 samples of normal differences; the bounds are three standard errors."""
    rng = np.random.default_rng(1)
    for pairs, stated in ((3, 0.72), (5, 0.84), (10, 0.90), (statistics.ENOUGH_PAIRS, 0.92)):
        intervals = [mean_interval(sample) for sample in rng.normal(size=(600, pairs))]
        covered = np.mean([low <= 0 <= high for low, high in intervals])
        assert abs(covered - stated) < 3 * np.sqrt(0.1 * 0.9 / 600), pairs


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


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0.0, "+0.0000"),
        (-0.0, "+0.0000"),
        (-1e-17, "+0.0000"),
        (-3.24e-6, "-3.2e-06"),
        (4.99e-5, "+5.0e-05"),
        (5e-5, "+0.0001"),
        (-0.25, "-0.2500"),
    ],
)
def test_a_small_difference_is_not_shown_as_none(number: float, told: str) -> None:
    assert signed(number) == told
