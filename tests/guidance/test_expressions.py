"""Schedules by expressions: the numbers of Python's own arithmetic, and a refusal of all that is not arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES, Expression
from cfgsweep.guidance.schedules.expression import FUNCTIONS, NAMES
from cfgsweep.models.info import model_infos
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep

BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg", "steps": 5}
U = [0, 0.25, 0.5, 0.75, 1]


def scales(expression: str, **fields) -> list[float]:
    (experiment,) = expand(Sweep(**{**BASE, "schedule": {"expression": expression}, **fields}))
    return experiment.scales()


def test_expressions_are_the_scale_at_every_step() -> None:
    assert scales("5*sin(pi*u)") == pytest.approx([5 * math.sin(math.pi * u) for u in U])
    assert scales("value * (1 - u) + 1", value=3) == pytest.approx([3 * (1 - u) + 1 for u in U])
    assert scales("value + 1") == [8.5] * 5  # cfg's usual value
    assert scales("2 if u < 0.5 else 5 - step / steps") == [2, 2, 4.6, 4.4, 4.2]
    assert scales("max(1, 7 - step, min(step, 3))") == [7, 6, 5, 4, 3]
    assert scales("exp(-u) + log(steps) + sqrt(4) + abs(-u) + cos(0)") == pytest.approx(
        [math.exp(-u) + math.log(5) + 2 + u + 1 for u in U]
    )


def test_sigma_is_the_noise_level_of_the_model_s_steps() -> None:
    levels = model_infos(["emoji"])["emoji"].noise_levels("euler", 5)
    assert scales("1 + sigma / 10") == pytest.approx([1 + level / 10 for level in levels])
    (e,) = expand(Sweep(**{**BASE, "guider": {"pag": {"pag_scale": {"expression": "sigma"}}}}))
    assert e.guider.parameter_values(5, e.noise_levels)["pag_scale"] == list(levels)
    assert not GUIDERS["pag"]().needs_noise_levels


def test_an_expression_without_value_takes_none() -> None:
    with pytest.raises(UserError, match="nothing is done with the sweep's value"):
        scales("5 * u", value=3)
    with pytest.raises(UserError, match="nothing is done with the sweep's value"):
        scales("5 * u", guider={"cfg": {"value": 3}})
    with pytest.raises(UserError, match="nothing is done with max_val"):
        Sweep(**BASE, schedule={"expression": "5 * u", "max_val": 3})
    matched = Expression(expression="u", match_mean=True).values(3.0, 5)
    assert matched == pytest.approx([6 * u for u in U])
    guider = GUIDERS["cfg"](guidance_rescale=Expression(expression="u"))
    assert guider.parameter_values(5)["guidance_rescale"] == U


def test_the_text_decides_the_id() -> None:
    first, other = ({"expression": text} for text in ("5 * u", "5 * u + 0"))
    ids = [expand(Sweep(**BASE, schedule=one))[0].id for one in (first, {"expression": first}, other)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sinn(u)", "unknown function 'sinn' in the expression, at character 1"),
        ("5 * foo", "unknown name 'foo' in the expression, at character 5"),
        ("5 * sin", "unknown name 'sin'"),
        ("u +", "not an expression"),
        ("(u", "not an expression, at character 1"),
        ("log(u)", "the expression has no value at step 0 of 5: math domain error"),
        ("1 / (u - 0.5)", "the expression has no value at step 2 of 5: float division by zero"),
        ("(-1) ** 0.5", "the expression has no value at step 0 of 5"),
        ("1e300 * 1e300", "the expression is inf at step 0 of 5"),
        ("9 ** 9 ** 9 ** 9", "the expression has no value"),
        ("9" * 400, "not a number of an expression"),
        ("__import__('os').system('true')", "not a call of a function"),
        ("().__class__", "not a part of an expression"),
        ("u.real", "not a part of an expression"),
        ("'a' * 99999999", "not a number of an expression"),
        ("[u][0]", "not a part of an expression"),
        ("[x for x in u]", "not a part of an expression"),
        ("lambda: u", "not a part of an expression"),
        ("f'{u}'", "not a part of an expression"),
        ("(u := 3)", "not a part of an expression"),
        ("1 << 9999999", "not a part of an expression"),
        ("sin(u, u)", "not a call of a function with its number of arguments"),
        ("min(u)", "not a call of a function"),
        ("sin(x=u)", "not a call of a function"),
        ("max(u, *u)", "not a part of an expression"),
        ("True", "not a number of an expression"),
        ("2j", "not a number of an expression"),
        ("-" * 400 + "1", "nested too deeply"),
        ("(" * 250 + "1" + ")" * 240, "not an expression"),
        ("u" * 501, "at most 500 characters"),
        ("\0", "not an expression"),
    ],
)
def test_what_is_no_arithmetic_or_has_no_value_is_refused(expression: str, problem: str) -> None:
    with pytest.raises(UserError) as refused:
        scales(expression)
    assert problem in str(refused.value)


def test_errors_name_the_line_and_what_is_allowed(cli, sweep_file) -> None:
    text = 'name: x\nmodel: emoji\nprompt: a cat\nguider: cfg\nschedule: {expression: "5*sine(u)"}\n'
    refused = cli("plan", path := sweep_file(text))
    assert refused.code == 2
    for word in (
        f"{path}:5: schedule",
        "unknown function 'sine'",
        "'5*sine(u)'",
        *NAMES,
        *FUNCTIONS,
        "did you mean 'sin'",
    ):
        assert word in refused.err


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*"0123456789.+-*/%()[]<>=,_ue'\" ", "sin(", "u**", " if ", " else "]), max_size=60))
def test_every_text_gives_numbers_or_an_error(parts: list[str]) -> None:
    try:
        numbers = SCHEDULES["expression"](expression="".join(parts) or "u").values(2.0, 4)
    except ValueError:  # of which UserError is one
        return
    assert len(numbers) == 4
    assert all(map(math.isfinite, numbers))
