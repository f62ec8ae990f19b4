"""Ids: every setting changes them, new fields at their defaults do not, and changed defaults cannot go unnoticed.

`python -m tests.sweep.test_ids` adds guiders and schedules that are new to the snapshot.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import create_model

from cfgsweep.config.parameters import Parameters, plain
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.samplers import SAMPLERS
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import ID_SCHEMA, Experiment
from cfgsweep.sweep.schema import Sweep

SNAPSHOT = Path(__file__).with_name("snapshot_of_defaults.yaml")
BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "seed": 7}
WITH_64_PIXELS = "f072d9031a4c1b2a"  # the id of "optional fields" at 64 pixels, before that was the native size
SWEEPS: dict[str, dict[str, Any]] = {
    "plain": {"guider": "cfg"},
    "parameters": {"guider": {"apg": {"eta": 0.5}}, "schedule": {"cosine": {"k_decay": 0.7}}, "value": 3},
    "a schedule of a parameter": {"guider": {"pag": {"pag_scale": {"linear": {"max_val": 2}}}}},
    "optional fields": {"guider": "cfg", "negative_prompt": "grey", "size": 72, "revision": "main"},
    "a label": {"guider": "cfg", "model": "digits", "prompt": None, "label": 3},
}


def experiment(**changes: Any) -> Experiment:
    (only,) = expand(Sweep(**{**BASE, "guider": "tnorm", **changes}))
    return only


def every_guider() -> list[dict[str, Any]]:
    theirs = ["ClassifierFreeGuidance", "AdaptiveProjectedGuidance", "ClassifierFreeZeroStarGuidance"]
    return [{name: {}} for name in (*GUIDERS.built_in(), *(f"diffusers.{name}" for name in theirs))]


@pytest.mark.parametrize("guider", every_guider(), ids=lambda guider: next(iter(guider)))
def test_the_id_of_version_0_1_hashes_every_parameter(guider: dict[str, Any]) -> None:
    """Computed from the parameters themselves, as far as they existed then. Other formulas make other pictures."""
    e = experiment(guider=guider, sampler="euler")
    if e.guider.formula_version != 1:
        assert e.legacy_id is None
        return
    fields = [e.model, e.revision, e.prompt, e.negative_prompt, e.seed, e.steps, e.sampler, e.size, e.value]
    texts = [json.dumps(part.settings(), sort_keys=True) for part in (e.guider, e.schedule)]
    assert e.legacy_id == hashlib.sha256((json.dumps(fields) + "".join(texts)).encode()).hexdigest()[:16]


def default_of(field: Any) -> Any:
    if field.is_required():
        return "required"
    return field.default.spec() if isinstance(field.default, Parameters) else plain(field.default)


def described(cls: type[Parameters]) -> dict[str, Any]:
    defaults = {name: default_of(field) for name, field in cls.model_fields.items()}
    return {"defaults_version": cls.defaults_version, "defaults": defaults}


def current() -> dict[str, Any]:
    return {
        "id_schema": ID_SCHEMA,
        "ids": {name: experiment(**changes).id for name, changes in SWEEPS.items()},
        "guiders": {name: described(cls) for name, cls in GUIDERS.items()},
        "schedules": {name: described(cls) for name, cls in SCHEDULES.items()},
    }


def changed_defaults(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Parameters whose default is another than in the snapshot, in classes whose version has not been raised."""
    return [
        f"{name}: {field}"
        for name, known in before.items()
        if name in now and now[name]["defaults_version"] == known["defaults_version"]
        for field, default in known["defaults"].items()
        if now[name]["defaults"].get(field, "gone") != default
    ]


def test_a_default_changes_only_with_its_classes_version() -> None:
    """A changed default makes other pictures under the same id: raise `defaults_version` of the class."""
    before, now = yaml.safe_load(SNAPSHOT.read_text()), current()
    for kind in ("guiders", "schedules"):
        assert not changed_defaults(before[kind], now[kind])


def test_the_snapshot_notices_a_changed_default() -> None:
    before = current()["guiders"]
    cls = create_model("Changed", __base__=GUIDERS["apg"], eta=(float, 0.25))
    assert changed_defaults(before, {**before, "apg": described(cls)}) == ["apg: eta"]
    cls.defaults_version = 2
    assert not changed_defaults(before, {**before, "apg": described(cls)})


def test_ids_stay_what_they_are_unless_their_schema_is_raised() -> None:
    before, now = yaml.safe_load(SNAPSHOT.read_text()), current()
    assert before["id_schema"] != now["id_schema"] or before["ids"] == now["ids"]


def test_the_native_size_in_pixels_is_the_native_size() -> None:
    """Ids that say 64, as earlier sweeps had them, are recognised."""
    native, spelt_out = (experiment(size=size) for size in ("native", 64))
    assert spelt_out == native
    assert dataclasses.replace(native, size=(64, 64)).id in native.other_ids
    assert WITH_64_PIXELS in experiment(**{**SWEEPS["optional fields"], "size": 64}).other_ids
    assert experiment(size=72).other_ids == (experiment(size=72).legacy_id,)


def test_where_the_native_size_is_not_known_both_ids_are_looked_up() -> None:
    (native, spelt_out) = (dataclasses.replace(experiment(), size=size, native_size=None) for size in (None, (64, 64)))
    assert native.id in spelt_out.other_ids


@pytest.mark.parametrize("kind", ["guider", "schedule"])
def test_a_new_parameter_at_its_default_changes_no_id(kind: str) -> None:
    before = experiment(guider={"apg": {"eta": 0.5}}, schedule={"cosine": {"k_decay": 0.7}}, value=3)
    part: Parameters = getattr(before, kind)
    grown: Any = create_model("Grown", __base__=type(part), strength=(float, 1.0))
    given = part.model_dump(include=part.model_fields_set)
    same = dataclasses.replace(before, **{kind: grown(**given)})
    other = dataclasses.replace(before, **{kind: grown(**given, strength=2.0)})
    assert (same.id, same.legacy_id) == (before.id, before.legacy_id)
    assert other.id != before.id


def test_a_raised_version_of_defaults_and_other_code_change_the_id() -> None:
    before = experiment()
    for attribute, value in (("defaults_version", 2), ("code_hash", "abc")):
        cls: Any = create_model("Other", __base__=type(before.guider))
        setattr(cls, attribute, value)
        after = dataclasses.replace(before, guider=cls())
        assert after.id != before.id
        assert after.legacy_id == before.legacy_id


@pytest.mark.parametrize("kind", ["guider", "schedule", "schedule of a parameter"])
def test_another_formula_makes_another_id_and_takes_over_no_picture_of_version_0_1(kind: str) -> None:
    before = experiment(guider={"pag": {"pag_scale": {"linear": {"max_val": 2}}}})
    assert isinstance(before.guider, GUIDERS["pag"])
    part: Any = before.guider.pag_scale if kind == "schedule of a parameter" else getattr(before, kind)
    changed: Any = create_model("Changed", __base__=type(part))
    changed.formula_version = 2
    changed = changed(**{name: getattr(part, name) for name in part.model_fields_set})
    if kind == "schedule of a parameter":
        after = dataclasses.replace(before, guider=before.guider.model_copy(update={"pag_scale": changed}))
    else:
        after = dataclasses.replace(before, **{kind: changed})
    assert after.id != before.id
    assert before.legacy_id is not None
    assert after.legacy_id is None


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_pictures_whose_latents_moved_in_zero_init_steps_are_not_taken_over(sampler: str) -> None:
    still = experiment(guider={"cfg": {"zero_init_steps": 2}}, sampler=sampler)
    settings = {"schema": ID_SCHEMA, **{name: getattr(still, name) for name in ("model", "seed", "steps", "sampler")}}
    settings |= {"value": still.value, "prompt": still.prompt}
    parts = [json.dumps(part.id_settings(), sort_keys=True) for part in (still.guider, still.schedule)]
    before = hashlib.sha256((json.dumps(settings, sort_keys=True) + "".join(parts)).encode()).hexdigest()[:16]
    moved = sampler in ("heun", "lms", "pndm", "unipc", "dpm++2m", "dpm++2m_karras")
    assert (still.id == before, still.legacy_id is not None) == (not moved, not moved)
    assert experiment(guider="cfg", sampler=sampler).legacy_id is not None


def test_defaults_may_be_given_or_left_out() -> None:
    assert experiment(guider={"apg": {"eta": GUIDERS["apg"]().eta}}).id == experiment(guider="apg").id


if __name__ == "__main__":
    known = yaml.safe_load(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if known.get("id_schema") != ID_SCHEMA:
        known.pop("ids", None)
    merged = {key: {**one, **known.get(key, {})} if isinstance(one, dict) else one for key, one in current().items()}
    SNAPSHOT.write_text(yaml.safe_dump(merged, sort_keys=False))
