"""The fingerprint of a model changes with every file that decides its pictures, and with no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import fetch_diffusers_config
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from cfgsweep.errors import UserError
from cfgsweep.models.fingerprint import fingerprint
from cfgsweep.models.info import ModelInfo
from cfgsweep.models.single_file import CONFIGURATION_1, KEY_OF_2, configuration_of_file
from cfgsweep.models.source import Source
from tests.support.single_file import in_hub_cache, write_single_file


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def of(path: Path) -> str:
    return fingerprint(Source.of(str(path), allow_pickle=True))


def edit_one_weight(model: Path, by: float = 1e-3) -> None:
    (path,) = model.glob("unet/*.safetensors")
    weights = load_file(path)
    largest = max(weights, key=lambda name: weights[name].numel())
    weights[largest].view(-1)[1] += by
    save_file(weights, path, {"format": "pt"})


def change(name: str, **settings: object) -> Callable[[Path], None]:
    def edit(model: Path) -> None:
        path = model / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))

    return edit


def swap_two_tokens(model: Path) -> None:
    (path,) = model.glob("tokenizer/tokenizer.json")
    found = json.loads(path.read_text())
    words = found["model"]["vocab"]
    first, second = [word for word in words if len(word) == 1][:2]
    words[first], words[second] = words[second], words[first]
    path.write_text(json.dumps(found))


EDITS = {
    "one weight": edit_one_weight,
    "the text encoder": change("text_encoder/config.json", hidden_act="gelu"),
    "the tokenizer": swap_two_tokens,
    "the scheduler": change("scheduler/scheduler_config.json", beta_end=0.02),
    "the autoencoder": change("vae/config.json", scaling_factor=0.5),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_decides_pixels_changes_it(model: Path, name: str) -> None:
    before = of(model)
    EDITS[name](model)
    assert of(model) != before


def test_nothing_else_changes_it(model: Path, tmp_path: Path) -> None:
    before = of(model)
    assert len(before) == 64
    (model / "README.md").write_text("hello")
    (model / "samples").mkdir()
    (model / "samples/weights.safetensors").write_bytes(b"x")
    (weights,) = model.glob("unet/*.safetensors")
    shutil.copy(weights, weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    (model / "unet/diffusion_pytorch_model.bin").write_bytes(b"not loaded beside safetensors")
    (model / "unet/diffusion_pytorch_model.safetensors.index.fp16.json").write_text("{}")
    (model / "unet/other.safetensors").write_bytes(b"of another name")
    (model / "unet/notes.txt").write_text("hello")
    (model / "unet/.ipynb_checkpoints").mkdir()
    (model / "unet/.ipynb_checkpoints/config.json").write_text("{}")
    for unused in ("safety_checker", "feature_extractor"):
        (model / unused).mkdir(exist_ok=True)
        (model / unused / "config.json").write_text("{}")
    assert of(model) == before
    assert of(Path(shutil.copytree(model, tmp_path / "elsewhere"))) == before


def test_pickles_count_where_no_safetensors_are_loaded(model: Path) -> None:
    (weights,) = model.glob("unet/*.safetensors")
    weights.rename(weights.with_suffix(".bin"))
    before = of(model)
    weights.with_name("diffusion_pytorch_model.fp16.safetensors").write_bytes(b"a variant")
    assert of(model) == before
    weights.with_suffix(".bin").write_bytes(b"x")
    assert of(model) != before


def test_every_shard_counts(model: Path) -> None:
    (weights,) = model.glob("unet/*.safetensors")
    shards = [weights.rename(weights.with_name("part-1.safetensors")), weights.with_name("part.2.safetensors")]
    shards[1].write_bytes(b"second")
    index = {"weight_map": {"a": shards[0].name, "b": shards[1].name}}
    weights.with_name(f"{weights.name}.index.json").write_text(json.dumps(index))
    found = [of(model)]
    for shard in shards:
        shard.write_bytes(shard.read_bytes() + b"x")
        found.append(of(model))
    assert len(set(found)) == 3


def test_a_single_file_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"a")
    before = of(path)
    path.write_bytes(b"b")
    assert of(path) != before


@pytest.fixture
def checkpoint(offline, tiny_model: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint in one file, and the folder in the hub's cache that diffusers takes its configuration from."""
    write_single_file(tiny_model, tmp_path / "one.safetensors")
    return tmp_path / "one.safetensors", in_hub_cache(tiny_model, CONFIGURATION_1, Path(constants.HF_HUB_CACHE))


@pytest.mark.parametrize("name", [name for name in EDITS if name != "one weight"])
def test_the_configuration_of_a_single_file_counts(checkpoint: tuple[Path, Path], name: str) -> None:
    path, configuration = checkpoint
    before = of(path)
    (configuration / "unet/diffusion_pytorch_model.safetensors").write_bytes(b"not loaded")
    assert of(path) == before
    EDITS[name](configuration)
    assert of(path) != before


def test_a_single_file_has_the_facts_of_its_configuration(checkpoint: tuple[Path, Path]) -> None:
    path, configuration = checkpoint
    change("scheduler/scheduler_config.json", prediction_type="v_prediction")(configuration)
    info = ModelInfo.read(str(path))
    assert info.native_size == ModelInfo.read(str(configuration)).native_size is not None
    assert info.scheduler_config["prediction_type"] == "v_prediction"


@pytest.mark.parametrize("width", [768, 1024, None])
def test_the_configuration_is_the_one_that_diffusers_takes(tmp_path: Path, width: int | None) -> None:
    weights = {"model.diffusion_model.output_blocks.11.0.skip_connection.weight": torch.zeros(1)}
    save_file({**weights, **({KEY_OF_2: torch.zeros(1, width)} if width else {})}, tmp_path / "one.safetensors")
    expected = fetch_diffusers_config(load_file(tmp_path / "one.safetensors"))["pretrained_model_name_or_path"]
    assert configuration_of_file(tmp_path / "one.safetensors") == expected


@pytest.mark.parametrize("content", [b"", b"\x80\x04", bytes(8), b"\2" + bytes(7) + b"[]", b"\xff" * 20])
def test_a_file_without_a_header_has_no_configuration(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.ckpt").write_bytes(content)
    assert configuration_of_file(tmp_path / "one.ckpt") is None
    assert len(of(tmp_path / "one.ckpt")) == 64


def test_an_index_leads_nowhere_else(model: Path) -> None:
    before = of(model)
    (model.parent / "outside").mkdir()
    (model.parent / "outside/config.json").write_text("{}")
    change("model_index.json", **{key: ["diffusers", "X"] for key in ("../outside", "..", ".", "")})(model)
    named = of(model)
    (model.parent / "outside/config.json").write_text("{1}")
    (model.parent / "config.json").write_text("{}")
    (model / "config.json").write_text("{}")
    assert before != named == of(model)


def test_a_file_that_cannot_be_read_is_named(model: Path) -> None:
    (model / "unet/broken.json").symlink_to(model / "unet/broken.json")
    assert of(model)  # no file
    (model / "model_index.json").unlink()
    with pytest.raises(UserError, match="model_index"):
        fingerprint(Source(str(model), str(model)))
