"""The table of model families agrees with the models that are loaded by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cfgsweep.errors import UserError
from cfgsweep.models import device
from cfgsweep.models.family import ANY_PIPELINE, FAMILIES, family_of, known_family
from cfgsweep.models.info import ModelInfo
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source, bundled_names
from tests.support import tiny_models as tiny

PIPELINES = {
    "StableDiffusionPipeline": tiny.stable_diffusion,
    "DiTPipeline": tiny.dit,
    "DDPMPipeline": tiny.labelled_unet,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_table_agrees_with_the_model(saved, name: str) -> None:
    folder = saved(PIPELINES[name]())
    source = Source.of(str(folder))
    assert family_of(source) is FAMILIES[name]
    denoiser = load_model(source, device.choose("cpu", "float32"))
    (folder / "vae").mkdir(exist_ok=True)  # one is left over where the family has none
    if not (folder / "vae/config.json").exists():
        (folder / "vae/config.json").write_text(json.dumps({"block_out_channels": [8, 8]}))
    info = ModelInfo.read(str(folder))
    assert denoiser.conditioned_on == FAMILIES[name].conditioned_on == info.conditioned_on
    assert denoiser.native_size == info.native_size


@pytest.mark.parametrize("name", bundled_names())
def test_native_sizes_of_bundled_models_are_known_before_they_are_loaded(name: str) -> None:
    native = load_model(Source.of(name), device.choose("cpu", "float32")).native_size
    assert ModelInfo.read(name).native_size == native


def test_a_class_that_is_in_no_row_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline"}))
    assert known_family(Source.of(str(tmp_path))) is family_of(Source.of(str(tmp_path))) is ANY_PIPELINE


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("StableDiffusionXLPipelin", "not a pipeline of the installed diffusers"),
        ("../pipeline.py", "not a pipeline of the installed diffusers"),
        ("UNet2DModel", "not a pipeline of the installed diffusers"),
        ("StableVideoDiffusionPipeline", "not a pipeline that takes a prompt"),
    ],
)
def test_what_is_no_pipeline_of_prompts_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    with pytest.raises(UserError, match=problem):
        load_model(Source.of(str(tmp_path)), device.choose("cpu", "float32"))
