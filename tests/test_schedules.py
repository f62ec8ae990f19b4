"""Schedules equal the package they come from, bit for bit, over everything that it accepts."""

from __future__ import annotations

import contextlib
import math

import pytest
from cf_guidance.schedules import get_cos_sched
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.errors import UserError
from cfgsweep.schedules import SCHEDULES, Constant, Cosine, Listed

scales = st.floats(-20, 20)
positive = st.floats(0.05, 5)


@settings(max_examples=500)
@given(
    st.integers(1, 120),
    scales,
    st.fixed_dictionaries(
        {},
        optional={
            "min_val": scales,
            "num_cycles": st.floats(-3, 3),
            "num_warmup_steps": st.integers(-3, 130) | st.floats(0, 50),
            "warmup_init_val": scales,
            "k_decay": st.floats(-2, 4),
            "cycle_mul": st.floats(-1, 4) | st.just(1.0),
            "cycle_decay": st.floats(-2, 2),
            "cycle_limit": st.floats(-1, 3),
        },
    ),
)
def test_cosine_equals_cf_guidance(steps: int, value: float, parameters: dict) -> None:
    try:
        expected = get_cos_sched(num_steps=steps, max_val=value, **parameters)
    except (ValueError, ZeroDivisionError, OverflowError):
        with contextlib.suppress(UserError):  # ours may have a value where the package, computing more, has none
            Cosine(**parameters).values(value, steps)
        return
    got = Cosine(**parameters).values(value, steps)
    assert [float(a).hex() for a in got] == [float(a).hex() for a in expected]


def test_parameters_without_a_value_are_a_user_error() -> None:
    with pytest.raises(UserError, match="no value"):
        Cosine(k_decay=-1.0).values(7.5, 50)


def test_cosine_defaults_are_those_of_cf_guidance() -> None:
    assert Cosine().values(7.5, 50) == get_cos_sched(num_steps=50, max_val=7.5)


def test_cosine_takes_its_maximum_from_its_own_parameter_too() -> None:
    assert Cosine(max_val=3.0).own_value() == 3.0
    assert Cosine().own_value() is None


@given(scales, st.integers(1, 200))
def test_constant_is_constant(value: float, steps: int) -> None:
    assert Constant().values(value, steps) == [value] * steps


def test_a_list_is_one_number_a_step_times_the_value() -> None:
    numbers = (1.0, 0.5, 0.25)
    assert Listed(numbers=numbers).values(2.0, 3) == [2.0, 1.0, 0.5]
    with pytest.raises(UserError, match="one number per step"):
        Listed(numbers=numbers).values(1.0, 4)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_gives_a_finite_number_a_step(name: str) -> None:
    schedule = SCHEDULES[name](**({"numbers": [1.0] * 20} if name == "list" else {}))
    values = schedule.values(5.0, 20)
    assert len(values) == 20
    assert all(math.isfinite(value) for value in values)
