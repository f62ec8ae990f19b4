"""`cache` in sweep files: what it expands to, its ids and titles, and the errors of wrong ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import jsonschema
import pytest
import torch
from diffusers import hooks

from cfgsweep.errors import UserError
from cfgsweep.samplers import StepCache
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.step_cache import CACHES, cache_spec, parse_caches
from cfgsweep.sweep.titles import title, varying
from tests.support.json_schemas import checker

BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg"}
AXES: list[tuple[Any, list[StepCache | None]]] = [
    ("none", [None]),
    (None, [None]),
    ("taylorseer", [StepCache("taylorseer")]),
    ({"first_block": {"threshold": 0.1}}, [StepCache("first_block", (("threshold", 0.1),))]),
    (
        ["none", {"first_block": {"threshold": [0.05, 1]}}],
        [None, StepCache("first_block"), StepCache("first_block", (("threshold", 1.0),))],
    ),
    ({"mag": {"mag_ratios": "flux"}}, [StepCache("mag", (("mag_ratios", "flux"),))]),
    (
        [{"mag": {"mag_ratios": [1, 0.9], "max_skip_steps": 2}}],
        [StepCache("mag", (("mag_ratios", (1.0, 0.9)), ("max_skip_steps", 2)))],
    ),
    (
        {"taylorseer": {"cache_identifiers": ["blocks.*"], "use_lite_mode": False}},
        [StepCache("taylorseer", (("cache_identifiers", ("blocks.*",)),))],
    ),
]


def experiments(**changes: Any) -> list[Experiment]:
    return expand(Sweep(**{**BASE, **changes}))


@pytest.mark.parametrize(("given", "wanted"), AXES)
def test_the_axis_is_every_setting_of_every_cache(given: Any, wanted: list[StepCache | None]) -> None:
    assert [e.cache for e in experiments(cache=given)] == wanted
    checker().validate({**BASE, "cache": given})


@pytest.mark.parametrize(("given", "wanted"), AXES)
def test_a_sweep_is_written_as_it_is_read(given: Any, wanted: list[StepCache | None]) -> None:
    written = as_written(Sweep(**BASE, cache=given))
    assert ("cache" in written) == (wanted != [None])
    assert Sweep(**written).cache == wanted
    for cache in wanted:
        assert parse_caches([cache_spec(cache)]) == [cache]


def test_ids_have_the_cache_and_no_default() -> None:
    none, plain, default, other = experiments(
        cache=["none", "first_block", {"first_block": {"threshold": 0.05}}, {"first_block": {"threshold": 0.1}}][:2]
    ) + experiments(cache=[{"first_block": {"threshold": [0.05, 0.1]}}])
    (without,) = experiments()
    assert none.id == without.id
    assert plain.id == default.id
    assert len({none.id, plain.id, other.id}) == 3
    assert other.legacy_id is None


def test_titles_tell_it() -> None:
    several = experiments(cache=["none", {"mag": {"mag_ratios": [1, 0.9], "threshold": 0.1}}])
    assert [title(e, varying(several)) for e in several] == ["cache none", "cache mag mag_ratios=[1,0.9] threshold=0.1"]


def test_an_exclusion_names_a_cache() -> None:
    given = {"cache": ["none", "taylorseer"], "seed": [1, 2], "exclude": [{"cache": "taylorseer", "seed": 1}]}
    assert [(e.seed, e.cache) for e in experiments(**given)] == [(1, None), (2, None), (2, StepCache("taylorseer"))]


def test_a_bare_name_excludes_a_cache_with_any_settings() -> None:
    several = {"cache": ["none", {"first_block": {"threshold": [0.05, 0.9]}}]}
    assert [e.cache for e in experiments(**several, exclude=[{"cache": "first_block"}])] == [None]


WRONG = [
    ({"first_block": {"": 1, None: 2}}, "unknown setting"),
    ([], "the axis is empty"),
    ("first", "unknown step cache 'first'"),
    ({"first_block": {}, "mag": {}}, "not a step cache"),
    (3, "not a step cache"),
    ({"first_block": 0.1}, "not settings"),
    ({"first_block": {"treshold": 0.1}}, "did you mean 'threshold'"),
    ({"first_block": {"threshold": -1}}, "not a value of threshold"),
    ({"first_block": {"threshold": True}}, "not a value of threshold"),
    ({"first_block": {"threshold": []}}, "the axis is empty"),
    ("mag", "mag needs mag_ratios"),
    ({"mag": {"mag_ratios": []}}, "not a value of mag_ratios"),
    ({"mag": {"mag_ratios": "wan"}}, "not a value of mag_ratios"),
    ({"taylorseer": {"cache_interval": 0}}, "not a value of cache_interval"),
    ({"taylorseer": {"taylor_factors_dtype": "int8"}}, "bfloat16, float16, float32"),
    ({"taylorseer": {"use_lite_mode": 1}}, "not a value of use_lite_mode"),
]


@pytest.mark.parametrize(("given", "problem"), WRONG)
def test_wrong_ones_are_explained(given: Any, problem: str) -> None:
    with pytest.raises(UserError) as refused:
        Sweep(**BASE, cache=given)
    assert problem in str(refused.value)
    assert "cache" in str(refused.value)
    with pytest.raises(jsonschema.ValidationError):
        checker().validate({**BASE, "cache": given})


def test_settings_and_defaults_are_those_of_diffusers() -> None:
    kinds = {
        "first_block": hooks.FirstBlockCacheConfig,
        "mag": hooks.MagCacheConfig,
        "taylorseer": hooks.TaylorSeerCacheConfig,
    }
    for name, settings in CACHES.items():
        fields = {each.name: each.default for each in dataclasses.fields(kinds[name])}
        of_cfgsweep = {key: default for key, (default, _) in settings.items()}
        if name == "taylorseer":
            of_cfgsweep["taylor_factors_dtype"] = getattr(torch, of_cfgsweep["taylor_factors_dtype"])
        left_out = {"num_inference_steps", "calibrate"} if name == "mag" else set()
        assert of_cfgsweep == {key: value for key, value in fields.items() if key not in left_out}
