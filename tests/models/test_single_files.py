"""Networks in one file, in the layout of their authors; the other parts are those of a model in the hub's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from cfgsweep.models.family import known_pipeline_class
from cfgsweep.models.fingerprint import fingerprint
from cfgsweep.models.single_file import configuration_of_file
from cfgsweep.models.source import Source
from tests.support import tiny_pipelines as tiny
from tests.support.single_file import in_hub_cache

LTX = "diffusers/LTX-Video-0.9.0"
AS_ITS_AUTHORS = {"proj_in": "patchify_proj", "time_embed": "adaln_single", "norm_q": "q_norm", "norm_k": "k_norm"}
SWEEP = """
name: s
model: {model}
prompt: a cat
steps: 2
sampler: model
size: [32, 32]
call: {{num_frames: 9, max_sequence_length: 16}}
guider: cfg
value: 3
"""


@pytest.fixture(scope="module")
def ltx(tmp_path_factory) -> Path:
    """A tiny LTX as a folder, and its transformer as a file of its authors."""
    place = tmp_path_factory.mktemp("ltx")
    tiny.save("ltx", place / "folder")
    weights = load_file(next((place / "folder/transformer").glob("*.safetensors")))
    renamed = {}
    for name, tensor in weights.items():
        for ours, theirs in AS_ITS_AUTHORS.items():
            name = name.replace(ours, theirs)
        renamed[f"model.diffusion_model.{name}"] = tensor.clone()
    save_file(renamed, place / "ltx.safetensors")
    return place


def test_its_pipeline_is_that_of_its_configuration(offline, ltx: Path) -> None:
    source = Source.of(str(ltx / "ltx.safetensors"))
    assert configuration_of_file(ltx / "ltx.safetensors") == LTX
    assert known_pipeline_class(source) is None  # its configuration is not on this machine
    in_hub_cache(ltx / "folder", LTX, Path(constants.HF_HUB_CACHE), weights=True)
    assert known_pipeline_class(source) == source.pipeline_class() == "LTXPipeline"


def test_the_other_parts_decide_pixels_too(offline, ltx: Path) -> None:
    source = Source.of(str(ltx / "ltx.safetensors"))
    copy = in_hub_cache(ltx / "folder", LTX, Path(constants.HF_HUB_CACHE), weights=True)
    before = fingerprint(source)
    weights = next((copy / "text_encoder").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes() + b"x")
    assert fingerprint(source) != before


@pytest.mark.slow
def test_a_network_in_one_file_is_the_same_model(cli, ltx: Path, tmp_path: Path, sweep_file) -> None:
    in_hub_cache(ltx / "folder", LTX, tmp_path / "hub", weights=True)
    path = sweep_file(SWEEP.format(model=ltx / "ltx.safetensors"))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    command = [sys.executable, "-m", "cfgsweep", "run", str(path), "--out", str(tmp_path / "file")]
    subprocess.run(command, check=True, env=environment)
    assert cli("run", path, "--out", tmp_path / "folder", "--model", ltx / "folder").code == 0
    one, other = (
        json.loads((tmp_path / name / "experiments.jsonl").read_text())["pixels_sha256"] for name in ("file", "folder")
    )
    assert one == other


@pytest.mark.slow
def test_without_its_other_parts_it_is_refused(cli, offline, ltx: Path, tmp_path: Path, sweep_file) -> None:
    refused = cli("run", sweep_file(SWEEP.format(model=ltx / "ltx.safetensors")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "Traceback" not in refused.err
    shutil.rmtree(tmp_path / "hub", ignore_errors=True)
    in_hub_cache(ltx / "folder", LTX, tmp_path / "hub")  # without weights
    refused = cli("run", sweep_file(SWEEP.format(model=ltx / "ltx.safetensors")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "the model cannot be loaded" in refused.err


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (4,)}, "black-forest-labs/FLUX.1-schnell"),
        ({"conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": (4,)}, "stable-diffusion-xl-base"),
        ({"cond_stage_model.x": (1,), "model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3)}, "inpainting"),
        ({"patch_embedding.weight": (8, 4)}, None),
    ],
)
def test_the_family_is_the_one_that_diffusers_finds(tmp_path: Path, names: dict, expected: str | None) -> None:
    save_file({name: torch.zeros(shape) for name, shape in names.items()}, tmp_path / "one.safetensors")
    found = configuration_of_file(tmp_path / "one.safetensors")
    assert expected is None or (found is not None and expected in found)
