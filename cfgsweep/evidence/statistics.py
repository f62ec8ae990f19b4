"""Paired differences with intervals, win rates, and p values corrected for the number of comparisons."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES, SEED = 10_000, 0
CONFIDENCE = 0.95
TAILS = (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE))  # percentiles between which the interval is
LEAST_PAIRS = 3  # of which the interval of a mean says anything


@dataclass(frozen=True)
class Paired:
    """The differences of pairs.

    mean: with its interval [low, high] by the bootstrap. wins: the share of pairs that are higher, a tie counting half;
    wins_low, wins_high: its interval. p: of the mean being 0.
    """

    pairs: int
    mean: float
    low: float
    high: float
    wins: float
    wins_low: float
    wins_high: float
    p: float

    @property
    def is_equal(self) -> bool:
        """Whether both numbers are the same in every pair."""
        return self.mean == self.low == self.high == 0


def paired(differences: Sequence[float]) -> Paired | None:
    """The differences of LEAST_PAIRS pairs or more; None where there are fewer.

    The interval is the bias-corrected and accelerated bootstrap's (BCa), p that of a test which flips signs at random,
    both with RESAMPLES and a fixed seed (scipy). The interval of the win rate is Wilson's.
    """
    found = np.asarray(differences, float)
    if len(found) < LEAST_PAIRS:
        return None
    low, high = mean_interval(found)
    wins = float((found > 0).mean() + (found == 0).mean() / 2)
    wins_low, wins_high = wilson(wins, len(found))
    return Paired(len(found), float(found.mean()), low, high, wins, wins_low, wins_high, _p_of_flips(found))


def mean_interval(found: np.ndarray) -> tuple[float, float]:
    """The interval of the mean of independent numbers, two or more, by the bootstrap (BCa)."""
    if np.ptp(found) == 0:
        return float(found[0]), float(found[0])
    from scipy.stats import bootstrap

    settings = {"confidence_level": CONFIDENCE, "n_resamples": RESAMPLES, "rng": np.random.default_rng(SEED)}
    interval = bootstrap((found,), np.mean, method="BCa", **settings).confidence_interval
    return float(interval.low), float(interval.high)


def _p_of_flips(found: np.ndarray) -> float:
    if not found.any():
        return 1.0
    from scipy.stats import permutation_test

    rng = np.random.default_rng(SEED)
    with warnings.catch_warnings():  # of few pairs all flips are tried, which scipy says
        warnings.simplefilter("ignore")
        tested = permutation_test((found,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, rng=rng)
    return float(tested.pvalue)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's score interval of a share of a number of pairs."""
    from scipy.stats import norm

    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return float(middle - half), float(middle + half)


def as_p(p: float) -> str:
    """A p value to three digits after the point; one that these would show as 0 as '<0.001'."""
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def pairs_needed(differences: int, significant: float) -> int:
    """The least number of pairs of which one of so many differences can be shown: all of them higher, or all lower."""
    return next(pairs for pairs in range(LEAST_PAIRS, 64) if differences * 2.0 ** (1 - pairs) < significant)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected for their number (Holm 1979), in the order in which they were given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
