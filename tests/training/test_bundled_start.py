"""`from: emoji` and `autoencoder: emoji`: what is trained, what stays as it is, and what the folder says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file

from cfgsweep.models.fingerprint import fingerprint, fingerprint_of_part
from cfgsweep.models.source import BUNDLED_FOLDER, Source
from tests.support.shapes import write_shapes
from tests.support.trainings import assert_a_kill_changes_no_weights, weights_of

EMOJI = BUNDLED_FOLDER / "emoji"
FEW = ["--set", "denoiser.recipe.steps=6", "--set", "denoiser.recipe.batch=4"]
OFTEN = ["--set", "denoiser.recipe.checkpoint_every=2"]


@pytest.fixture
def training(tmp_path: Path):
    """A function that writes a training file of shapes, reduced to 32 pixels so that it takes seconds."""
    write_shapes(tmp_path / "shapes")

    def write(*lines: str) -> Path:
        path = tmp_path / "shapes.yaml"
        path.write_text("\n".join(["name: shapes", f"data: {{path: {tmp_path}/shapes, size: 32}}", *lines]))
        return path

    return write


def weights(part: str, model: Path = EMOJI) -> dict[str, torch.Tensor]:
    (file,) = (model / part).glob("*.safetensors")
    return load_file(file)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name].float(), b[name].float()) for name in a)


@pytest.mark.slow
def test_a_bundled_model_is_fine_tuned(cli, training, tmp_path: Path, sweep_file) -> None:
    out = tmp_path / "out"
    done = cli("train", training("from: emoji"), "--out", out, *FEW)
    assert done.code == 0, done.err
    model = out / "model"
    StableDiffusionPipeline.from_pretrained(model)
    assert same(weights("vae", model), weights("vae"))
    for part in ("unet", "text_encoder"):
        before, after = weights(part), weights(part, model)
        assert before.keys() == after.keys()
        assert not same(before, after)
        assert all((before[name].float() - after[name].float()).abs().max() < 0.1 for name in before)
    assert (model / "tokenizer/tokenizer.json").read_bytes() == (EMOJI / "tokenizer/tokenizer.json").read_bytes()
    vae = json.loads((model / "vae/config.json").read_text())
    assert vae["scaling_factor"] == json.loads((EMOJI / "vae/config.json").read_text())["scaling_factor"]
    assert json.loads((model / "unet/config.json").read_text())["sample_size"] == 8

    card, expected = (model / "README.md").read_text(), fingerprint(Source.bundled("emoji"))
    assert all(word in card for word in ("Twemoji", "Apache-2.0", "CC-BY 4.0", "MIT", "from: emoji", expected))
    assert json.loads((out / "training.json").read_text())["fingerprint"] == expected
    sweep = f"name: x\nmodel: {model}\nprompt: a red circle\nsteps: 2\nguider: cfg\nvalue: 2.0\n"
    assert cli("run", sweep_file(sweep), "--out", tmp_path / "run").code == 0

    recipe = yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])
    recipe["data"]["path"] = str(tmp_path / "shapes")
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(recipe))
    assert cli("train", again, "--out", tmp_path / "again", "--quiet").code == 0
    assert same(weights_of(tmp_path / "again/model"), weights_of(model))


@pytest.mark.slow
def test_the_training_tells_what_it_does(cli, training, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = cli("train", training("from: emoji"), "--out", out, *FEW)
    assert "chosen for 50 pictures: denoiser: 6 steps of 4 pictures, learning rate" in told.out
    assert "6 steps of 4 are few for 50 pictures" in told.err
    assert "autoencoder of emoji, not trained here: mean absolute error on [-1, 1] 0.0" in told.out
    assert "denoiser: 1 steps at" in told.out
    assert "prediction loss" in told.out
    assert "held-out loss" in told.out
    assert "on training pictures" in told.out
    assert "(mean squared error of the predicted noise)" in told.out
    lines = (out / "denoiser/log.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert 0 < last["training"] < 1
    assert 0 < last["held_out"] < 1
    assert last["training"] != last["held_out"]
    for stage in ("autoencoder", "denoiser"):
        assert str(out / f"{stage}.png") in told.out
        with Image.open(out / f"{stage}.png") as sheet:
            assert sheet.getextrema()[0][0] < 100
    assert (out / "denoiser.png").read_bytes() == (out / "denoiser/samples-000006.png").read_bytes()


@pytest.mark.slow
def test_the_autoencoder_alone_is_taken_over(cli, training, tmp_path: Path) -> None:
    small = ["--set", "denoiser.channels=[8,16,16]", "--set", "denoiser.groups=4"]
    out = tmp_path / "out"
    path = training("autoencoder: emoji")
    assert cli("train", path, "--out", out, "--quiet", *small, *FEW).code == 0
    assert same(weights("vae", out / "model"), weights("vae"))
    assert weights("unet", out / "model")["conv_in.weight"].shape[0] == 8
    expected = fingerprint_of_part(EMOJI / "vae")
    assert json.loads((out / "training.json").read_text())["fingerprint"] == expected
    card = (out / "model/README.md").read_text()
    assert expected in card
    assert "Twemoji" in card
    again = cli("train", training("from: emoji"), "--out", out, *FEW)
    assert again.code == 2
    assert "was trained otherwise" in again.err


@pytest.mark.slow
@pytest.mark.parametrize("line", ["from: emoji", "autoencoder: emoji"])
def test_a_killed_training_ends_in_the_same_weights(training, tmp_path: Path, line: str) -> None:
    steps = ["--set", "denoiser.recipe.steps=30", "--set", "denoiser.recipe.sample_every=100"]
    assert_a_kill_changes_no_weights(tmp_path, "denoiser", training(line), *FEW[2:], *OFTEN, *steps)
