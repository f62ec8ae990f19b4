"""Transitions over seeds: a planted second one near twice the first is found, and a chance one is told as such."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cfgsweep.phases.distribution import distribution, summary
from cfgsweep.phases.plot_distribution import figure_of_distributions
from tests.support.json_schemas import checker


def at(*places: float, verdict: str = "gradual") -> list[dict]:
    return [{"location": place, "verdict": verdict} for place in places]


def test_the_numbers_of_a_few_seeds() -> None:
    found = distribution("x", [at(0.1, 0.2), at(0.1, 0.19, 0.25), at(0.08), at(), at(0.2, 0.3, verdict="abrupt")], 0.3)
    assert found["with_transition"]["count"] == 4
    assert found["with_transition"]["share"] == 0.8
    assert found["with_abrupt"]["count"] == 1
    assert found["with_second"]["count"] == 3
    assert found["first"]["median"] == pytest.approx(0.1)
    assert found["second_to_first"]["ratios"] == pytest.approx([2.0, 1.9, 1.5])
    assert found["second_to_first"]["low"] is None  # three numbers say too little
    # 0.2 cannot have one near 0.4 within a range to 0.3. Of the others, 0.1 and 0.1 have one.
    assert (found["near_twice"]["count"], found["near_twice"]["of"]) == (2, 3)
    # By chance: each of the three with the two others. Those at 0.1 have each other's.
    assert found["near_twice"]["by_chance"] == pytest.approx(2 / 6)


def test_no_seed_with_a_transition() -> None:
    found = distribution("x", [at()] * 3, 0.3)
    assert found["first"]["median"] is None
    assert found["near_twice"]["share"] is None
    assert "of no seed that is known" in "\n".join(summary(found))


def test_a_planted_second_transition_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0.03, 0.13, 200)
    planted = distribution("x", [at(one, 2 * one) for one in first], 0.3)["near_twice"]
    assert planted["share"] == 1.0
    assert planted["by_chance"] < 0.4
    chance = distribution("x", [at(*sorted(rng.uniform(0.03, 0.29, 3))) for _ in first], 0.3)["near_twice"]
    assert chance["low"] <= chance["by_chance"] <= chance["high"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [30, 100])
def test_intervals_of_the_median_cover_at_their_rate(count: int) -> None:
    rng = np.random.default_rng(count)
    covered = 0
    for _ in range(100):
        ratios = rng.lognormal(0.5, 0.3, count)
        found = distribution("x", [at(0.1, 0.1 * ratio) for ratio in ratios], 9.0)["second_to_first"]
        covered += found["low"] <= np.exp(0.5) <= found["high"]
    assert covered >= 88


@pytest.mark.slow
def test_a_search_over_seeds(cli, sweep_file, tmp_path: Path) -> None:
    text = "name: s\nmodel: digits\nlabel: 3\nseed: [0, 1, 2]\nsteps: 4\nguider: cfg\n"
    text += "phase: {low: 0, high: 6, scan: 7, tolerance: 1}\n"
    done = cli("phase", sweep_file(text), "--out", tmp_path / "r")
    assert done.code == 0, done.err
    assert "cfg: 3 seeds" in done.out
    report = json.loads((tmp_path / "r/phase.json").read_text())
    checker("phase").validate(report)
    (found,) = report["distributions"]
    assert found["locations"] == [[t["location"] for t in one["transitions"]] for one in report["searches"]]
    assert len(figure_of_distributions(report).axes) == 2
    two = cli("phase", sweep_file(text.replace("[0, 1, 2]", "[0, 1]")), "--out", tmp_path / "r2", "--json")
    assert "distributions" not in json.loads(two.out)


def test_the_interval_of_a_median_is_that_of_scipy() -> None:
    """By percentiles of the bootstrap, with other random numbers."""
    firsts = np.random.default_rng(3).gamma(4.0, 0.02, 41).tolist()
    found = distribution("t", list(map(at, firsts)), 0.3)["first"]
    expected = stats.bootstrap((firsts,), np.median, n_resamples=10_000, method="percentile", rng=7)
    low, high = expected.confidence_interval
    spread = (high - low) / 50
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=spread), pytest.approx(high, abs=spread))
