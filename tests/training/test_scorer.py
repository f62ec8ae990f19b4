"""The scorer of models of texts: it is trained beside them, or alone, and tells which prompt a picture was made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from cfgsweep.training.config import Scorer
from cfgsweep.training.tasks.scorer import _alike, build
from tests.support.trainings import RECIPE, assert_a_kill_changes_no_weights

SMALL = {"width": 16, "layers": 1, "heads": 2, "projection": 8, "recipe": {**RECIPE, "batch": 4}}


@pytest.fixture
def alone(small_training: dict, tmp_path: Path) -> Path:
    """A training of the scorer alone."""
    file = {"name": "tiny", "from": "emoji", "only": "scorer", "data": small_training["data"], "scorer": SMALL}
    path = tmp_path / "alone.yaml"
    path.write_text(yaml.safe_dump(file))
    return path


def test_the_scorer_alone_is_a_clip_model_with_its_accuracy(cli, alone: Path, tmp_path: Path) -> None:
    done = cli("train", alone, "--out", tmp_path / "out")
    assert done.code == 0
    folder = tmp_path / "out/model/scorer"
    network = CLIPModel.from_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    assert 0 <= config["held_out_accuracy"] <= config["held_out_accuracy_of_5"] <= 1
    assert str(tmp_path) not in (folder / "config.json").read_text()
    assert "_name_or_path" not in (folder / "config.json").read_text()
    pixels = AutoImageProcessor.from_pretrained(folder)(images=Image.new("RGB", (64, 64)), return_tensors="pt")
    tokens = AutoTokenizer.from_pretrained(folder)("a horse", return_tensors="pt")
    assert network(**pixels, **tokens).logits_per_image.shape == (1, 1)
    card = (tmp_path / "out/model/README.md").read_text()
    assert "scorer, fraction of pictures" in card
    assert "denoiser" not in card
    assert not (tmp_path / "out/denoiser").exists()


@pytest.mark.slow
def test_a_model_of_texts_gets_a_scorer_that_measures_it(cli, small_training, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(yaml.safe_dump({**small_training, "scorer": SMALL}), "train.yaml")
    assert cli("train", path, "--out", tmp_path / "out").code == 0
    model = tmp_path / "out/model"
    sweep = {"name": "x", "model": str(model), "prompt": "a horse", "steps": 1, "guider": "cfg"}
    run = sweep_file(yaml.safe_dump({**sweep, "seed": [0, 1], "metrics": ["text_score", "vendi"]}))
    assert cli("run", run, "--out", tmp_path / "r").code == 0
    record = json.loads((tmp_path / "r/experiments.jsonl").read_text().splitlines()[0])
    assert -100 <= record["metrics"]["text_score"] <= 100


@pytest.mark.slow
def test_a_killed_training_of_a_scorer_ends_in_the_same_weights(alone: Path, tmp_path: Path) -> None:
    assert_a_kill_changes_no_weights(tmp_path, "scorer", alone, "--set", "scorer.recipe.steps=30")


def test_the_text_tower_begins_with_the_text_encoder() -> None:
    from cfgsweep.training.bundled import load

    pipeline = load("emoji").pipeline
    network = build(Scorer.model_validate(SMALL), pipeline.text_encoder, 64)
    given = pipeline.tokenizer("a red apple", return_tensors="pt")
    with torch.inference_mode():
        expected = pipeline.text_encoder(**given).pooler_output
        assert torch.equal(network.text_model(**given).pooler_output, expected)


def test_pictures_of_one_thing_are_no_wrong_answers_for_each_other() -> None:
    expected = [[False, False, True], [False, False, False], [True, False, False]]
    assert _alike(["cat", "dog", "cat"]).tolist() == expected


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"from": None}, "no scorer to train, or no model that it is of"),
    ({"scorer": None}, "no scorer to train, or no model that it is of"),
    ({"denoiser": {"word_dropout": 0.1}}, "it is not trained"),
    ({"scorer": {"with": 3}}, "did you mean 'width'?"),
    ({"condition": "label", "from": None, "data": {"name": "digits"}}, "no autoencoder, text_encoder or scorer"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
def test_wrong_training_files_are_refused(cli, alone: Path, tmp_path: Path, changes: dict, words: str) -> None:
    file = {key: value for key, value in {**yaml.safe_load(alone.read_text()), **changes}.items() if value is not None}
    alone.write_text(yaml.safe_dump(file))
    refused = cli("train", alone, "--out", tmp_path / "out")
    assert refused.code == 2
    assert words in refused.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_bundled_scorer_finds_the_prompt_of_a_picture(cli, sweep_file, tmp_path: Path) -> None:
    """And the numbers of a run are the cosines of transformers' own CLIPModel."""
    from cfgsweep.metrics.spec import MetricSpec
    from cfgsweep.models.source import Source

    prompts = ["a photograph of a horse", "a red apple", "a grinning face", "an astronaut riding a horse"]
    sweep = {"name": "x", "model": "emoji", "prompt": prompts, "seed": [0, 1], "steps": 12, "guider": "cfg"}
    path = sweep_file(yaml.safe_dump({**sweep, "value": [0, 4], "metrics": ["text_score"]}))
    done = cli("run", path, "--out", tmp_path / "r")
    assert done.code == 0
    assert "text_score by emoji's scorer: it finds the right one of 76 texts for 19.5% of held-out pictures" in done.out
    records = [json.loads(line) for line in (tmp_path / "r/experiments.jsonl").read_text().splitlines()]
    guided, unguided = ([r for r in records if r["value"] == value] for value in (4, 0))
    metric = MetricSpec.parse("text_score").make(Source.of("emoji"))
    metric.prepare()
    folder = Path(Source.of("emoji").place) / "scorer"
    network = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    for record in guided:
        image = Image.open(tmp_path / "r" / record["image"])
        pixels = AutoImageProcessor.from_pretrained(folder)(images=image, return_tensors="pt")
        tokens = AutoTokenizer.from_pretrained(folder)(prompts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = network(**pixels, **tokens).logits_per_image[0]
        assert prompts[int(logits.argmax())] == record["prompt"]
        expected = float(100 * logits.max() / network.logit_scale.detach().exp())
        assert record["metrics"]["text_score"] == pytest.approx(expected, abs=1e-3)
    scores = [np.mean([r["metrics"]["text_score"] for r in some]) for some in (guided, unguided)]
    assert scores[0] > scores[1] + 20


def test_a_model_without_a_scorer_is_told_so(cli, tiny_model: Path, sweep_file, tmp_path: Path) -> None:
    sweep = {"name": "x", "model": str(tiny_model), "prompt": "a horse", "steps": 1, "guider": "cfg"}
    refused = cli("run", sweep_file(yaml.safe_dump({**sweep, "metrics": ["text_score"]})), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "the model has no scorer beside it" in refused.err
