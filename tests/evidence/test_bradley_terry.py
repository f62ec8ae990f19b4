"""Bradley-Terry strengths equal a known implementation, recover what is planted, and their intervals cover it."""

from __future__ import annotations

import itertools

import choix
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, log_expit
from scipy.stats import binom, chi2

from cfgsweep.evidence.bradley_terry import Strength, added_wins, strengths


def answers(truth: np.ndarray, each: int, rng: np.random.Generator) -> tuple[list[tuple[int, int]], list[float]]:
    """So many answers for every two items of these strengths."""
    compared = list(itertools.combinations(range(len(truth)), 2)) * each
    return compared, [float(rng.random() < expit(truth[i] - truth[j])) for i, j in compared]


def test_strengths_are_those_of_choix() -> None:
    """Of the same wins, ties as half a win, with the wins that are added."""
    rng = np.random.default_rng(0)
    compared = [tuple(rng.choice(5, 2, replace=False)) for _ in range(200)]
    wins = rng.choice([0.0, 0.5, 1.0], 200)
    table = added_wins(~np.eye(5, dtype=bool))
    assert table.sum() == pytest.approx(4)
    for (one, other), share in zip(compared, wins, strict=True):
        table[one, other] += share
        table[other, one] += 1 - share
    expected = choix.ilsr_pairwise_dense(table)
    found = [one.strength for one in strengths(compared, wins, 5)]
    assert found == pytest.approx(expected - expected.mean(), abs=1e-6)


@pytest.mark.parametrize(("wins", "losses"), [(7, 3), (20, 0), (0, 5)])
def test_of_two_items_it_is_the_logit(wins: int, losses: int) -> None:
    """Also where all answers are for one of them, of which the interval is open to its side."""
    one, other = strengths([(0, 1)] * (wins + losses), [1.0] * wins + [0.0] * losses, 2, reference=[1])
    assert one.strength == pytest.approx(np.log((wins + 0.5) / (losses + 0.5)))
    assert (other.strength, other.low, other.high) == (0, 0, 0)
    assert (one.low is None, one.high is None) == (not wins, not losses)
    for end, farther in ((one.low, min), (one.high, max)):
        if end is not None:
            expected = (ends(wins + added, losses + added) for added in (0.5, 0.005))
            assert end == pytest.approx(farther(each[farther is max] for each in expected), abs=1e-3)


def ends(wins: float, losses: float) -> tuple[float, float]:
    """The strengths of one of two items of which twice the log likelihood is lower by the quantile of chi squared."""
    likely = np.log(wins / losses)

    def excess(strength: float) -> float:
        at, most = (wins * log_expit(s) + losses * log_expit(-s) for s in (strength, likely))
        return 2 * (most - at) - chi2.ppf(0.95, 1)

    return brentq(excess, likely - 1e4, likely), brentq(excess, likely, likely + 1e4)


def test_intervals_are_open_where_no_chain_of_answers_bounds_them() -> None:
    """0 and 1 won against each other, both always against 2, and 2 always against 3."""
    compared = [(0, 1)] * 10 + [(0, 2)] * 5 + [(1, 2)] * 5 + [(2, 3)] * 5
    found = strengths(compared, [1.0, 0.0] * 5 + [1.0] * 15, 4, reference=[0])
    assert [(one.low is None, one.high is None) for one in found[1:]] == [(False, False), (True, False), (True, False)]
    words = [one.interval() for one in strengths([(0, 1)] * 5, [1.0] * 5, 2, [1])]
    assert words == ["from +0.22 on", "[+0.00, +0.00]"]
    assert strengths([(0, 1)] * 5, [0.0] * 5, 2, [1])[0].interval().startswith("up to -")
    assert strengths([(0, 1), (1, 2)], [1.0, 1.0], 3)[1].interval() == "not bounded"


def test_items_that_nothing_connects_are_groups_of_their_own() -> None:
    found = strengths([(0, 1)] * 8 + [(2, 3)] * 8, [1.0] * 6 + [0.0] * 2 + [0.5] * 8, 4, reference=[1])
    assert [one.group for one in found] == [0, 0, 1, 1]
    assert [one.strength for one in found] == pytest.approx([np.log(6.5 / 2.5), 0, 0, 0])


def test_more_answers_give_shorter_intervals_around_what_was_planted() -> None:
    truth = np.array([0.0, 1.0, -0.5])
    few, many = (strengths(*answers(truth, each, np.random.default_rng(2)), 3, [0]) for each in (10, 1000))
    assert [one.strength for one in many] == pytest.approx(truth, abs=0.15)
    assert all(b.high - b.low < (a.high - a.low) / 3 for a, b in zip(few[1:], many[1:], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("each", [8, 25])
def test_intervals_cover_at_the_stated_rate(each: int) -> None:
    """Of 400 sets of answers about four items; the bounds are three standard errors, and a little for few answers."""
    truth, rng, covered = np.array([0.0, 0.5, -0.5, 1.5]), np.random.default_rng(3), []
    for _ in range(400):
        found = strengths(*answers(truth, each, rng), 4, reference=[0])
        covered.append([has(one, true) for one, true in zip(found[1:], truth[1:], strict=True)])
    for rate in np.mean(covered, axis=0):
        assert abs(rate - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400) + 0.01


@pytest.mark.parametrize(("count", "least"), [(5, 0.92), (6, 0.91), (9, 0.91), (10, 0.92), (20, 0.92), (50, 0.92)])
def test_intervals_of_few_answers_cover_any_strength(count: int, least: float) -> None:
    """The exact rate, over all numbers of wins; with so few possible answers it cannot be 95% everywhere."""
    found = [strengths([(0, 1)] * count, [1.0] * wins + [0.0] * (count - wins), 2, [1])[0] for wins in range(count + 1)]
    for true in np.linspace(0, 8, 321):
        chances = binom.pmf(range(count + 1), count, expit(true))
        assert sum(chance for chance, one in zip(chances, found, strict=True) if has(one, true)) > least


def has(one: Strength, true: float) -> bool:
    """Whether a strength is in an interval."""
    return (one.low is None or one.low <= true) and (one.high is None or true <= one.high)
