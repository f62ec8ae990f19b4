"""Training on texts: data, captions and composites; the loss falls; a kill changes no weights."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from cfgsweep.training.config import Data, Recipe
from cfgsweep.training.data.captioned import is_held_out, read_captioned
from cfgsweep.training.data.captions import FLOURISHES, STYLES, article, caption
from cfgsweep.training.data.composites import compose
from cfgsweep.training.data.dataset import Entry
from cfgsweep.training.loop import learning_rate
from tests.support.trainings import assert_a_kill_changes_no_weights, weights_of


@pytest.fixture
def config(pictures: Path, small_training: dict, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(small_training))
    return path


@pytest.mark.slow
def test_a_trained_model_is_an_ordinary_folder_that_run_takes(cli, config: Path, tmp_path: Path, sweep_file) -> None:
    out = tmp_path / "out"
    trained = cli("train", config, "--out", out)
    assert trained.code == 0
    assert "held-out loss" in trained.out
    card = (out / "model" / "README.md").read_text()
    assert all(word in card for word in ("Apache-2.0", "CC-BY 4.0", "MIT", "learning_rate", "held out", "limits"))
    assert list(out.rglob("samples-*.png"))
    sweep = f"name: x\nmodel: {out / 'model'}\nprompt: a horse\nsteps: 2\nguider: cfg\nvalue: 2.0\n"
    assert cli("run", sweep_file(sweep), "--out", tmp_path / "run").code == 0

    before = weights_of(out / "model")
    shutil.rmtree(out)
    assert cli("train", config, "--out", out, "--quiet").code == 0
    after = weights_of(out / "model")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.slow
def test_a_killed_training_ends_in_the_same_weights(config: Path, tmp_path: Path) -> None:
    assert_a_kill_changes_no_weights(tmp_path, "denoiser", config, "--set", "denoiser.recipe.steps=30")


@pytest.mark.slow
def test_training_lowers_the_loss(cli, config: Path, tmp_path: Path) -> None:
    steps = ["--set", "autoencoder.recipe.steps=60", "--set", "denoiser.recipe.steps=60"]
    every = ["--set", "autoencoder.recipe.sample_every=30", "--set", "denoiser.recipe.sample_every=30"]
    assert cli("train", config, "--out", tmp_path / "out", *steps, *every).code == 0
    for stage in ("autoencoder", "denoiser"):
        lines = (tmp_path / "out" / stage / "log.jsonl").read_text().splitlines()
        held_out = [entry["held_out"] for entry in map(json.loads, lines) if entry["held_out"] is not None]
        assert held_out[-1] < held_out[0]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("denoiser.recipe.step=4", ["unknown key 'step'", "did you mean 'steps'?"]),
        ("denoiser.recipe.steps=0", ["--set: denoiser.recipe.steps"]),
        ("data.path=nowhere.parquet", ["nowhere.parquet", "python scripts/build_emoji.py"]),
    ],
)
def test_bad_training_files_are_explained(cli, config: Path, tmp_path: Path, override: str, words: list[str]) -> None:
    refused = cli("train", config, "--out", tmp_path / "out", "--set", override)
    assert refused.code == 2
    for word in words:
        assert word in refused.err
    assert not (tmp_path / "out").exists()


def test_a_file_without_the_columns_is_refused(cli, config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"label": ["x"]}), other)
    refused = cli("train", config, "--out", tmp_path / "out", "--set", f"data.path={other}")
    assert refused.code == 2
    assert "image" in refused.err


def test_the_split_is_by_glyph_and_the_same_in_every_style(pictures: Path) -> None:
    training, held_out = read_captioned(Data(name="emoji", path=pictures, leave_out=["flags"]))
    labels = {entry.label for entry in training.entries}
    assert labels.isdisjoint(entry.label for entry in held_out.entries)
    assert "apple" not in labels
    assert len(held_out) % len(STYLES) == 0
    assert is_held_out("1F600-FE0F") == is_held_out("1F600")
    assert sum(is_held_out(f"{n:X}") for n in range(20_000)) == pytest.approx(1000, rel=0.1)


def test_captions_name_the_picture_its_style_and_sometimes_more() -> None:
    rng = random.Random(0)
    some = [caption(Entry("horse", ("animal", "racing"), "fluent-3d"), rng) for _ in range(400)]
    assert sum("horse" in text for text in some) > 300
    assert "mdjrny-v4 style a photograph of a horse" in some
    assert "a photograph of a horse" in some
    assert any(flourish in text for text in some for flourish in FLOURISHES)
    assert not any(name in text for text in some for name in STYLES["noto"])


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("horse", "a horse"),
        ("astronaut", "an astronaut"),
        ("glasses", "glasses"),
        ("octopus", "an octopus"),
        ("woman: red hair", "woman: red hair"),
    ],
)
def test_articles(noun: str, expected: str) -> None:
    assert article(noun) == expected


def test_composites_show_two_things_in_one_style(pictures: Path) -> None:
    training, _ = read_captioned(Data(name="emoji", path=pictures))
    made = compose(training, 40, seed=1)
    assert len(made) == 40
    assert all(" riding a" in entry.label for entry in made.entries)
    assert torch.equal(compose(training, 40, seed=1).pixels, made.pixels)
    assert not torch.equal(compose(training, 40, seed=2).pixels, made.pixels)
    corners = made.pixels[:, :, 0, 0]
    assert (corners == 255).all()  # white around the figures


def test_the_learning_rate_warms_up_holds_and_decays_to_zero() -> None:
    recipe = Recipe(steps=100, batch=1, learning_rate=1.0, warmup=10, decay=0.2)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert set(rates[10:80]) == {1.0}
    assert rates[80:] == pytest.approx([1 - i / 20 for i in range(20)])
