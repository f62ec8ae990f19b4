"""Line searches on curves whose transitions are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.metrics.distances import rms
from cfgsweep.phases.curve import Curve
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.transitions import Shape, Transition

LOW, HIGH, TOLERANCE = 0.0, 1.0, 1e-4
Known = tuple[float, float, float]  # location, width from 10 % to 90 %, size


def world(known: Sequence[Known], drift: float = 0.3) -> Callable[[float], np.ndarray]:
    """A picture that drifts, with logistic steps in orthogonal directions."""
    generator = np.random.default_rng(1)
    ways = [generator.standard_normal(64) for _ in known]
    slow, wave = generator.standard_normal(64), 0.03 * drift * generator.standard_normal(64)

    def picture(value: float) -> np.ndarray:
        steps = (0.5 + 0.5 * np.tanh((value - at) * np.log(9) / width) for at, width, _ in known)
        found = sum((s * size * way for s, way, (_, _, size) in zip(steps, ways, known, strict=True)), np.zeros(64))
        return found + drift * value * slow + wave * np.sin(12 * value)

    return picture


def search(picture: Callable[[float], np.ndarray], scan: int = 24, capacity: int = 8, floor: float = 0.0) -> LineSearch:
    found = LineSearch(np.linspace(LOW, HIGH, scan).tolist(), TOLERANCE, rms, floor)
    for _ in range(40):
        points = found.next_points(capacity)
        if not points:
            return found
        assert not found.points.keys() & set(points), "a value is looked at twice"
        found.add_points({value: picture(value) for value in points})
    raise AssertionError("the search does not end")


def dense(picture: Callable[[float], np.ndarray], near: Transition) -> Shape:
    """The same transition, from closely spaced points all around it."""
    values = np.linspace(near.before, near.after, 2001)
    curve = Curve(values, [picture(value) for value in values], rms)
    return Shape.of(curve, 0, len(values) - 1)


places = st.floats(0.1, 0.9)
widths = st.floats(0.0005, 0.02)


@pytest.mark.slow
@given(at=places, width=widths, capacity=st.integers(1, 40))
@settings(max_examples=60)
def test_one_transition_is_found_where_it_is(at: float, width: float, capacity: int) -> None:
    picture = world([(at, width, 0.5)])
    (found,) = search(picture, capacity=capacity).transitions
    assert found.location == pytest.approx(at, abs=TOLERANCE + 0.05 * width)
    assert found.verdict == "abrupt"
    compared = dense(picture, found)
    assert found.location == pytest.approx(compared.location, abs=TOLERANCE)
    assert found.width == pytest.approx(compared.width, abs=2 * TOLERANCE)
    assert 0.7 * width < found.width < 1.1 * width


@given(first=st.floats(0.1, 0.4), second=st.floats(0.6, 0.9), widths=st.tuples(widths, widths))
@settings(max_examples=40)
def test_several_transitions_are_all_located(first: float, second: float, widths: tuple[float, float]) -> None:
    picture = world([(first, widths[0], 0.5), (second, widths[1], 0.3)])
    found = search(picture).transitions
    for one, at, width in zip(found, (first, second), widths, strict=True):
        assert one.location == pytest.approx(at, abs=TOLERANCE + 0.05 * width)


@given(at=places, gap=st.floats(0.004, 0.04))
@settings(max_examples=40)
def test_two_transitions_within_a_scan_step_are_separated(at: float, gap: float) -> None:
    picture = world([(at, 0.0006, 0.5), (at + gap, 0.0006, 0.4)])
    found = search(picture).transitions
    assert [one.location for one in found] == pytest.approx([at, at + gap], abs=3 * TOLERANCE)


@given(drift=st.floats(0.01, 3.0))
@settings(max_examples=20)
def test_a_slow_drift_is_no_transition_and_costs_no_more_than_the_scan(drift: float) -> None:
    found = search(world([], drift))
    assert found.transitions == []
    assert len(found.points) == 24


def test_a_constant_picture_has_no_transition() -> None:
    assert search(lambda value: np.zeros(8)).transitions == []


def test_a_wide_transition_is_gradual() -> None:
    (found,) = search(world([(0.5, 0.12, 0.5)], drift=0.8), scan=48).transitions
    assert found.verdict == "gradual"
    assert found.location == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("capacity", [1, 8, 64])
def test_a_larger_capacity_takes_fewer_rounds(capacity: int) -> None:
    """A round with n cuts divides an interval by n + 1; three crossings share the capacity."""
    rounds = 0
    found = LineSearch(np.linspace(LOW, HIGH, 24).tolist(), TOLERANCE, rms)
    picture = world([(0.3333, 0.002, 0.5)])
    while points := found.next_points(capacity):
        rounds += 1
        found.add_points({value: picture(value) for value in points})
    assert rounds <= {1: 12, 8: 7, 64: 4}[capacity]


def test_rounding_alone_is_no_transition() -> None:
    """A picture that hardly changes differs by one of 256 levels in some pixels."""
    picture, offsets = world([], drift=0.0004), 100 + np.linspace(0, 1, 64)
    levels = search(lambda value: np.round(offsets + picture(value) * 255) / 255, scan=48, floor=0.7 / 255)
    assert levels.transitions == []
    assert len(levels.points) == 48


def test_a_narrow_transition_beside_a_wide_one_is_found() -> None:
    found = search(world([(0.5, 0.25, 0.8), (0.66, 0.002, 0.2)]), scan=24).transitions
    assert any(one.location == pytest.approx(0.66, abs=0.002) and one.verdict == "abrupt" for one in found)


def test_a_narrow_transition_with_a_slow_tail_is_abrupt() -> None:
    """After the flip the picture drifts on in the same direction, as far as the flip itself."""
    at, width, size, drifts = 0.4, 0.002, 0.3, world([], drift=0.1)
    way = np.random.default_rng(2).standard_normal(64)

    def picture(value: float) -> np.ndarray:
        flip = 0.5 + 0.5 * np.tanh((value - at) * np.log(9) / width)
        return drifts(value) + size * way * (flip + max(0.0, 1 - np.exp((at - value) / 0.08)))

    (found,) = search(picture).transitions
    assert found.verdict == "abrupt"
    assert found.location == pytest.approx(at, abs=TOLERANCE)
    assert found.size == pytest.approx(size, rel=0.2)


def test_rounding_to_eight_bits_makes_no_transitions() -> None:
    """Between close values the distance of rounded pictures is rounding alone."""
    picture = world([(0.4, 0.01, 0.5)])
    found = search(lambda value: np.round(picture(value) * 255) / 255)
    assert [one.location for one in found.transitions] == pytest.approx([0.4], abs=0.001)
