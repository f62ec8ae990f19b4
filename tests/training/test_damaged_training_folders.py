"""Training folders with damaged checkpoints and other files, and data with errors in it."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image

from tests.support.commands import finish_here
from tests.support.hostile_files import POSTSCRIPT, header, png_of
from tests.support.pickles import Payload
from tests.support.trainings import label_training


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a finished training `t` of a denoiser and its file `t.yaml`."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "t.yaml").write_text(yaml.safe_dump({k: v for k, v in label_training().items() if k != "classifier"}))
    finish_here("train", folder / "t.yaml", "--out", folder / "t", "--quiet")
    return folder


def test_a_users_folder_is_not_trained_in(cli, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "own/model").mkdir(parents=True)
    (tmp_path / "own/model/thesis.txt").write_text("precious")
    refused = cli("train", trained / "t.yaml", "--out", tmp_path / "own")
    assert refused.code == 2
    assert "something else here already" in refused.err
    assert (tmp_path / "own/model/thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seed=99999999999999999999999", ["seed"]),
        ("denoiser.channels=[]", ["denoiser.channels"]),
        ("denoiser.heads=100", ["denoiser", "more heads than channels"]),
        ("denoiser.recipe.batch=10000000000", ["not enough memory", "recipe.batch"]),
        ("denoiser.recipe.learning_rate=1.0e+300", ["denoiser, step ", "diverged"]),
    ],
)
def test_impossible_trainings_are_refused_and_leave_no_model(
    cli, trained: Path, tmp_path: Path, setting: str, words: list[str]
) -> None:
    refused = cli("train", trained / "t.yaml", "--out", tmp_path / "t", "--set", setting)
    assert refused.code == (1 if "memory" in words[0] or "step" in words[0] else 2)
    for word in words:
        assert word in refused.err
    assert not (tmp_path / "t/model").exists()


def parquet_of(path: Path, **columns: list) -> Path:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    count = len(next(iter(columns.values())))
    pictures = columns.pop("image", [{"bytes": buffer.getvalue(), "path": None}] * count)
    pq.write_table(pa.table({"image": pictures, **columns}), path)
    return path


EMOJI = {"label": ["a"] * 3, "tags": [["a"]] * 3, "style": ["noto"] * 3, "group": ["x"] * 3}


@pytest.mark.parametrize(
    ("name", "columns", "words"),
    [
        (None, {"label": [["a"], ["b"]] * 9}, ["row 0", "not a label"]),
        (None, {"label": [10**12, 0] * 9}, ["no training picture has these labels", "[1]"]),
        (None, {"label": [None, 0] * 9}, ["row 0", "not a label"]),
        ("emoji", {**EMOJI, "codepoints": [None, "1F600", "1F601"]}, ["row 0", "not a captioned picture"]),
        ("emoji", {**EMOJI, "codepoints": ["1F600"] * 3, "image": [None] * 3}, ["row 0", "not a captioned picture"]),
        ("emoji", {key: [] for key in (*EMOJI, "codepoints")}, ["no picture to train on"]),
    ],
)
def test_errors_in_data_name_the_row(
    cli, small_training: dict, tmp_path: Path, name: str | None, columns: dict[str, list], words: list[str]
) -> None:
    path = str(parquet_of(tmp_path / "odd.parquet", **columns))
    config = (
        {**small_training, "data": {"name": name, "path": path}}
        if name
        else {**label_training(), "data": {"path": path}}
    )
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    refused = cli("train", tmp_path / "t.yaml", "--out", tmp_path / "t")
    assert refused.code == 2
    for word in words:
        assert word in refused.err


@pytest.mark.parametrize(
    "change", ["seed=9", "noise.prediction=epsilon", "denoiser.recipe.steps=4", "denoiser.condition_dropout=0.2"]
)
def test_a_folder_keeps_the_settings_of_its_training(cli, trained: Path, change: str) -> None:
    before = (trained / "t/model/README.md").read_text()
    refused = cli("train", trained / "t.yaml", "--out", trained / "t", "--set", change)
    assert refused.code == 2
    assert f"error: {change.split('=')[0]}: " in refused.err
    assert "was trained otherwise" in refused.err
    assert (trained / "t/model/README.md").read_text() == before


def nan_weights(path: Path) -> None:
    saved = torch.load(path, weights_only=True)
    for tensor in saved["network"].values():
        tensor.fill_(torch.nan)
    torch.save(saved, path)


@pytest.mark.parametrize(
    "ruin",
    [
        lambda path: path.write_bytes(path.read_bytes()[:2000]),
        lambda path: path.write_bytes(b""),
        lambda path: torch.save({"a": 1}, path),
        lambda path: torch.save({**torch.load(path, weights_only=True), "step": "x"}, path),
        nan_weights,
    ],
)
def test_damaged_checkpoints_are_refused(cli, trained: Path, tmp_path: Path, ruin: Callable[[Path], object]) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    ruin(folder / "denoiser/checkpoint.pt")
    refused = cli("train", trained / "t.yaml", "--out", folder)
    assert refused.code == 2
    for word in ("denoiser/checkpoint.pt", "damaged", "delete it"):
        assert word in refused.err


def test_pickles_in_checkpoints_are_not_loaded(cli, trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    (folder / "denoiser/checkpoint.pt").write_bytes(pickle.dumps(Payload(tmp_path / "code-was-run")))
    assert cli("train", trained / "t.yaml", "--out", folder).code == 2
    assert not (tmp_path / "code-was-run").exists()


def test_trainings_do_not_write_through_links(cli, trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    shutil.move(folder / "denoiser", tmp_path / "outside")
    (folder / "denoiser").symlink_to(tmp_path / "outside")
    refused = cli("train", trained / "t.yaml", "--out", folder)
    assert refused.code == 2
    assert "a link" in refused.err


def test_pictures_in_data_do_not_start_programs(cli, tmp_path: Path, ghostscript: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for n in range(4):
            noise = np.random.default_rng(n).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "data" / label / f"{n}.png")
    (tmp_path / "data/dog/3.png").write_bytes(POSTSCRIPT)
    (tmp_path / "t.yaml").write_text(
        yaml.safe_dump({**label_training(), "data": {"path": str(tmp_path / "data"), "size": 8}})
    )
    refused = cli("train", tmp_path / "t.yaml", "--out", tmp_path / "t")
    assert refused.code == 2
    assert "not a picture that can be read" in refused.err
    assert not ghostscript.exists()


def test_a_huge_picture_among_small_ones_is_refused_before_it_is_decoded(cli, tmp_path: Path) -> None:
    """It has no pixels at all: decoding it would be another error."""
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for n in range(4):
            Image.new("RGB", (8, 8)).save(tmp_path / "data" / label / f"{n}.png")
    png_of(tmp_path / "data/dog/3.png", header(13000, 13000), (b"IDAT", b""), (b"IEND", b""))
    (tmp_path / "t.yaml").write_text(yaml.safe_dump({**label_training(), "data": {"path": str(tmp_path / "data")}}))
    refused = cli("train", tmp_path / "t.yaml", "--out", tmp_path / "t")
    assert refused.code == 2
    for word in ("different sizes", "13000x13000", "data.size"):
        assert word in refused.err
