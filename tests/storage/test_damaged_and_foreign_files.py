"""What lies in folders and was not put there by us: damaged on purpose, somebody's own, or something without an end."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image

from tests.support import tiny_models as tiny
from tests.support.commands import command, started, wait_for
from tests.support.pickles import Payload
from tests.support.run_state import records_of, state_of
from tests.support.trainings import label_training

SWEEP = "name: s\nmodel: {model}\nlabel: [0, 1]\nsteps: 2\nguider: cfg\nvalue: [1, 3]\n"


@pytest.fixture(scope="module")
def sound(labelled: Path, tmp_path_factory) -> Path:
    """A run as it should be, with its sweep file beside it."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "s.yaml").write_text(SWEEP.format(model=labelled))
    subprocess.run(command("run", folder / "s.yaml", "--out", folder / "r", "--quiet"), check=True)
    return folder


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound / "r", tmp_path / "r"))


def first_picture(run: Path) -> Path:
    return run / "images" / f"{records_of(run)[0]['id']}.png"


def bomb(path: Path) -> None:
    """Three gigapixels in a hundred bytes."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"0")),
        (b"IEND", b""),
    ]
    packed = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.fixture
def ghostscript(tmp_path: Path, monkeypatch) -> Path:
    """A file that is there once somebody has started Ghostscript, which Pillow does for a PostScript picture."""
    ran = tmp_path / "postscript-was-run"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/gs"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo 10.0 && exit 0\ntouch {ran}\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return ran


# Runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ruin",
    [
        bomb,
        lambda path: path.write_bytes(POSTSCRIPT),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_picture_that_is_none_is_found_and_made_again(
    cli, sound: Path, run: Path, ghostscript: Path, ruin: Callable[[Path], object]
) -> None:
    picture = first_picture(run)
    ruin(picture)
    bomb(run / "images/other.png")
    (run / "grids/s.png").unlink()
    bomb(run / "grids/s.png")
    found = cli("verify", run)
    assert found.code == 1
    assert f"{picture.stem}: its picture is damaged" in found.out
    assert cli("plan", sound / "s.yaml", "--out", run).code == 0
    assert cli("grid", run).code == 0
    if picture.is_dir():
        picture.rmdir()  # a folder is not ours to remove
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    (run / "images/other.png").unlink()
    assert state_of(run) == state_of(sound / "r")
    assert not ghostscript.exists()


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"id": "../../evil", "status": "failed", "reason": "x"}',
        '{"id": "%s", "status": "done"}' % ("0" * 16),
        '{"id": "0000000000000000", "status": "failed", "reason": 3}',
        '{"id": "a\\ud800", "status": "failed", "reason": "x"}',
        '{"id": "%s", "status": "done"}' % ("a" * 5000),
        "\x00\xff",
    ],
)
def test_a_record_that_is_none_is_passed_over(cli, sound: Path, run: Path, line: str) -> None:
    with open(run / "experiments.jsonl", "a") as file:
        file.write(line + "\n")
    found = cli("verify", run)
    assert found.code == 1
    assert "line 5: no whole record" in found.out
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert cli("phase", run, "--out", run.with_name("p"), "--low", 1, "--high", 3, "--scan", 5).code == 0
    assert state_of(run) == state_of(sound / "r")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../evil"},
        {"id": "/tmp/evil"},
        {"pixels_sha256": None},
        {"status": 3},
        {"batch_size": "x"},
        {"model": None},
        {"metrics": 3},
        {"metrics": {"contrast": "x"}},
        {"steps": None},
        {"prompt": 3},
    ],
)
def test_a_record_of_other_types_is_made_again_from_its_picture(
    cli, sound: Path, run: Path, change: dict[str, Any]
) -> None:
    lines = [json.dumps(record | change if n == 0 else record) for n, record in enumerate(records_of(run))]
    (run / "experiments.jsonl").write_text("\n".join(lines) + "\n")
    (run / "environment.json").unlink()
    assert cli("verify", run).code == 1
    before = set(run.parent.rglob("*.png"))
    phase = ("phase", run, "--out", run.parent / "a/b/p", "--low", 1, "--high", 3, "--scan", 5)
    assert cli(*phase).code == 0
    outside = {path for path in run.parent.rglob("*.png") if run.parent / "a/b/p" not in path.parents}
    assert outside == before, "written outside of the output folder"
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert state_of(run)[0] == state_of(sound / "r")[0]


@pytest.mark.parametrize("rows", ['"8"', "0", "-1", "8.0", "1000000000", "true", "null"])
def test_a_batch_shape_that_is_none_is_taken_from_the_records(cli, sound: Path, run: Path, rows: str) -> None:
    text = (run / "environment.json").read_text()
    shape = records_of(run)[0]["batch_size"]
    assert f'"batch_size": {shape}' in text
    (run / "environment.json").write_text(text.replace(f'"batch_size": {shape}', f'"batch_size": {rows}'))
    first_picture(run).unlink()
    assert "environment.json: not whole" in cli("verify", run).out
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert state_of(run) == state_of(sound / "r")


@pytest.mark.parametrize("name", ["environment.json", "experiments.jsonl", "sweep.yaml"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_told_at_once(cli, sound: Path, run: Path, name: str, make: Callable) -> None:
    (run / name).unlink()
    make(run / name)
    for words in (("verify", run), ("grid", run), ("run", sound / "s.yaml", "--out", run)):
        refused = cli(*words)
        assert refused.code == 2
        assert name in refused.err


def test_grids_are_not_drawn_or_removed_through_a_link(cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    for name in ("s.png", "s-2.png"):
        (tmp_path / "own" / name).write_text("precious")
    shutil.rmtree(run / "grids")
    (run / "grids").symlink_to(tmp_path / "own")
    refused = cli("grid", run)
    assert refused.code == 2
    assert "a link" in refused.err
    assert [path.read_text() for path in (tmp_path / "own").iterdir()] == ["precious"] * 2


def test_a_folder_with_a_sweep_of_ones_own_is_not_a_run(cli, sound: Path, tmp_path: Path) -> None:
    """The file would be written over, its comments lost."""
    (tmp_path / "own").mkdir()
    own = tmp_path / "own/sweep.yaml"
    own.write_text("# mine\n" + (sound / "s.yaml").read_text())
    refused = cli("run", own, "--out", own.parent)
    assert refused.code == 2
    assert "something else here already" in refused.err
    assert own.read_text().startswith("# mine")


def test_a_finished_picture_is_not_drawn_over(cli, run: Path) -> None:
    before = state_of(run)
    for words in (("grid", run, "--out"), ("schedules", "--plot")):
        refused = cli(*words, first_picture(run))
        assert refused.code == 2
        assert "a finished picture of a run" in refused.err
    assert state_of(run) == before


def test_what_another_command_is_writing_stays(cli, sound: Path, run: Path) -> None:
    """`grid` takes no lock: its file must not vanish under its hands."""
    writing = run / f"grids/.s.png.{os.getppid()}.tmp"
    writing.write_bytes(b"half")
    (run / "images/.a.999999999.tmp").mkdir()
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert writing.exists()


def test_a_folder_that_is_moved_while_at_work(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SWEEP.format(model=labelled).replace("steps: 2", "steps: 900\nseed: [1, 2, 3]"))
    process = started("run", tmp_path / "s.yaml", "--out", tmp_path / "r", "--quiet")
    wait_for(lambda: list((tmp_path / "r").glob("images/*.png")), process)
    (tmp_path / "r").rename(tmp_path / "moved")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "the folder is gone" in said


def test_hidden_files_of_others_stay(cli, sound: Path, run: Path) -> None:
    (run / "images/.mine.tmp").write_text("mine")
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert (run / "images/.mine.tmp").exists()


def test_reasons_do_not_command_the_terminal(cli, run: Path) -> None:
    line = {"id": "0" * 16, "status": "failed", "reason": "\x1b]0;pwned\x07\x1b[2J"}
    with open(run / "experiments.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    said = cli("verify", run).out
    assert "pwned" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("place", ["file/x", "file", "L" * 300, "loop", "/dev/null"])
@pytest.mark.parametrize("words", [["run", "s.yaml"], ["train", "t.yaml"]])
def test_places_that_cannot_be_folders(cli, sound: Path, tmp_path: Path, words: list[str], place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    shutil.copy(sound / "s.yaml", tmp_path)
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(label_training()))
    refused = cli(words[0], tmp_path / words[1], "--out", tmp_path / place)
    assert refused.code == 2
    assert place in refused.err or str(tmp_path / place) in refused.err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["folder.png", "file/x.png", f"{'L' * 300}.png"])
def test_places_that_cannot_be_pictures(cli, run: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("mine")
    for words in (("grid", run, "--out"), ("schedules", "--plot"), ("schedules", "constant", "--plot")):
        refused = cli(*words, tmp_path / place)
        assert refused.code == 2
        assert "error: " in refused.err


def test_a_file_without_an_end_is_not_read_to_it(cli) -> None:
    refused = cli("plan", "/dev/zero")
    assert refused.code == 2
    assert "too large" in refused.err


def test_output_that_takes_ascii_alone_or_nothing(sound: Path) -> None:
    ascii_alone = {**os.environ, "PYTHONIOENCODING": "ascii"}
    told = subprocess.run(command("guiders", "cfg"), capture_output=True, env=ascii_alone)
    assert told.returncode == 0
    line = " ".join(command("run", sound / "s.yaml", "--out", sound / "r"))
    closed = subprocess.run(["sh", "-c", f"{line} >&-"], capture_output=True, text=True)
    assert closed.returncode == 0, closed.stderr


# Code that comes with a model --------------------------------------------------------------------------------------

EVIL = """
import os
os.mkdir({mark!r})
from transformers import PretrainedConfig, PreTrainedModel
class EvilConfig(PretrainedConfig):
    model_type = "evil"
class Evil(PreTrainedModel):
    config_class = EvilConfig
"""


def test_a_classifiers_code_is_not_run_and_nobody_is_asked(tmp_path: Path, sweep_file) -> None:
    model, mark = tmp_path / "model", tmp_path / "code-was-run"
    tiny.labelled_unet().save_pretrained(model)
    (model / "classifier").mkdir()
    for place in (model, model / "classifier"):
        (place / "evil.py").write_text(EVIL.format(mark=str(mark)))
    names = {"AutoConfig": "evil.EvilConfig", "AutoModelForImageClassification": "evil.Evil"}
    (model / "classifier/config.json").write_text(json.dumps({"model_type": "evil", "auto_map": names}))
    path = sweep_file(SWEEP.format(model=model) + "metrics: [adherence]\n")
    done = subprocess.run(
        command("run", path, "--out", tmp_path / "r"), input="y\n" * 9, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "takes a model with a classifier" in done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    assert not mark.exists()


# Trainings --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished training of a denoiser alone, with its file beside it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "t.yaml").write_text(yaml.safe_dump({k: v for k, v in label_training().items() if k != "classifier"}))
    subprocess.run(command("train", folder / "t.yaml", "--out", folder / "t", "--quiet"), check=True)
    return folder


def test_a_folder_of_ones_own_is_not_trained_in(cli, trained: Path, tmp_path: Path) -> None:
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
def test_what_cannot_be_trained_is_told_and_leaves_no_model(
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
def test_odd_columns_are_told_with_their_row(
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
def test_one_folder_is_for_one_training(cli, trained: Path, change: str) -> None:
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
def test_a_damaged_checkpoint_is_told(cli, trained: Path, tmp_path: Path, ruin: Callable[[Path], object]) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    ruin(folder / "denoiser/checkpoint.pt")
    refused = cli("train", trained / "t.yaml", "--out", folder)
    assert refused.code == 2
    for word in ("denoiser/checkpoint.pt", "damaged", "delete it"):
        assert word in refused.err


def test_a_pickle_in_a_checkpoint_is_not_opened(cli, trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    (folder / "denoiser/checkpoint.pt").write_bytes(pickle.dumps(Payload(tmp_path / "code-was-run")))
    assert cli("train", trained / "t.yaml", "--out", folder).code == 2
    assert not (tmp_path / "code-was-run").exists()


def test_a_training_writes_nothing_through_links(cli, trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained / "t", tmp_path / "t"))
    shutil.move(folder / "denoiser", tmp_path / "outside")
    (folder / "denoiser").symlink_to(tmp_path / "outside")
    refused = cli("train", trained / "t.yaml", "--out", folder)
    assert refused.code == 2
    assert "a link" in refused.err


def test_data_do_not_start_programs(cli, tmp_path: Path, ghostscript: Path) -> None:
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
