"""Sweeps made in Python: the same fields, defaults and errors as in a file, without a file's lines."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep

FIELDS: dict[str, Any] = {
    "name": "norms",
    "model": "emoji",
    "prompt": "a cat",
    "guider": ["tnorm", "fullnorm"],
    "value": [0.05, 0.1],
}


def test_a_sweep_from_python_equals_the_sweep_of_a_file(sweep_file) -> None:
    path = sweep_file(yaml.safe_dump({**FIELDS, "seed": [0, 1, 2], "size": [64, 64]}))
    from_file, document = read_sweep(path)
    from_python = Sweep(
        **{
            **FIELDS,
            "value": np.array([0.05, 0.1]),
            "seed": range(3),
            "size": (64, 64),
            "guider": ("tnorm", "fullnorm"),
        }
    )
    assert from_python == from_file
    assert expand(from_python) == expand(from_file, document)


def test_guiders_and_paths_are_taken_as_objects(labelled: Path) -> None:
    guider = GUIDERS["cfg"](stop=0.5)
    sweep = Sweep(name="x", model=labelled, label=[0, 1], guider=guider)
    assert sweep.guider == [guider]
    assert sweep.model == [str(labelled)]


@pytest.mark.parametrize(
    "change",
    [
        {"guider": ["tnorm", "fulnorm"]},
        {"guider": {"cfg": {"strat": 0.1}}},
        {"value": [0.1, 0.1]},
        {"value": [0.1, "big"]},
        {"value": []},
        {"valeu": 1},
        {"prompt": None},
        {"label": 3},
        {"zip": ["seed", "colour"]},
        {"zip": ["guider", "seed"]},
        {"exclude": [{"valeu": 0.1}]},
        {"steps": 0},
        {"size": 100},
        {"phase": {"distance": 3}},
    ],
    ids=str,
)
def test_errors_have_the_words_of_a_file_without_its_lines(sweep_file, change: dict[str, Any]) -> None:
    with pytest.raises(UserError) as from_python:
        Sweep(**{**FIELDS, **change})
    path = sweep_file(yaml.safe_dump({**FIELDS, **change}))
    with pytest.raises(UserError) as from_file:
        read_sweep(path)
    in_file, elsewhere = from_file.value, from_python.value
    assert (elsewhere.problem, elsewhere.given, elsewhere.allowed, elsewhere.hint) == (
        *(in_file.problem, in_file.given, in_file.allowed, in_file.hint),
    )
    place, _, key = in_file.where.rpartition(": ")
    assert place.startswith(str(path))
    assert elsewhere.where == key


def test_a_sweep_is_copied_and_pickled() -> None:
    sweep = Sweep(**FIELDS)
    assert pickle.loads(pickle.dumps(sweep)) == copy.deepcopy(sweep) == sweep


def test_the_signature_shows_names_and_defaults() -> None:
    parameters = inspect.signature(Sweep).parameters
    assert list(parameters) == list(Sweep.model_fields)
    assert parameters["steps"].default == [50]
    assert parameters["name"].default is inspect.Parameter.empty
