"""Ranges are exact in decimal, and what makes no range is refused in words."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.config.ranges import as_range, points, spread
from cfgsweep.errors import UserError

decimals = st.decimals(-100, 100, places=4)


@given(decimals, st.integers(0, 60), st.decimals("0.0001", 5, places=4), st.booleans())
def test_range_is_exact_and_includes_its_stop(start: Decimal, count: int, step: Decimal, down: bool) -> None:
    step = -step if down else step
    stop = start + count * step
    got = points({"range": [float(start), float(stop), float(step)]})
    assert got == [float(start + i * step) for i in range(count + 1)]


@given(decimals, decimals, st.integers(2, 50))
def test_linspace_starts_and_ends_where_it_says(first: Decimal, last: Decimal, count: int) -> None:
    got = points({"linspace": [float(first), float(last), count]})
    assert (len(got), got[0], got[-1]) == (count, float(first), float(last))
    gaps = [b - a for a, b in itertools.pairwise(got)]
    assert max(gaps) - min(gaps) < 1e-9


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 30))
def test_logspace_has_one_ratio(first: float, last: float, count: int) -> None:
    got = points({"logspace": [first, last, count]})
    assert (got[0], got[-1]) == (first, last)
    for a, b in itertools.pairwise(got):
        assert b / a == pytest.approx((last / first) ** (1 / (count - 1)), rel=1e-9)


@pytest.mark.parametrize(
    "bad",
    [
        {"range": [0, 1, 0]},
        {"range": [0, 1, -0.1]},
        {"range": [0, 1]},
        {"range": [0, float("inf"), 1]},
        {"range": ["a", 1, 1]},
        {"range": [0, 1, 1e-9]},
        {"linspace": [0, 1, 1]},
        {"linspace": [0, 1, 2.5]},
        {"linspace": [0, 1, 1e12]},
        {"logspace": [0, 1, 3]},
        {"linspace": [0, 1, 2], "range": [0, 1, 1]},
    ],
)
def test_what_makes_no_range_is_refused(bad: dict) -> None:
    with pytest.raises(UserError):
        points(bad)


def test_a_list_may_hold_ranges() -> None:
    assert spread([0.5, {"range": [1, 2, 0.5]}]) == [0.5, 1.0, 1.5, 2.0]


def test_an_axis_is_never_empty() -> None:
    with pytest.raises(UserError, match="empty"):
        spread([])


def test_user_error_says_where_what_and_what_is_allowed() -> None:
    text = str(UserError("not a size", where="x.yaml:3: size", given=[1], allowed=["a", "b"], hint="try a"))
    assert text.splitlines() == ["x.yaml:3: size: not a size", "  given:   [1]", "  allowed: a, b", "  try a"]


def test_ranges_in_a_list_have_one_bound_together() -> None:
    """A list of large ranges is refused before it fills the memory."""
    million = {"range": [1, 1_000_000, 1]}
    assert len(spread([million])) == 1_000_000
    with pytest.raises(UserError, match="too many values on one axis"):
        spread([million] * 1000)


@given(
    st.sampled_from(["range", "linspace", "logspace"]),
    st.decimals("0.001", 50, places=3),
    st.decimals("0.001", 2, places=3),
    st.integers(9, 60),
)
def test_a_range_is_found_again_in_its_numbers(kind: str, first: Decimal, step: Decimal, count: int) -> None:
    last = first + step * (count - 1)
    numbers = points({kind: [float(first), float(last), float(step) if kind == "range" else count]})
    found = as_range(numbers)
    assert found is not None
    assert points(found) == numbers


def test_numbers_of_no_range_stay_a_list() -> None:
    assert as_range([1.0, 2.0, 3.0]) is None  # few
    assert as_range([*map(float, range(20)), 21.0]) is None
    assert as_range([*range(2**63, 2**63 + 20)]) is None  # not exact in floats
    assert as_range([*["a"] * 20]) is None
    assert as_range([True] * 20) is None
