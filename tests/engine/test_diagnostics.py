"""The numbers of guidance are those of their definitions, and pictures keep them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import cfgsweep
from cfgsweep.engine.call_numbers import call_numbers
from cfgsweep.engine.diagnostics import FIELDS, Diagnostics
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.apply import guide
from cfgsweep.guidance.context import StepContext
from cfgsweep.samplers import SAMPLERS, PredictionKind
from cfgsweep.storage.picture_copies import copy_pictures
from cfgsweep.storage.png import diagnostics_in
from cfgsweep.storage.run_folder import RunFolder
from tests.support import tiny_models as tiny
from tests.support.guidance_steps import step_context
from tests.support.run_state import records_of

SWEEP = """\
name: s
model: {model}
prompt: a cat
steps: 4
sampler: {sampler}
guider: {guider}
value: {value}
"""
ROWS = 3


@pytest.fixture
def context() -> StepContext:
    """Three rows with a large mean, as predictions at the end of sampling have."""
    generator = torch.Generator().manual_seed(0)
    cond, uncond, latents = (torch.randn(ROWS, 4, 5, 6, generator=generator) + shift for shift in (0.3, 0.2, 0.1))
    column = torch.linspace(0.5, 2.0, ROWS).view(-1, 1, 1, 1)
    numbers = {"scale": 3 * torch.ones_like(column), "guidance_rescale": torch.zeros_like(column)}
    return StepContext({"cond": cond, "uncond": uncond}, numbers, latents, column, column / 2)


def numbers_of(
    context: StepContext, guided: torch.Tensor, prediction: PredictionKind = "epsilon"
) -> dict[str, np.ndarray]:
    rows = call_numbers(context, guided, prediction, 1.0)
    return dict(zip(FIELDS, rows.numpy().T, strict=True))


def test_every_number_is_that_of_its_definition(context: StepContext) -> None:
    guided = torch.randn(context.cond.shape, generator=torch.Generator().manual_seed(1))
    found = numbers_of(context, guided)
    for row in range(ROWS):
        c, u, g, x = (t[row].double().numpy().ravel() for t in (context.cond, context.uncond, guided, context.latents))
        d, sigma = c - u, float(context.sigma[row])
        scale = (g - u) @ d / (d @ d)
        x0 = x * math.sqrt(1 + sigma**2) - sigma * g
        expected = {
            **{"sigma": sigma, "scale": 3.0, "cond_norm": np.linalg.norm(c), "uncond_norm": np.linalg.norm(u)},
            **{"difference_norm": np.linalg.norm(d), "guided_norm": np.linalg.norm(g)},
            **{"cosine": c @ u / np.linalg.norm(c) / np.linalg.norm(u), "effective_scale": scale},
            **{"off_direction": np.linalg.norm(g - u - scale * d) / np.linalg.norm(d)},
            **{"x0_mean": x0.mean(), "x0_std": x0.std(ddof=1), "x0_beyond": (abs(x0) > 1).mean()},
        }
        assert {name: float(found[name][row]) for name in FIELDS} == pytest.approx(expected, rel=1e-4)


def test_closed_forms_of_guiders() -> None:
    """By hand: CFG-Zero* is s u + w (c - s u), with s the projection of c on u; T-Norm w d |u| / |d| beyond u."""
    generator = torch.Generator().manual_seed(0)
    predictions = {name: torch.randn(1, 4, 5, 6, generator=generator) for name in ("cond", "uncond")}
    c, u = (predictions[name].double().numpy().ravel() for name in ("cond", "uncond"))
    d, w = c - u, 3.0
    star = (c @ u) / (u @ u) * u
    expected: dict[tuple[str, PredictionKind], float] = {
        ("cfg_zero", "flow"): (star + w * (c - star) - u) @ d / (d @ d),
        ("tnorm", "epsilon"): w * np.linalg.norm(u) / np.linalg.norm(d),
    }
    for (name, prediction), scale in expected.items():
        context = step_context(GUIDERS[name](), predictions, scale=w)
        found, _ = guide(GUIDERS[name](), context, prediction)
        assert numbers_of(context, found, prediction)["effective_scale"] == pytest.approx([scale], rel=1e-4), name


def test_what_is_missing_is_not_defined(context: StepContext) -> None:
    alone = StepContext({"cond": context.cond}, {}, context.latents, context.sigma, context.next_sigma)
    found = numbers_of(alone, context.cond)
    missing = {"scale", "uncond_norm", "difference_norm", "cosine", "effective_scale", "off_direction"}
    assert {name for name, values in found.items() if np.isnan(values).all()} == missing
    same = StepContext(
        {"cond": context.cond, "uncond": context.cond}, {}, context.latents, context.sigma, context.next_sigma
    )
    (row, *_) = call_numbers(same, context.cond, "epsilon", 1.0).tolist()
    assert Diagnostics.of([row]).column("effective_scale") == [None]
    assert Diagnostics.of([row]).means() == {}
    (other, *_) = call_numbers(context, 3 * context.cond - 2 * context.uncond, "epsilon", 1.0).tolist()
    assert Diagnostics.of([row, other]).means()["effective_scale"] == pytest.approx(3)  # any scale is the same there
    (single, *_) = call_numbers(alone, context.cond, "epsilon", 1.0).tolist()
    assert Diagnostics.of([row, other, single]).means() == {}


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("value", [-2, 0, 1, 7.5])
def test_plain_cfg_is_at_its_own_scale(prediction: str, value: float, saved, cli, sweep_file, tmp_path: Path) -> None:
    model = saved(tiny.stable_diffusion(prediction))
    path = sweep_file(SWEEP.format(model=model, sampler="euler", guider="cfg", value=value))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    (record,) = records_of(tmp_path / "r")
    assert record["effective_scale"] == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert record["off_direction"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - {"model"}))
def test_by_every_sampler(sampler: str, tiny_model: Path, cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP.format(model=tiny_model, sampler=sampler, guider="cfg", value=3))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    (record,) = records_of(tmp_path / "r")
    assert record["effective_scale"] == pytest.approx(3, rel=1e-4)


def test_outside_of_its_window_a_guider_is_at_scale_one(tiny_model: Path, cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP.format(model=tiny_model, sampler="euler", guider="{cfg: {start: 0.5}}", value=3))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    (result,) = cfgsweep.open_run(tmp_path / "r")
    assert result.diagnostics["effective_scale"] == pytest.approx([1, 1, 3, 3], rel=1e-4)
    assert result.diagnostics["scale"] == [None, None, 3, 3]
    assert set(result.diagnostics) == set(FIELDS)
    assert result.record is not None
    assert result.record.as_json()["effective_scale"] == pytest.approx(2, rel=1e-4)


def test_a_part_without_guidance_makes_no_scale_of_one_that_is_undefined(
    tiny_model: Path, cli, sweep_file, tmp_path: Path
) -> None:
    """At a scale of 1 PAG predicts nothing without the prompt, in the steps in which it guides."""
    path = sweep_file(SWEEP.format(model=tiny_model, sampler="euler", guider="{pag: {stop: 0.5}}", value=1))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    (result,) = cfgsweep.open_run(tmp_path / "r")
    assert result.diagnostics["effective_scale"] == [None, None, 1, 1]
    assert result.record is not None
    assert "effective_scale" not in result.record.as_json()


def test_neighbours_change_no_number(tiny_model: Path, cli, sweep_file, tmp_path: Path) -> None:
    text = SWEEP.format(model=tiny_model, sampler="euler", guider="[apg, tnorm, cfg_zero]", value="[0.2, 3]")
    assert cli("run", sweep_file(text + "seed: [1, 2, 3]\n"), "--out", tmp_path / "all", "--quiet").code == 0
    alone = text.replace("[apg, tnorm, cfg_zero]", "tnorm").replace("[0.2, 3]", "0.2") + "seed: 2\n"
    assert cli("run", sweep_file(alone), "--out", tmp_path / "one", "--quiet").code == 0
    (path,) = (tmp_path / "one" / "images").iterdir()
    found = diagnostics_in(path)
    assert found is not None
    assert found == diagnostics_in(tmp_path / "all" / "images" / path.name)


def test_a_sweep_can_do_without(tiny_model: Path, cli, sweep_file, tmp_path: Path) -> None:
    text = SWEEP.format(model=tiny_model, sampler="euler", guider="cfg", value=3)
    assert cli("run", sweep_file(text), "--out", tmp_path / "with", "--quiet").code == 0
    assert cli("run", sweep_file(text + "diagnostics: false\n"), "--out", tmp_path / "r", "--quiet").code == 0
    (record,), (other,) = records_of(tmp_path / "r"), records_of(tmp_path / "with")
    assert (record["id"], record["pixels_sha256"]) == (other["id"], other["pixels_sha256"])
    assert "effective_scale" not in record
    (result,) = cfgsweep.open_run(tmp_path / "r")
    assert result.diagnostics == {}
    assert "diagnostics: false" in (tmp_path / "r" / "sweep.yaml").read_text()
    assert "diagnostics" not in (tmp_path / "with" / "sweep.yaml").read_text()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"fields": ["a"], "calls": [[1, 2]]}', '{"fields": ["a"], "calls": [["x"]]}', "[" * 9999]
)
def test_other_texts_are_no_diagnostics(text: str) -> None:
    assert Diagnostics.of_text(text) is None


def test_a_text_gives_back_what_it_was_made_of() -> None:
    found = Diagnostics.of([[math.nan, 1 / 3] + [0.0] * 10])
    assert Diagnostics.of_text(found.as_text()) == found
    assert json.loads(found.as_text())["calls"][0][:2] == [None, 0.333333]


def test_a_copy_in_another_folder_keeps_them(tiny_model: Path, cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP.format(model=tiny_model, sampler="euler", guider="apg", value=3))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    original, copy = RunFolder(tmp_path / "r"), RunFolder(tmp_path / "copy")
    copy.create()
    assert copy_pictures(original, copy, original.done(cfgsweep.open_run(tmp_path / "r").experiments).values()) == 1
    (first,), (second,) = ((folder / "images").iterdir() for folder in (tmp_path / "r", tmp_path / "copy"))
    assert diagnostics_in(second) == diagnostics_in(first) is not None
