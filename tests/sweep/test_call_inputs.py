"""`call:` in sweep files: inputs of a pipeline's call as axes. And `negative_prompt: null`, which is left out."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.errors import UserError
from cfgsweep.sweep.call_inputs import as_mapping, frozen_inputs, parse_calls
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep, read_sweep, schema
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying

BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg", "value": 2.0}
TWO = {"guidance_scale": [1.0, 3.5], "num_frames": 25}


def experiments(**settings: Any) -> list[Experiment]:
    return expand(Sweep(**{**BASE, **settings}))


@pytest.mark.parametrize(
    ("written", "calls"),
    [
        ({}, [{}]),
        ({"num_frames": 25}, [{"num_frames": 25}]),
        (TWO, [{"guidance_scale": 1.0, "num_frames": 25}, {"guidance_scale": 3.5, "num_frames": 25}]),
        ({"b": [1, 2], "a": ["x", "y"]}, [{"a": a, "b": b} for a in "xy" for b in (1, 2)]),
        ([{"a": 1}, {"b": [True, None]}, {}], [{"a": 1}, {"b": True}, {"b": None}, {}]),
        ({"a": {"linspace": [1, 2, 3]}}, [{"a": 1.0}, {"a": 1.5}, {"a": 2.0}]),
        ({"a": [[1, 2], [3]]}, [{"a": [1, 2]}, {"a": [3]}]),  # a list of lists is an axis of lists
        ({"sigmas": [[1.0, 0.5]]}, [{"sigmas": [1.0, 0.5]}]),
    ],
)
def test_lists_of_values_are_axes(written: Any, calls: list[dict[str, Any]]) -> None:
    got = experiments(call=written)
    assert [as_mapping(e.call) for e in got] == calls
    assert len({e.id for e in got}) == len(calls)


def test_the_schema_takes_what_is_read() -> None:
    whole = schema()
    schema_of_call, schema_of_negatives = (
        jsonschema.Draft202012Validator({**whole["properties"][name], "$defs": whole["$defs"]})
        for name in ("call", "negative_prompt")
    )
    for written in (TWO, {"a": [[1, 2]]}, [{"a": 1}, {"b": None}], {"a": {"linspace": [1, 2, 3]}}):
        assert schema_of_call.is_valid(written)
    for negative in (None, [None, ""], [None, "", "bad"], "bad"):
        assert schema_of_negatives.is_valid(negative)
    assert not any(map(schema_of_call.is_valid, (3, [3], [], {})))
    assert not schema_of_negatives.is_valid(3)


@pytest.mark.parametrize("written", [{"num_frames": 25}, TWO, [{"a": 1}, {"b": [[1, 2], [3]]}, {}], {"a": [[[1], 2]]}])
def test_what_a_folder_keeps_of_a_sweep_gives_the_same_experiments(written: Any, sweep_file) -> None:
    sweep = Sweep(**{**BASE, "call": written, "negative_prompt": [None, "", "bad"]})
    again, document = read_sweep(sweep_file(yaml.safe_dump(as_written(sweep))))
    assert again == sweep
    assert [e.id for e in expand(again, document)] == [e.id for e in expand(sweep)]


def test_without_inputs_an_id_is_what_it_was() -> None:
    (plain,), (empty,) = experiments(), experiments(call={})
    assert plain.id == empty.id
    assert "call" not in as_written(Sweep(**BASE))


def test_the_order_of_inputs_and_tuples_do_not_matter() -> None:
    (one,), (other,) = experiments(call={"a": [[1, 2]], "b": 2}), experiments(call={"b": 2, "a": [(1, 2)]})
    assert one == other
    assert one.id == other.id


def test_calls_move_with_another_axis() -> None:
    got = experiments(call={"a": [1, 2]}, seed=[5, 6], zip=["seed", "call"])
    assert [(e.seed, as_mapping(e.call)) for e in got] == [(5, {"a": 1}), (6, {"a": 2})]


@pytest.mark.parametrize(
    ("excluded", "left"),
    [
        ({"a": 1}, 2),
        ({"a": 1, "b": "x"}, 3),
        ({"a": "> 1"}, 2),
        ({"b": ["x", "y"], "a": 2}, 2),
        ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], 2),
    ],
)
def test_calls_are_excluded_by_the_inputs_that_are_named(excluded: Any, left: int) -> None:
    assert len(experiments(call={"a": [1, 2], "b": ["x", "y"]}, exclude={"call": excluded})) == left


@pytest.mark.parametrize("excluded", [{"a": 3}, {"c": 1}, {"b": "X"}, 1, {}])
def test_excluding_no_call_is_an_error(excluded: Any) -> None:
    with pytest.raises(UserError, match="excludes nothing"):
        experiments(call={"a": [1, 2], "b": ["x", "y"]}, exclude={"call": excluded})


def test_titles_have_the_inputs() -> None:
    got = experiments(call=TWO)
    assert [title(e, varying(got)) for e in got] == [
        "guidance_scale=1, num_frames=25",
        "guidance_scale=3.5, num_frames=25",
    ]
    apart = experiments(negative_prompt=["", "bad"], call=[{"a": [[1, 2]]}, {}])
    assert {title(e, varying(apart)) for e in apart} >= {'not "", a=[1,2]', "not bad, no further inputs"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"width": 64}, "width is set by size"),
        ({"num_inference_steps": 64}, "num_inference_steps is set by steps"),
        ({"true_cfg_scale": 2}, "true_cfg_scale is set by value"),
        ({"negative_prompt": "bad"}, "negative_prompt is set by negative_prompt"),
        ({"generator": 3}, "generator is set by seed"),
        ({"latents": 1}, "latents is set by cfgsweep itself"),
        ({"num_images_per_prompt": 2}, "num_images_per_prompt is set by cfgsweep itself"),
        ({"output_type": "np"}, "output_type is set by cfgsweep itself"),
        ({"a": {"b": 1}}, "not a value of an input"),
        ({"a": float("nan")}, "not a value of an input"),
        ({"a": [1.0, float("inf")]}, "not a value of an input"),
        ({"a": b"bytes"}, "not a value of an input"),
        ({"a": []}, "the axis is empty"),
        ([], "the axis is empty"),
        (3, "not inputs of a pipeline's call"),
        ({1: 2}, "not inputs of a pipeline's call"),
        ({"a": [1, 1]}, "the same value twice"),
        ([{"a": 1}, {"a": [1, 2]}], "the same value twice"),
    ],
)
def test_what_is_no_input_is_refused_with_its_line(written: Any, said: str, sweep_file) -> None:
    path = sweep_file(yaml.dump({**BASE, "call": written}, sort_keys=False))
    with pytest.raises(UserError) as refused:
        expand(*read_sweep(path))
    assert said in str(refused.value)
    assert re.search(rf"{re.escape(str(path))}:\d+: call", str(refused.value))
    assert "((" not in str(refused.value), "as files have it"


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = PLAIN | st.lists(PLAIN)


@given(st.dictionaries(st.text(min_size=1).map("x".__add__), VALUES))
def test_inputs_come_back_as_they_were(mapping: dict[str, Any]) -> None:
    """From a record, a folder's sweep, and Python: lists stay lists, and the frozen form is a key."""
    frozen = frozen_inputs(mapping)
    assert as_mapping(frozen) == mapping
    assert hash(frozen) == hash(frozen_inputs(dict(reversed(mapping.items()))))
    assert parse_calls({name: [value] for name, value in mapping.items()}) == [frozen]


def test_a_negative_prompt_that_is_left_out_is_the_empty_one_to_models_that_take_it_for_a_text() -> None:
    (left_out,), (empty,) = experiments(negative_prompt=None), experiments(negative_prompt="")
    assert left_out == empty
    assert left_out.id == empty.id
