"""What can be copied from a page does what it says: it has the same id, gives the same pixels, guides alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import cfgsweep
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.pages.copies import Copies
from cfgsweep.pages.diffusers_guider import CLASSES, diffusers_text
from cfgsweep.samplers import SAMPLERS
from cfgsweep.storage.png import parameters_line
from cfgsweep.storage.records import DoneRecord, FailedRecord
from cfgsweep.sweep.call_inputs import frozen_inputs
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep
from tests.support.from_pictures import write_pictures
from tests.support.guidance_steps import guided
from tests.support.run_state import records_of, run_of

FAILED = FailedRecord.of({"id": "0" * 16, "status": "failed", "reason": ""})
HOSTILE = "'''); import os # \" \\ {braces} \u2028 \u202e </script> : - & * ! | > % @ `"


def sweep_files(sweep_file, settings: dict) -> list[tuple[str, str]]:
    """Of every experiment of the sweep, the id, and its copied sweep file."""
    text = json.dumps({"name": "x", "model": "emoji", "steps": 6, **settings})
    sweep, document = read_sweep(sweep_file(text))
    return [(e.id, Copies(sweep).of(e, FAILED)["sweep file"]) for e in expand(sweep, document)]


@pytest.mark.parametrize(
    "settings",
    [
        {"prompt": [HOSTILE, "yes", "1e3", "", " a\n b"], "negative_prompt": ["", HOSTILE]},
        {"prompt": "a", "seed": [0, 2**62], "sampler": list(SAMPLERS)[:4], "size": [64, [64, 96]], "steps": [6, 7]},
        {"prompt": "a", "guider": ["cfg", {"tnorm": {"start": [0.0, 0.2], "value": [0.1, 1 / 3]}}], "value": 3},
        {"prompt": "a", "guider": {"cfg": {"sigma": [0.5, 5.0]}}, "schedule": ["linear", {"cosine": {"k_decay": 0.7}}]},
        {"prompt": "a", "schedule": [{"linear": {"max_val": 4.0}}, {"linear": {"max_val": 3.0, "match_mean": True}}]},
        {"prompt": "a", "schedule": {"expression": "3 + 2 * u"}},
        {"prompt": "a", "guider": {"apg": {"eta": {"linear": {"max_val": 0.5}}}}},
        {"prompt": "a", "guider": {"diffusers.ClassifierFreeGuidance": {"guidance_scale": [2.0, 3.0]}}},
        {"prompt": "a", "guider": [{"slg": {"layers": ["mid", "up.1"]}}, {"slg": {"layers": "up.0"}}]},
        {"prompt": "{style} of {animal}", "vars": {"style": ["oil", "{ink}"], "animal": ["a cat"]}},
        {"prompt": "a", "fork": {"at": [0.2, 0.5], "seeds": 2}, "start": {"noise": [0.3, 0.6]}},
        {"model": "digits", "label": [3, 7], "seed": [1, 2]},
    ],
)
def test_a_copied_sweep_file_is_the_same_experiment(sweep_file, settings: dict) -> None:
    given = {"guider": "cfg", **settings}
    found = sweep_files(sweep_file, given)
    assert found
    for number, (name, text) in enumerate(found):
        (again,) = expand(*read_sweep(sweep_file(text, f"copy-{number}.yaml")))
        assert again.id == name


def test_values_that_are_equal_in_python_are_told_apart(sweep_file) -> None:
    sweep, document = read_sweep(
        sweep_file(json.dumps({"name": "x", "model": "emoji", "prompt": "a", "guider": "cfg"}))
    )
    (e,) = expand(sweep, document)
    copies, found = Copies(sweep), []
    for value in (1, True, 1.0):
        other = replace(e, call=frozen_inputs({"clip_skip": value}))
        found.append((other.id, copies.of(other, FAILED)["sweep file"]))
    for name, text in found:
        (again,) = expand(*read_sweep(sweep_file(text)))
        assert again.id == name


def test_every_guider_and_schedule_can_be_copied(sweep_file) -> None:
    for key, registry in (("guider", GUIDERS), ("schedule", SCHEDULES)):
        for name in registry.built_in():
            try:
                found = sweep_files(sweep_file, {"prompt": "a", "guider": "cfg", key: name})
            except UserError:  # a schedule without numbers
                continue
            for one, text in found:
                assert [e.id for e in expand(*read_sweep(sweep_file(text)))] == [one], name


def test_pictures_made_from_pictures_can_be_copied(sweep_file, tmp_path: Path, tiny_model) -> None:
    write_pictures(tmp_path)
    settings = {"model": str(tiny_model), "prompt": "a", "guider": "cfg", "task": "image-to-image", "image": "a.png"}
    ((name, text),) = sweep_files(sweep_file, {**settings, "strength": 0.5})
    (tmp_path / "elsewhere").mkdir()
    (again,) = expand(*read_sweep(sweep_file(text, "elsewhere/copy.yaml")))
    assert again.id == name


SWEEP = f"""\
name: c
model: emoji
prompt: {json.dumps(HOSTILE)}
steps: 3
guider: [cfg, {{tnorm: {{start: 0.4}}}}]
schedule: linear
value: 0.3
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("copies"))


@pytest.mark.parametrize("more", [{}, {"fork": {"at": 0.5, "seeds": 1}}, {"start": {"noise": 0.5}}])
def test_a1111_and_diffusers_are_given_where_they_leave_out_nothing(finished: Path, sweep_file, more: dict) -> None:
    text = {"name": "x", "model": "emoji", "prompt": "a", "steps": 6, "guider": "cfg", **more}
    sweep, document = read_sweep(sweep_file(json.dumps(text)))
    given = Copies(sweep).of(expand(sweep, document)[-1], DoneRecord.of(records_of(finished)[0]))
    assert given.keys() == {"sweep file", "Python", *(() if more else ("A1111", "diffusers"))}


def test_the_copied_python_gives_the_picture(finished: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = cfgsweep.open_run(finished)
    for result in run:
        copies = Copies(run.sweep).of(result.experiment, result.record)
        names: dict = {}
        exec(copies["Python"], names)
        assert names["picture"].tobytes() == result.image.tobytes()
        assert copies["A1111"] == parameters_line(result.record)
        assert "diffusers" not in copies  # the schedule is not constant
    assert [record["id"] for record in records_of(finished)] == [result.id for result in run]


def test_python_with_code_of_the_users_asks_for_it(sweep_file, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ("from cfgsweep.guidance import Guider", "class Mine(Guider):", "    def combine(self, ctx):")
    (tmp_path / "mine.py").write_text("\n".join([*lines, "        return ctx.cfg"]))
    with cfgsweep.allow_code():
        sweep = Sweep(name="x", model="emoji", prompt="a", steps=2, guider="mine.py:Mine", value=2)
        run = cfgsweep.run(sweep, out=tmp_path / "r", quiet=True)
    (result,) = run
    names: dict = {}
    exec(Copies(run.sweep).of(result.experiment, result.record)["Python"], names)
    assert names["picture"].tobytes() == result.image.tobytes()


def predictions(shape: tuple[int, ...] = (1, 4, 8, 8)) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(shape, generator=generator) for name in ("cond", "uncond")}


class Pipeline:
    def update_components(self, guider) -> None:
        self.guider = guider


def of_code(text: str):
    """The guider that the copied code puts into the pipeline."""
    pipeline = Pipeline()
    exec(text, {"pipeline": pipeline})
    pipeline.guider.set_state(step=10, num_inference_steps=50, timestep=torch.tensor(500))
    return pipeline.guider


@pytest.mark.parametrize(
    ("name", "parameters", "kind"),
    [
        ("cfg", {}, "epsilon"),
        ("cfg", {"original_formulation": True, "guidance_rescale": 0.7, "start": 0.1, "stop": 0.9}, "epsilon"),
        ("cfg_zero", {}, "v"),
        ("tcfg", {}, "epsilon"),
        ("apg", {"eta": 0.3, "norm_threshold": 5.0, "momentum": -0.2}, "x0"),
        ("apg", {}, "x0"),
    ],
)
def test_the_guider_of_diffusers_guides_alike(name: str, parameters: dict, kind: str) -> None:
    guider, some = GUIDERS[name](**parameters), predictions()
    text = diffusers_text(guider, SCHEDULES["constant"](), 6.5)
    theirs = of_code(text).forward(some["cond"], some["uncond"]).pred
    torch.testing.assert_close(guided(guider, some, prediction=kind, scale=6.5), theirs, rtol=1e-4, atol=1e-4)
    assert ("cfgsweep computes this of" in text) == (name != "cfg")


def test_a_guider_of_diffusers_is_itself() -> None:
    guider = GUIDERS["diffusers.AdaptiveProjectedGuidance"](eta=0.25, start=0.1)
    found = of_code(diffusers_text(guider, SCHEDULES["constant"](), 4.0))
    assert (type(found).__name__, found.eta, found._start, found.guidance_scale) == (
        "AdaptiveProjectedGuidance",
        0.25,
        0.1,
        4.0,
    )


@pytest.mark.parametrize(
    ("name", "parameters", "schedule"),
    [
        ("tnorm", {}, "constant"),
        ("cfg", {}, "linear"),
        ("cfg", {"sigma": (0.5, 5.0)}, "constant"),
        ("cfg", {"zero_init_steps": 2}, "constant"),
        ("cfg_zero", {"optimize_uncondition": False}, "constant"),
        ("apg", {"eta": {"linear": {"max_val": 0.5}}}, "constant"),
        ("diffusers.ClassifierFreeGuidance", {"zero_init_steps": 1}, "constant"),
    ],
)
def test_there_is_none_where_diffusers_has_no_such_guidance(name: str, parameters: dict, schedule: str) -> None:
    assert diffusers_text(GUIDERS[name](**parameters), SCHEDULES[schedule](), 3.0) is None


def test_the_guiders_of_the_table_exist() -> None:
    import diffusers.guiders

    assert all(hasattr(diffusers.guiders, theirs) for theirs, _ in CLASSES.values())
    assert CLASSES.keys() <= set(GUIDERS.built_in())
