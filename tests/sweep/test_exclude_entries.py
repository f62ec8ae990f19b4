"""Values of axes as entries of `exclude` name them."""

from __future__ import annotations

from typing import Any

import pytest

from cfgsweep.sweep.exclude_entries import entry_values
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep

BASE: dict[str, Any] = {"name": "s", "model": "emoji", "prompt": "a", "guider": "cfg", "value": 3}


@pytest.mark.parametrize(
    ("axis", "given", "entries"),
    [
        ("guider", ["cfg", {"apg": {"eta": 0.5}}], ["cfg", {"apg": {"eta": 0.5}}]),
        ("guider", ["cfg", {"cfg": {"stop": 0.5}}], [{"cfg": {}}, {"cfg": {"stop": 0.5}}]),
        ("schedule", ["constant", {"cosine": {"k_decay": 0.7}}], ["constant", {"cosine": {"k_decay": 0.7}}]),
        ("schedule", ["constant", {"expression": "value * u"}], None),
        ("prompt", ["a: {b}", "null", "1, 2"], None),
        ("negative_prompt", ["", "x"], None),
        ("seed", [1, 2, 3], None),
        ("value", [0.1, 0.2, 3.0], None),
        ("sampler", ["ddim", "euler"], None),
        ("size", ["native", 32, [32, 64]], ["native", "32x32", "32x64"]),
        ("cache", ["none", {"first_block": {"threshold": 0.1}}], ["none", {"first_block": {"threshold": 0.1}}]),
        ("start", ["none", {"noise": [0.3, 0.5]}], ["none", {"noise": 0.3}, {"noise": 0.5}]),
        ("fork", ["none", {"at": 0.2, "seeds": 2}], None),
    ],
)
def test_an_entry_excludes_its_value_alone(axis: str, given: list[Any], entries: list[Any] | None) -> None:
    sweep = Sweep.model_validate(BASE | {axis: given})
    values = list(dict.fromkeys(e.value_of(axis) for e in expand(sweep)))
    named = entry_values(axis, values)
    found = [named[place] for place in range(len(values))]
    assert entries is None or found == entries
    for value, entry in zip(values, found, strict=True):
        left = expand(Sweep.model_validate(BASE | {axis: given, "exclude": [{axis: entry}]}))
        assert [e.value_of(axis) for e in left] == [one for one in values if one != value]


def test_inputs_of_a_call_that_others_contain_cannot_be_named() -> None:
    calls = [(("a", 1),), (("a", 1), ("b", 2))]
    assert entry_values("call", calls) == {1: {"a": 1, "b": 2}}
    assert entry_values("call", calls[:1]) == {0: {"a": 1}}
