"""What expansion knows of models: resolved once, given to it, and never remembered from an earlier time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cfgsweep.errors import UserError
from cfgsweep.models.info import ModelInfo, model_infos
from cfgsweep.samplers import STABLE_DIFFUSION_NOISE, noise_levels
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep


def sweep_of(model: object, **changes) -> Sweep:
    guiders = ["cfg", {"cfg": {"sigma": [1, 5]}}]
    return Sweep(**{"name": "x", "model": str(model), "prompt": "a cat", "guider": guiders, "steps": 8, **changes})


def test_experiments_have_noise_levels_where_the_guider_has_an_interval() -> None:
    plain, interval = expand(sweep_of("emoji"))
    assert plain.noise_levels == ()
    assert interval.noise_levels == noise_levels("euler", model_infos(["emoji"])["emoji"].scheduler_config, 8)
    assert interval.guider.window(8, interval.noise_levels) != plain.guider.window(8)


def test_given_facts_are_not_read_from_files() -> None:
    info = ModelInfo("nowhere/at-all", {**STABLE_DIFFUSION_NOISE, "beta_end": 0.02}, "prompt", None)
    _, interval = expand(sweep_of(info.name), models={info.name: info})
    assert interval.noise_levels == info.noise_levels("euler", 8)
    assert interval.noise_levels != noise_levels("euler", STABLE_DIFFUSION_NOISE, 8)
    label = ModelInfo(info.name, STABLE_DIFFUSION_NOISE, "label", None)
    with pytest.raises(UserError, match="reads no text"):
        expand(sweep_of(info.name), models={info.name: label})


def test_a_folder_that_changes_is_read_again(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    _, before = expand(sweep_of(folder))
    config = folder / "scheduler/scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "beta_end": 0.02}))
    _, after = expand(sweep_of(folder))
    assert after.noise_levels != before.noise_levels
    assert after == before
    assert after.id == before.id
    shutil.rmtree(folder)
    assert after.guider.window(after.steps, after.noise_levels)


def test_noise_levels_are_computed_once() -> None:
    info = ModelInfo.read("emoji")
    assert info.noise_levels("ddim", 8) is info.noise_levels("ddim", 8)
    assert info.conditioned_on == "prompt"
    assert ModelInfo.read("digits").conditioned_on == "label"


def test_errors_of_expansion_have_their_key_without_a_file() -> None:
    with pytest.raises(UserError) as caught:
        expand(sweep_of("emoji", guider={"cfg": {"start": 0.5, "stop": 0.51}}))
    assert str(caught.value).startswith("guider: the window contains no step")
