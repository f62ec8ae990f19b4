"""Errors of training files name the line, the key and the remedy, also those that are found in the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from cfgsweep.config import yaml_io
from cfgsweep.errors import UserError
from cfgsweep.training.config import TrainingFile
from tests.support.json_schemas import checker
from tests.support.shapes import write_shapes

TRAININGS = Path(__file__).parents[2] / "configs/train"
HEAD = "name: x\n"
DATA = "data:\n  path: shapes\n  size: 64\n"
LABELS = "condition: label\n"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (HEAD, "", ["data: is missing", "allowed"]),
        (HEAD + "data: {}\n", ":2: data", ["give a path", "metadata file"]),
        (HEAD + "data:\n  path: nowhere\n", ":3: data.path", ["no such folder or file", "nowhere"]),
        (HEAD + "data:\n  path: shapes\n  column: caption\n", ":2: data", ["unknown column 'caption'", "data.column"]),
        (HEAD + "data:\n  path: shapes\n  size: 63\n", ":4: data.size", ["63x63", "multiples of 8"]),
        (HEAD + "data:\n  path: empty\n", ":2: data", ["docs/training.md"]),
        (HEAD + DATA + "form: emoji\n", ":5: form", ["unknown key 'form'", "did you mean 'from'?"]),
        (HEAD + DATA + "from: emojy\n", ":5: from", ["'emoji'", "emojy"]),
        (HEAD + DATA + "autoencoder: emojy\n", ":5: autoencoder", ["'emoji'", "emojy"]),
        (HEAD + DATA + "autoencoder:\n  chanels: 3\n", ":6: autoencoder.chanels", ["did you mean 'channels'?"]),
        (HEAD + DATA + "autoencoder:\n  recipe:\n    stps: 3\n", ":7: autoencoder.recipe.stps", ["'steps'"]),
        (HEAD + DATA + "denoiser:\n  recipe:\n    steps: 0\n", ":7: denoiser.recipe.steps", ["too small", "1 or more"]),
        (HEAD + DATA + "denoiser:\n  channels: [9]\n", ":6: denoiser.channels", ["multiple", "groups is 16"]),
        (HEAD + DATA + "from: emoji\ndenoiser:\n  heads: 4\n", ":7: denoiser.heads", ["is that of emoji", "leave it"]),
        (HEAD + DATA + "from: emoji\nnoise: {}\n", ":6: noise", ["is that of emoji"]),
        (HEAD + DATA + "from: emoji\nautoencoder: {}\n", ":6: autoencoder", ["is that of emoji"]),
        (HEAD + DATA + "noise:\n  prediction: flow\n", ":6: noise.prediction", ["epsilon, v, x0"]),
        (HEAD + DATA + "classifier: {}\n", ":5: classifier", ["leave it out, or give condition: label"]),
        (HEAD + DATA + LABELS + "from: emoji\n", ":6: from", ["draws pixels", "condition: text"]),
        (HEAD + "condition: text\ndata: {name: digits}\n", ":2: condition", ["condition: label"]),
        (HEAD + DATA + "tracker: tensorbord\n", ":5: tracker", ["did you mean 'tensorboard'?"]),
    ],
)
def test_errors_name_the_line_and_the_remedy(
    cli, tmp_path: Path, monkeypatch, text: str, place: str, words: list[str]
) -> None:
    write_shapes(tmp_path / "shapes")
    (tmp_path / "empty").mkdir()
    (tmp_path / "train.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    refused = cli("train", "train.yaml")
    assert refused.code == 2
    assert f"error: train.yaml{place}: " in refused.err
    for word in words:
        assert word in refused.err
    assert not (tmp_path / "outputs").exists()


def test_an_override_is_named_as_what_it_is(cli, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "train.yaml").write_text(HEAD + DATA)
    monkeypatch.chdir(tmp_path)
    assert "--set: data.path: no such folder" in cli("train", "train.yaml", "--set", "data.path=nowhere").err


def test_a_picture_in_the_folder_is_named(cli, tmp_path: Path, monkeypatch) -> None:
    write_shapes(tmp_path / "shapes")
    (tmp_path / "shapes/train/20.png").write_bytes(b"no picture")
    (tmp_path / "train.yaml").write_text(HEAD + DATA)
    monkeypatch.chdir(tmp_path)
    refused = cli("train", "train.yaml")
    assert refused.code == 2
    assert "20.png: not a picture that can be read" in refused.err


@pytest.mark.slow
def test_texts_that_are_too_long_and_pictures_that_are_too_strange_are_told(cli, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "photos").mkdir()
    lines, rng = [], np.random.default_rng(0)
    for number in range(20):
        noise = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)  # which no autoencoder of emoji can reconstruct
        Image.fromarray(noise).save(tmp_path / f"photos/{number}.png")
        lines.append(f'{{"file_name": "{number}.png", "text": "{"very " * (30 if number < 2 else 3)}red {number}"}}\n')
    (tmp_path / "photos/metadata.jsonl").write_text("".join(lines))
    (tmp_path / "train.yaml").write_text(HEAD + "from: emoji\ndata: {path: photos, held_out: 0.2}\n")
    monkeypatch.chdir(tmp_path)
    told = cli("train", "train.yaml", "--set", "denoiser.recipe.steps=1", "--set", "denoiser.recipe.batch=2")
    assert told.code == 0
    assert "2 texts have more than the 24 tokens that are read" in told.err
    assert "the autoencoder of emoji reconstructs these pictures poorly; `autoencoder: {}` trains one" in told.err
    assert "composites" not in told.out
    assert "composites" not in Path("outputs/train/x/model/README.md").read_text()


@pytest.mark.parametrize("name", ["digits", "emoji"])
def test_the_schema_takes_shipped_files(name: str) -> None:
    checker("training").validate(yaml.safe_load((TRAININGS / f"{name}.yaml").read_text()))


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"from": "emoji"}, True),
        ({"from": "emojy"}, False),
        ({"from_": "emoji"}, False),
        ({"autoencoder": "emoji"}, True),
        ({"autoencoder": {"channels": 8}}, True),
        ({"autoencoder": "emojy"}, False),
        ({"autoencoder": {"chanels": 8}}, False),
        ({"denoiser": {"recipe": {"steps": 3}}}, True),
        ({"denoiser": {"recipe": {"steps": 0}}}, False),
        ({"denoiser": {"recipe": {"learning_rate": 0}}}, False),
    ],
)
def test_the_schema_and_the_reader_agree(tmp_path: Path, changes: dict[str, Any], valid: bool) -> None:
    given = {"name": "x", "data": {"path": "shapes"}, **changes}
    assert checker("training").is_valid(given) == valid
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(given))
    document = yaml_io.read(tmp_path / "train.yaml")
    if valid:
        yaml_io.validate(TrainingFile, document)
    else:
        with pytest.raises(UserError, match=r"train.yaml:\d+: "):
            yaml_io.validate(TrainingFile, document)
