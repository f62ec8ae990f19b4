"""Scalars are those of YAML 1.2's core schema, as editors read them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.config.yaml_io import dump, given_value, read
from cfgsweep.errors import UserError

NUMBERS = {  # of the specification's section 10.3.2, and what sweeps have
    **{"0": 0, "-19": -19, "+7": 7, "010": 10, "089": 89, "0o7": 7, "0o17": 15, "0x3A": 58, "0xff": 255},
    **{"0.": 0.0, "-0.0": -0.0, ".5": 0.5, "+.5": 0.5, "12e03": 12000.0, "-2E+05": -2e5, "1e-4": 1e-4},
    **{"1.0e-4": 1e-4, "1.0e+300": 1e300, ".inf": math.inf, "-.Inf": -math.inf, "+.INF": math.inf, "1.5": 1.5},
}
TEXTS = [
    *("1:30", "190:20:30", "1:30.5", "1_0", "1_000.5", "_1", "0b11", "0o8", "0xG", "-0x1", "1e", "e3", ".", "1.2.3"),
    *("yes", "no", "on", "off", "Yes", "NO", "y", "2001-01-01", "2001-99-99", "2001-12-14 21:59:43", "=", "inf", "nan"),
    *("0o", "0x", "+", "1,000", "trUe", "nUll", "--1", "1e5.5", ".e1", "+.nan"),
]


def scalar(folder: Path, text: str) -> object:
    (folder / "s.yaml").write_text(f"key: {text}\n")
    return read(folder / "s.yaml").data["key"]


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_numbers(tmp_path: Path, text: str, number: float) -> None:
    found = scalar(tmp_path, text)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_number_is_text(tmp_path: Path, text: str) -> None:
    assert scalar(tmp_path, text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("Null", None)],
)
def test_truth_and_nothing(tmp_path: Path, text: str, value: object) -> None:
    assert scalar(tmp_path, text) is value


def test_not_a_number(tmp_path: Path) -> None:
    assert math.isnan(scalar(tmp_path, ".nan"))  # type: ignore[arg-type]


def test_merge_keys_still_work(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\n")
    assert read(tmp_path / "s.yaml").data["b"] == {"x": 1, "y": 2}


VALUES = st.one_of(st.sampled_from([*TEXTS, *NUMBERS]), st.text(max_size=6), st.integers(), st.floats(allow_nan=False))


@given(value=VALUES)
def test_what_is_written_is_read_as_the_same_by_us_and_text_by_readers_of_yaml_1_1(tmp_path_factory, value) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_bytes(dump({"key": value}))
    found = read(path).data["key"]
    assert (found, type(found)) == (value, type(value))
    if isinstance(value, str):
        assert yaml.safe_load(path.read_bytes())["key"] == value


@pytest.mark.parametrize("given", ["steps=1:30", "steps=1_0", "seed=0b11"])
def test_a_sweep_does_not_take_them_for_numbers(cli, given: str) -> None:
    refused = cli("plan", "tnorm", "--set", given)
    assert refused.code == 2
    assert given.partition("=")[2] in refused.err


@pytest.mark.parametrize(
    ("text", "is_text", "value"),
    [
        ("1,2,3", False, [1, 2, 3]),
        ("0.1, 1e-3", False, [0.1, 0.001]),
        ("[1,2]", False, [1, 2]),
        ("a,b", False, ["a", "b"]),
        ('"a,b"', False, "a,b"),
        ("&x y", True, "&x y"),
        ("[a cat:0.5] x", True, "[a cat:0.5] x"),
        ('"quoted" text', True, '"quoted" text'),
        ("1,2,3", True, "1,2,3"),
        ("a dog: happy", True, "a dog: happy"),
        ("a: b: c", True, "a: b: c"),
        ("a dog #1", True, "a dog #1"),
        ("5", True, "5"),
        ("null", True, None),
        ('"a: b"', True, "a: b"),
        ("[a, b]", True, ["a", "b"]),
        ("{file: x}", True, {"file": "x"}),
        ("", True, ""),
    ],
)
def test_values_on_a_command_line_are_what_they_look_like(text: str, is_text: bool, value: object) -> None:
    assert given_value(text, "--set", is_text) == value


@pytest.mark.parametrize("text", ["[a", "a: b: c"])
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not valid YAML"):
        given_value(text, "--set")
