"""LoRA on Stable Diffusion, whose own denoiser takes none: its pipeline is recorded then."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support import tiny_pipelines as tiny
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of
from tests.support.tiny_loras import save_lora

STEPS, SCALE = 3, 4.0
CPU = ("--device", "cpu", "--batch-size", 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sd"
    tiny.save("stable_diffusion", folder)
    return folder


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_lora("stable_diffusion", tmp_path_factory.mktemp("loras") / "style.safetensors", 1)


def by_diffusers(lora: Path | None) -> np.ndarray:
    """The picture of diffusers' own pipeline."""
    pipeline = tiny.build("stable_diffusion")
    if lora is not None:
        pipeline.load_lora_weights(str(lora), adapter_name="style")
        pipeline.set_adapters(["style"], [0.7])
    settings = {"num_inference_steps": STEPS, "guidance_scale": SCALE, "width": 32, "height": 32}
    generator = torch.Generator().manual_seed(1)
    picture = pipeline("a cat", negative_prompt="", generator=generator, **settings).images[0]
    return np.asarray(picture, int)


@pytest.mark.slow
def test_its_pictures_are_those_of_diffusers(cli, model: Path, lora: Path, tmp_path: Path, sweep_file) -> None:
    settings = {"steps": STEPS, "value": SCALE, "seed": 1, "negative_prompt": ""}
    axes = {"lora": ["none", {"file": str(lora), "scale": 0.7}]}
    done = cli("run", sweep_file(sweep_of(model, **settings, **axes)), "--out", tmp_path / "all", *CPU)
    assert done.code == 0, done.err
    alone = cli("run", sweep_file(sweep_of(model, **settings)), "--out", tmp_path / "plain", *CPU)
    assert alone.code == 0, alone.err
    records = records_of(tmp_path / "all")
    assert len({record["pixels_sha256"] for record in records}) == 2
    for record in records:
        expected = by_diffusers(lora if "lora" in record else None)
        found = np.asarray(Image.open(tmp_path / "all" / record["image"]), int)
        assert abs(found - expected).max() <= 1, record["title"]
    (plain,) = records_of(tmp_path / "plain")  # by the denoiser of Stable Diffusion, in both folders
    assert plain in [{**record, "title": plain["title"], "evaluations": plain["evaluations"]} for record in records]


@pytest.mark.slow
def test_guiders_and_layers_are_there(cli, model: Path, lora: Path, tmp_path: Path, sweep_file) -> None:
    guiders = ["cfg", "tnorm", {"pag": {"layers": ["mid"]}}, {"slg": {"layers": ["mid"]}}]
    text = sweep_of(model, steps=2, seed=1, negative_prompt="", lora=str(lora), guider=guiders, value=2)
    done = cli("run", sweep_file(text), "--out", tmp_path / "r", *CPU)
    assert done.code == 0, done.err
    assert len({record["pixels_sha256"] for record in records_of(tmp_path / "r")}) == 4


def test_models_of_labels_refuse_both(cli, labelled: Path, tmp_path: Path, sweep_file, lora: Path) -> None:
    for key, value in {"lora": str(lora), "call": {"clip_skip": 1}}.items():
        text = sweep_of(labelled, **{key: value}, label=1, sampler="euler", size="native")
        text = "\n".join(line for line in text.splitlines() if not line.startswith("prompt"))
        done = cli("run", sweep_file(text), "--out", tmp_path / key, *CPU)
        assert done.code == 2
        assert key in done.err


def test_check_tells_which_models_take_lora(cli) -> None:
    for model, takes in (("emoji", True), ("digits", False)):
        assert json.loads(cli("check", model, "--json").out)["lora"] is takes
