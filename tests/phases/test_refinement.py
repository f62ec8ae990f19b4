"""What a search reports does not depend on how many values it begins with.

Margins, as docs/phase.md states them: a transition of prominence 1.5 or more is found whatever the scan, and a verdict
with a positive margin stays.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.metrics.distances import rms
from cfgsweep.phases.curve import Curve
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.transitions import Analysis
from tests.phases.test_line_search import world
from tests.support.transitions import CLEAR, disagreements, same

SCANS = [11, 17, 33, 65, 129, 257, 301]
TOLERANCE = 1e-3
LEVEL = 1 / 255
Picture = Callable[[float], np.ndarray]


def rounded(picture: Picture) -> Picture:
    """To 256 levels, as a PNG file has it."""
    return lambda value: np.round(picture(value) * 255) / 255


def fading(value: float) -> np.ndarray:
    """Changes fast at the low end, then ever slower, with a flip on the way."""
    return world([(0.3, 0.02, 0.3)], drift=0.0)(value) + 0.8 * value**0.4 * world([], drift=1.0)(1.0)


def searched(picture: Picture, scan: Sequence[float], floor: float = 0.0, more: Sequence[float] = ()) -> LineSearch:
    """A search at its end. more: values that are added before it, as if a scan had had them."""
    found = LineSearch(list(scan), TOLERANCE, rms, floor)
    found.add_points({value: picture(value) for value in {*scan, *more}})
    while points := found.next_points(8):
        found.add_points({value: picture(value) for value in points})
    return found


def evenly(count: int) -> list[float]:
    return np.linspace(0, 1, count).tolist()


# The picture, its floor, and the verdicts that every scan has to come to.
FIXED = {
    "one": (world([(0.42, 0.01, 0.5)]), 0.0, ["abrupt"]),
    "a jump": (world([(0.42, 1e-5, 0.5)]), 0.0, ["abrupt"]),
    "three": (world([(0.2, 0.01, 0.4), (0.55, 0.03, 0.3), (0.8, 0.004, 0.2)]), 0.0, ["abrupt"] * 3),
    "a wide one": (world([(0.5, 0.12, 0.5)], 0.8), 0.0, ["gradual"]),
    "fading": (fading, 0.0, ["abrupt", "abrupt"]),
    "rounded": (rounded(world([(0.42, 0.01, 0.5)], 0.2)), 0.7 * LEVEL, ["abrupt"]),
    "small and rounded": (rounded(world([(0.42, 0.02, 0.05)], 0.05)), 0.7 * LEVEL, ["abrupt"]),
    "drift and rounding": (rounded(world([], 0.3)), 0.7 * LEVEL, []),
}


@pytest.mark.parametrize("name", FIXED)
def test_every_scan_comes_to_the_same(name: str) -> None:
    """The steepness, in median slopes of the scan, fell from 12 to 6; 257 values found what 129 did not."""
    picture, floor, verdicts = FIXED[name]
    values = evenly(4001)
    dense = Analysis(Curve(values, [picture(value) for value in values], rms), floor).transitions()
    assert [one.verdict for one in dense] == verdicts
    for scan in SCANS:
        found = searched(picture, evenly(scan), floor).transitions
        assert [one.verdict for one in found] == verdicts, scan
        for one, truth in zip(found, dense, strict=True):
            assert one.verdict_margin > 0 or name in {"a wide one", "fading"}, (scan, one)
            assert one.location == pytest.approx(truth.location, abs=one.location_uncertainty + TOLERANCE), scan
            assert one.width == pytest.approx(truth.width, abs=one.width_uncertainty + TOLERANCE), scan
            high = one.steepness_high if one.steepness_high is not None else np.inf
            assert one.steepness_low <= truth.steepness <= high, (scan, one, truth)


@pytest.mark.parametrize("name", ["one", "three", "rounded", "small and rounded"])
def test_the_steepness_converges(name: str) -> None:
    """Within a tenth, from 11 values to 301."""
    picture, floor, _ = FIXED[name]
    found = [[t.steepness for t in searched(picture, evenly(scan), floor).transitions] for scan in SCANS]
    for several in zip(*found, strict=True):
        assert max(several) < 1.1 * min(several)


Step = tuple[float, float, float]  # location, logarithm of the width, size
steps = st.lists(st.tuples(st.floats(0.03, 0.97), st.floats(-5, -0.8), st.floats(0.05, 0.6)), max_size=4)
drifts = st.floats(0.05, 1.5)


def drawn(known: Sequence[Step], drift: float, rounds: bool) -> tuple[Picture, float]:
    """A picture with these steps, and its floor."""
    picture = world([(at, 10**width, size) for at, width, size in known], drift)
    return (rounded(picture), 0.7 * LEVEL) if rounds else (picture, 0.0)


@given(steps, drifts, st.booleans(), st.integers(9, 60), st.lists(st.floats(0, 1), min_size=1, max_size=150))
@settings(max_examples=60, deadline=None)
def test_more_values_lose_no_transition_and_turn_no_verdict(
    known: list[Step], drift: float, rounds: bool, scan: int, more: list[float]
) -> None:
    picture, floor = drawn(known, drift, rounds)
    few, many = searched(picture, evenly(scan), floor), searched(picture, evenly(scan), floor, more)
    assert disagreements([few.transitions, many.transitions]) == (0, 0, 0), "lost, turned, apart"


@pytest.mark.slow
@given(steps, drifts, st.booleans(), st.integers(9, 60))
@settings(max_examples=25, deadline=None)
def test_what_a_search_finds_is_what_a_dense_scan_has(known: list[Step], drift: float, rounds: bool, scan: int) -> None:
    picture, floor = drawn(known, drift, rounds)
    values = evenly(2001)
    dense = Analysis(Curve(values, [picture(value) for value in values], rms), floor).transitions()
    found = searched(picture, evenly(scan), floor).transitions
    for a, b in itertools.permutations([found, dense]):
        for one in a:
            assert one.prominence < CLEAR or same(one, b) is not None


SHAPES: dict[str, tuple[Callable[[float], float], list[float]]] = {
    "round": (lambda value: float(np.exp(-(((value - 0.4) / 0.05) ** 2))), [0.358, 0.442]),
    "pointed": (lambda value: max(0.0, 1 - abs(value - 0.4) / 0.05), [0.375, 0.425]),  # as fast at the turn as before
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_that_comes_back_has_two_transitions(shape: str) -> None:
    """Away and back: the ends are alike, but the picture between is not."""
    height, places = SHAPES[shape]
    drift, way = np.random.default_rng(1).standard_normal((2, 64))
    for scan in (33, 65, 257):
        found = searched(lambda value: drift * value + 0.5 * way * height(value), evenly(scan)).transitions
        assert [one.location for one in found] == pytest.approx(places, abs=0.008), scan
