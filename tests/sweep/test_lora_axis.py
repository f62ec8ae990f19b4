"""`lora` in sweep files: what it expands to, its ids, records and titles, and the errors of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from cfgsweep.engine.cost import cost
from cfgsweep.errors import UserError
from cfgsweep.samplers import Lora
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.lora import lora_spec, parse_loras
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying
from tests.support.json_schemas import checker

STYLE, FILM = "loras/style.safetensors", "film.safetensors"
AXES: list[tuple[Any, list[tuple[Lora, ...]]]] = [
    ("none", [()]),
    (None, [()]),
    (STYLE, [(Lora(STYLE),)]),
    ({"file": STYLE, "scale": [0.5, 1]}, [(Lora(STYLE, 0.5),), (Lora(STYLE),)]),
    (["none", {"file": STYLE, "scale": {"linspace": [0, 1, 2]}}], [(), (Lora(STYLE, 0.0),), (Lora(STYLE),)]),
    ([[STYLE, {"file": FILM, "scale": 0.3}]], [(Lora(STYLE), Lora(FILM, 0.3))]),
    (
        [[{"file": STYLE, "scale": [0.5, 1]}, {"file": FILM, "scale": [-1, 1]}]],
        [(Lora(STYLE, a), Lora(FILM, b)) for a in (0.5, 1) for b in (-1, 1)],
    ),
]


def sweep(**changes: Any) -> Sweep:
    return Sweep(**{"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg", **changes})


def experiments(**changes: Any) -> list[Experiment]:
    return expand(sweep(**changes))


@pytest.mark.parametrize(("given", "wanted"), AXES)
def test_the_axis_is_every_scale_of_every_file(given: Any, wanted: list[tuple[Lora, ...]]) -> None:
    assert [e.lora for e in experiments(lora=given)] == wanted
    document = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg", "lora": given}
    checker().validate(document)


@pytest.mark.parametrize(("given", "wanted"), AXES)
def test_a_sweep_is_written_as_it_is_read(given: Any, wanted: list[tuple[Lora, ...]]) -> None:
    written = as_written(sweep(lora=given))
    assert ("lora" in written) == (wanted != [()])
    assert Sweep(**written).lora == wanted
    for loras in wanted:
        assert parse_loras([lora_spec(loras)]) == [loras]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "empty"),
        ([[]], "not a LoRA"),
        (3, "not a LoRA"),
        ({"scale": 1}, "not a LoRA"),
        ([["none", STYLE]], "not the name of a .safetensors file"),
        ("style.ckpt", "not the name of a .safetensors file"),
        ({"file": STYLE, "scale": True}, "not a scale"),
        ({"file": STYLE, "scale": "1"}, "not a scale"),
        ({"file": STYLE, "scale": 1000}, "not a scale"),
        ({"file": STYLE, "scales": 1}, "did you mean 'scale'"),
        ([[STYLE, {"file": STYLE, "scale": 0.5}]], "twice at once"),
        ([STYLE, {"file": STYLE, "scale": 1.0}], "the same value twice"),
    ],
)
def test_what_is_no_lora_is_refused(given: Any, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        sweep(lora=given)


def test_ids_have_files_and_scales_and_none_is_no_setting() -> None:
    (plain,) = experiments()
    (none,) = experiments(lora="none")
    others = experiments(lora=[STYLE, FILM, {"file": STYLE, "scale": 0.5}, [STYLE, FILM], [FILM, STYLE]])
    assert none.id == plain.id
    assert len({e.id for e in [plain, *others]}) == 6
    assert others[0].legacy_id is None, "version 0.1 had no LoRA"


def test_titles_name_files_without_folders() -> None:
    found = experiments(lora=["none", {"file": STYLE, "scale": 0.5}, [STYLE, FILM]])
    titles = [title(e, varying(found)) for e in found]
    assert titles == ["lora none", "lora style 0.5", "lora style 1 + film 1"]


def test_pictures_with_other_loras_share_nothing() -> None:
    found = experiments(lora=["none", STYLE], steps=5, guider={"cfg": {"stop": [0.2, 1.0]}})
    assert cost(found).evaluations == 2 * cost([e for e in found if not e.lora]).evaluations


def test_exclusions_name_loras_as_the_axis_does() -> None:
    axis = ["none", {"file": STYLE, "scale": [0.5, 1]}]
    assert [e.lora for e in experiments(lora=axis, exclude={"lora": "none"})] == [(Lora(STYLE, 0.5),), (Lora(STYLE),)]
    left = experiments(lora=axis, seed=[1, 2], exclude={"lora": {"file": STYLE, "scale": [0.5, 1]}, "seed": 2})
    assert [(e.seed, e.lora) for e in left] == [(1, ()), (1, (Lora(STYLE, 0.5),)), (1, (Lora(STYLE),)), (2, ())]
