"""The search for the guidance scale at which a metric has a level."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from cfgsweep.evidence.controls import MOST_WAVES
from cfgsweep.evidence.level_search import HIGHEST, LOWEST, next_value

SPREAD = 0.02


class Level:
    """A way to match whose numbers are given."""

    def number(self, cell: Any) -> float:
        return cell.number

    def is_match(self, cell: Any, other: Any) -> bool:
        return abs(cell.number - other.number) <= SPREAD / 10


def searched(metric: Any, level: float, start: float) -> list[float]:
    tried: list[float] = []
    for _ in range(MOST_WAVES):
        cells: Any = [SimpleNamespace(example=SimpleNamespace(value=v), number=metric(v)) for v in tried]
        value = next_value(SimpleNamespace(number=level), cells, Level(), start)  # type: ignore[arg-type]
        if value is None:
            return tried
        assert value not in tried
        tried.append(value)
    return tried


@given(st.floats(1.2, 15), st.floats(1.2, 15), st.booleans())
def test_a_monotonous_metric_is_met(wanted: float, start: float, falls: bool) -> None:
    def metric(value: float) -> float:
        rising = value / (value + 5)
        return -rising if falls else rising

    tried = searched(metric, metric(wanted), start)
    assert abs(metric(tried[-1]) - metric(wanted)) <= SPREAD / 10


@given(st.floats(-2, 2), st.floats(1.2, 15))
def test_a_level_that_is_never_reached_ends_the_search(level: float, start: float) -> None:
    tried = searched(lambda value: 0.5, level, start)
    assert all(LOWEST <= value <= HIGHEST for value in tried)
    assert len(tried) <= MOST_WAVES
