"""The cosine schedule equals cf_guidance bit for bit, for all parameters; other schedules equal their formulas."""

from __future__ import annotations

import contextlib
import math

import pytest
from cf_guidance.schedules import get_cos_sched
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules import SCHEDULES, Constant, Cosine, Listed

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


REQUIRED = {
    "list": {"numbers": [1.0] * 20},
    "piecewise": {"steps": [[5, 2.0]]},
    "step": {"after": 1.0},
    "interval": {"outside": 1.0},
    "expression": {"expression": "value * (1 - u) + step / steps"},
    "file": {"path": "scales.csv", "numbers": [1.0] * 20},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_gives_a_finite_number_a_step(name: str) -> None:
    schedule = SCHEDULES[name](**REQUIRED.get(name, {}))
    values = schedule.values(5.0, 20)
    assert len(values) == 20
    assert all(math.isfinite(value) for value in values)


# Closed forms --------------------------------------------------------------------------------------------------


def test_schedules_equal_their_formulas() -> None:
    make = {name: cls(**REQUIRED.get(name, {})) for name, cls in SCHEDULES.items()}
    assert make["linear"].values(4.0, 5) == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert SCHEDULES["linear"](rising=True, min_val=1.0).values(3.0, 3) == [1.0, 2.0, 3.0]
    assert SCHEDULES["clamp_linear"](floor=2.0).values(4.0, 5) == [2.0, 2.0, 4.0, 6.0, 8.0]
    assert make["power_cosine"].values(8.0, 3) == pytest.approx([0.0, 4.0, 8.0])
    assert make["step"].values(5.0, 4) == [5.0, 5.0, 1.0, 1.0]
    assert SCHEDULES["interval"](start=0.25, stop=0.75, outside=1.0).values(5.0, 4) == [1.0, 5.0, 5.0, 1.0]
    assert SCHEDULES["exponential"](rate=math.log(4)).values(8.0, 3) == pytest.approx([8.0, 4.0, 2.0])
    assert SCHEDULES["sawtooth"](cycles=2).values(4.0, 4) == [4.0, 2.0, 4.0, 2.0]
    assert SCHEDULES["piecewise"](steps=[[1, 2.0], [3, 3.0]]).values(9.0, 5) == [9.0, 2.0, 2.0, 3.0, 3.0]
    cosine, inverse = (SCHEDULES[name](min_val=1.0).values(7.5, 20) for name in ("cosine", "inverse_cosine"))
    assert [a + b for a, b in zip(cosine, inverse, strict=True)] == pytest.approx([8.5] * 20)


@given(st.floats(0.5, 6), st.floats(0.5, 6), st.integers(1, 60))
def test_beta_is_the_density_of_scipy(a: float, b: float, steps: int) -> None:
    from scipy.stats import beta

    expected = [3.0 * beta.pdf((step + 0.5) / steps, a, b) for step in range(steps)]
    assert SCHEDULES["beta"](a=a, b=b, middles=True).values(3.0, steps) == pytest.approx(expected, rel=1e-9)
    if steps > 1 and min(a, b) >= 1:
        expected = [3.0 * beta.pdf(step / (steps - 1), a, b) for step in range(steps)]  # gmum/beta-CFG c17edf5
        assert SCHEDULES["beta"](a=a, b=b).values(3.0, steps) == pytest.approx(expected, rel=1e-9)


def test_beta_is_infinite_at_an_end_only_where_the_density_is() -> None:
    with pytest.raises(UserError, match="middles"):
        SCHEDULES["beta"](a=0.5).values(3.0, 10)
    assert SCHEDULES["beta"](a=0.5, middles=True).values(3.0, 10)[0] > 0
    assert SCHEDULES["beta"](a=2.0, b=3.0).values(3.0, 10)[::9] == [0.0, 0.0]


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"list", "file"}))
@given(value=st.floats(0.01, 20), steps=st.integers(2, 60))
def test_means_can_be_matched(name: str, value: float, steps: int) -> None:
    """So that schedules can be compared with the constant of the same mean."""
    assume(name != "beta" or steps > 2)  # it is 0 at the first and the last step
    required = {**REQUIRED, "piecewise": {"steps": [[1, 2.0]]}}.get(name, {})
    got = SCHEDULES[name](match_mean=True, **required).values(value, steps)
    assert sum(got) / steps == pytest.approx(value)


def test_a_mean_of_zero_cannot_be_matched() -> None:
    with pytest.raises(UserError, match="mean is zero"):
        SCHEDULES["linear"](min_val=-2.0, match_mean=True).values(2.0, 3)


def test_pieces_have_to_be_in_order_and_within_the_steps() -> None:
    with pytest.raises(ValueError, match="not in order"):
        SCHEDULES["piecewise"](steps=[[5, 1.0], [2, 2.0]])
    with pytest.raises(UserError, match="beyond the last step"):
        SCHEDULES["piecewise"](steps=[[5, 1.0]]).values(1.0, 5)
