"""Transitions over many seeds: how many have one, where it is, and whether there is one near twice the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cfgsweep.evidence.statistics import RESAMPLES, SEED, TAILS, wilson

Report = dict[str, Any]

LEAST_SEEDS = 3
LEAST_NUMBERS = 6  # of which a median has an interval: of fewer, even the least and the largest miss it too often
NEAR = 0.1  # of twice the first location: how far from it another one counts as near


def distribution(title: str, transitions: Sequence[Sequence[Report]], high: float) -> Report:
    """The report of searches that differ in the seed alone.

    transitions: of every search, by rising value. high: where the range ends.

    `by_chance` is the share of seeds that would have a transition near twice their first if the later transitions were
    those of another seed: the mean over all other seeds that have their first one searched as far.
    """
    located = [[float(one["location"]) for one in found] for found in transitions]
    ratios = [places[1] / places[0] for places in located if len(places) > 1 and places[0] > 0]
    return {
        "title": title,
        "seeds": len(located),
        "locations": located,
        "with_transition": _share([bool(places) for places in located]),
        "with_abrupt": _share([any(one["verdict"] == "abrupt" for one in found) for found in transitions]),
        "with_second": _share([len(places) > 1 for places in located]),
        "first": _median([places[0] for places in located if places]),
        "second_to_first": {"ratios": ratios, **_median(ratios)},
        "near_twice": _near_twice([places for places in located if places], high),
    }


def _near_twice(located: Sequence[Sequence[float]], high: float) -> Report:
    """Of seeds whose first transition is early enough for one near twice of it to be within the range."""
    asked = [places for places in located if 2 * (1 + NEAR) * places[0] <= high]
    found = [_has_twice(places[0], places[1:]) for places in asked]
    others = [_has_twice(places[0], other[1:]) for places in asked for other in asked if other is not places]
    return {"within": NEAR, **_share(found), "by_chance": float(np.mean(others)) if others else None}


def _has_twice(first: float, later: Sequence[float]) -> bool:
    return any(abs(place - 2 * first) <= NEAR * 2 * first for place in later)


def _share(found: Sequence[bool]) -> Report:
    """A number of seeds and their share, with Wilson's interval."""
    if not found:
        return {"count": 0, "of": 0, "share": None, "low": None, "high": None}
    share = float(np.mean(found))
    low, high = wilson(share, len(found))
    return {"count": sum(found), "of": len(found), "share": share, "low": max(low, 0.0), "high": min(high, 1.0)}


def _median(numbers: Sequence[float]) -> Report:
    """The median, with its interval by the bootstrap (percentiles) where there are LEAST_NUMBERS or more."""
    if not numbers:
        return {"median": None, "low": None, "high": None}
    median = float(np.median(numbers))
    if len(numbers) < LEAST_NUMBERS:
        return {"median": median, "low": None, "high": None}
    drawn = np.random.default_rng(SEED).choice(np.asarray(numbers), (RESAMPLES, len(numbers)))
    low, high = np.percentile(np.median(drawn, axis=1), TAILS)
    return {"median": median, "low": float(low), "high": float(high)}


def summary(found: Report) -> list[str]:
    """A distribution in words."""
    ratio, first, twice = found["second_to_first"], found["first"], found["near_twice"]
    lines = [
        f"{found['title']}: {found['seeds']} seeds",
        f"  with a transition     {_share_text(found['with_transition'])}",
        f"  with an abrupt one    {_share_text(found['with_abrupt'])}",
        f"  with a second one     {_share_text(found['with_second'])}",
        f"  the first is at       {_median_text(first)}",
        f"  second / first        {_median_text(ratio)}",
        f"  one near twice it     {_share_text(twice)}",
    ]
    if twice["by_chance"] is not None:
        lines[-1] += f"; with other seeds' later ones {twice['by_chance']:.0%}"
    return lines


def _share_text(one: Report) -> str:
    if not one["of"]:
        return "of no seed that is known"
    return f"{one['count']} of {one['of']}: {one['share']:.0%} [{one['low']:.0%}, {one['high']:.0%}]"


def _median_text(one: Report) -> str:
    if one["median"] is None:
        return "unknown"
    interval = "" if one["low"] is None else f" [{one['low']:.3g}, {one['high']:.3g}]"
    return f"{one['median']:.3g}{interval} (median)"
