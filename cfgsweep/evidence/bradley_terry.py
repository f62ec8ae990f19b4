"""Bradley-Terry strengths of what was compared in pairs, with bootstrap intervals.

The probability that i is preferred to j is s(strength_i - strength_j), with s the logistic function (Bradley and Terry
1952). A tie counts as half a win for both, as in the win rates; Rao and Kupper (1967) and Davidson (1970) have a
parameter for ties instead. So that strengths are finite where all answers are for one side, wins are added to both
sides of every two items that were compared: in all as many as there are strengths to find, as Firth (1993) does to
logistic regression. For two items that is the logit estimator of Haldane (1956) and Anscombe (1956).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from cfgsweep.evidence.statistics import SEED, TAILS

RESAMPLES = 2_000
LARGEST_STEP, STEPS, ENOUGH = 2.0, 100, 1e-10  # of Newton's method, in strengths


@dataclass(frozen=True)
class Strength:
    """The strength of one item, as a difference to the reference of its group, with its interval [low, high]."""

    item: int
    group: int
    strength: float
    low: float
    high: float


def strengths(
    compared: Sequence[tuple[int, int]], wins: Sequence[float], items: int, reference: Sequence[int] = ()
) -> list[Strength]:
    """Strengths of so many items from independent comparisons.

    compared: the two items of each. wins: for the first one: 1, 0, or 0.5 for a tie; the mean where several people
    answered. reference: items whose strength is 0, the mean of a group without one is 0.
    A group is what is connected by comparisons: strengths of different groups cannot be compared.
    """
    pairs, shares = np.asarray(compared, int).reshape(-1, 2), np.asarray(wins, float)
    neighbours = np.zeros((items, items), bool)
    neighbours[pairs[:, 0], pairs[:, 1]] = neighbours[pairs[:, 1], pairs[:, 0]] = True
    _, groups = connected_components(neighbours, directed=False)
    added = added_wins(neighbours, groups)
    fitted = fit(_resampled(pairs, shares, added) + added, groups)
    for group in range(groups.max(initial=-1) + 1):
        members = np.flatnonzero(groups == group)
        zero = [item for item in members if item in reference]
        fitted[:, members] -= fitted[:, zero or members].mean(axis=1, keepdims=True)
    low, high = np.percentile(fitted[1:], TAILS, axis=0)
    return [
        Strength(item, int(groups[item]), float(fitted[0, item]), float(low[item]), float(high[item]))
        for item in range(items)
    ]


def added_wins(neighbours: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How many wins are added for each item over each other one: (items, items)."""
    added = np.zeros(neighbours.shape)
    for group in np.unique(groups):
        own = np.outer(groups == group, groups == group) & neighbours
        added[own] = ((groups == group).sum() - 1) / max(1, own.sum())
    return added


def _resampled(pairs: np.ndarray, shares: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Tables of wins: (1 + RESAMPLES, items, items). The first is of the answers themselves.

    Each of the others is of as many answers, drawn from them and from the added ones. Without those, all resamples of
    20 answers for one side would be equal, and the interval a point.
    """
    places = np.argwhere(added)
    units = np.vstack([pairs, places])
    wins = np.concatenate([shares, np.ones(len(places))])
    odds = np.concatenate([np.ones(len(pairs)), added[added > 0]])
    drawn = np.random.default_rng(SEED).multinomial(len(pairs), odds / max(1, odds.sum()), RESAMPLES)
    counts = np.vstack([np.arange(len(units)) < len(pairs), drawn])
    table = np.zeros((len(counts), *added.shape))
    for (one, other), share, count in zip(units, wins, counts.T, strict=True):
        table[:, one, other] += count * share
        table[:, other, one] += count * (1 - share)
    return table


def fit(wins: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The most likely strengths for each table of wins, by Newton's method; the mean of each group is 0.

    wins: (tables, items, items), how often one was preferred to another, and in a group both ways. groups: (items).
    """
    both, places = wins + wins.transpose(0, 2, 1), np.arange(wins.shape[-1])
    level = (groups[:, None] == groups) / len(places)  # the mean of a group, which answers do not tell, stays 0
    found = np.zeros(wins.shape[:2])
    for _ in range(STEPS):
        expected = expit(found[:, :, None] - found[:, None, :])
        slope = (wins - both * expected).sum(-1)
        curvature = -both * expected * (1 - expected)
        curvature[:, places, places] -= curvature.sum(-1)
        step = np.linalg.solve(curvature + level, slope[..., None])[..., 0].clip(-LARGEST_STEP, LARGEST_STEP)
        found += step
        if np.abs(step).max(initial=0) < ENOUGH:
            break
    return found
