"""What ids, titles and files have of guiders and schedules."""

from __future__ import annotations

from typing import ClassVar

from cfgsweep.config.parameters import Number, Parameters
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES


class Curve(Parameters):
    name = "curve"
    a: Number = 1.0
    b: Number = 2.0
    inner: Parameters | None = None


class Newer(Curve):
    name = "newer"
    defaults_version = 3


class FromFile(Curve):
    name = "my.py:Mine"
    code_hash: ClassVar[str | None] = "0123456789abcdef"


def test_an_id_has_what_is_not_at_its_default() -> None:
    assert Curve().id_settings() == {"curve": {}}
    assert Curve(a=1.0, b=3.0).id_settings() == {"curve": {"b": 3.0}}
    assert Curve(inner=Curve(a=2)).id_settings() == {"curve": {"inner": {"curve": {"a": 2.0}}}}


def test_an_id_has_the_version_of_the_defaults_and_the_hash_of_the_code() -> None:
    assert Newer(a=0).id_settings() == {"newer": {"a": 0.0}, "defaults_version": 3}
    inner = {"my.py:Mine": {}, "code_hash": "0123456789abcdef"}
    assert Curve(inner=FromFile()).id_settings() == {"curve": {"inner": inner}}


def test_ids_of_diffusers_guiders_have_all_defaults_of_theirs_and_none_of_ours() -> None:
    name = "diffusers.ClassifierFreeGuidance"
    guider = GUIDERS[name]()
    ((found, settings),) = guider.id_settings().items()
    assert found == name
    assert set(settings) == set(type(guider).offered)
    assert "zero_init_steps" in GUIDERS[name].model_fields
    assert "zero_init_steps" not in settings


def test_our_ids_are_stable() -> None:
    assert GUIDERS["cfg"]().id_settings() == {"cfg": {}}
    assert GUIDERS["pag"](pag_scale=SCHEDULES["cosine"](max_val=3)).id_settings() == {
        "pag": {"pag_scale": {"cosine": {"max_val": 3.0}}}
    }
