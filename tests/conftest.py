"""Fixtures of all tests: tiny models with random weights, and the command line in this process."""

from __future__ import annotations

import os

# There is one test process per core; OpenMP threads that spin while they wait slow each other tenfold. OpenMP reads
# these variables when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys

from cfgsweep.models.bfloat16 import advertises_amx, bfloat16_works

if advertises_amx():  # trainings use bfloat16 then; AMX can be switched off only before torch is imported
    bfloat16_works(lambda notice: print(f"NOTICE: {notice}", file=sys.stderr))

import gc
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support import tiny_models as tiny
from tests.support.browser import chromium

os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="cfgsweep-tests-")  # hashes of models are remembered there

# No deadline: tests do not fail on a busy machine. In CI the same examples every time: a fault that a search happens to
# find there would stop a change that has nothing to do with it.
hypothesis.settings.register_profile("cfgsweep", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("cfgsweep")

DEVICE = os.environ.get("CFGSWEEP_TEST_DEVICE", "cpu")


def pytest_collection_finish() -> None:
    """Collections of garbage, which runs ask for and Python begins by itself, leave out what will never be garbage.

    A process has imported then torch, diffusers and all tests, in objects so many that a collection takes a third of a
    second.
    """
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """A function that runs a command line in this process, as `main` does."""
    from cfgsweep.cli import run_command

    def run(*arguments: object) -> Outcome:
        code = run_command([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a sweep file."""

    def write(text: str, name: str = "sweep.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


NAMES = ["astronaut", "horse", "camel", "robot", "elf", "tiger", "apple", "rocket", *(f"thing {i}" for i in range(32))]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A small data set in the format of the emoji data: coloured discs on white."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image, ImageDraw

    from cfgsweep.training.data.captions import STYLES

    rows = []
    for index, name in enumerate(NAMES):
        for style in STYLES:
            image = Image.new("RGB", (64, 64), "white")
            shade = tuple(random.Random(f"{name}{style}").choices(range(200), k=3))
            ImageDraw.Draw(image).ellipse((8, 8, 56, 56), shade)
            data = io.BytesIO()
            image.save(data, "PNG")
            rows.append(
                {
                    "image": {"bytes": data.getvalue(), "path": f"{name}.png"},
                    "label": name,
                    "tags": ["round", name],
                    "style": style,
                    "group": "flags" if name == "apple" else "objects",
                    "codepoints": f"1F{index:03X}",
                }
            )
    path = tmp_path_factory.mktemp("data") / "pictures.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def small_training(pictures: Path) -> dict:
    """A training file for texts that takes seconds."""
    recipe = {"steps": 8, "batch": 4, "learning_rate": 0.002, "checkpoint_every": 2, "sample_every": 100}
    return {
        "name": "tiny",
        "seed": 3,
        "data": {"name": "emoji", "path": str(pictures), "leave_out": ["flags"], "composites": 12},
        "autoencoder": {"channels": 8, "encoder_blocks": [0, 1, 1], "decoder_blocks": [1, 1, 0], "recipe": recipe},
        "text_encoder": {"vocabulary": 600, "width": 16, "layers": 1, "heads": 2},
        "denoiser": {"channels": [8, 16, 16], "groups": 4, "recipe": recipe},
    }


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """A function that saves a pipeline in a new folder with `save_pretrained`."""

    def save(pipeline: Any) -> Path:
        folder = tmp_path_factory.mktemp("models") / "model"
        pipeline.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def labelled(saved) -> Path:
    """A UNet2DModel of four labels with random weights."""
    return saved(tiny.labelled_unet())


@pytest.fixture(scope="session")
def tiny_model(saved) -> Path:
    """A Stable Diffusion 1.x-shaped model with random weights."""
    return saved(tiny.stable_diffusion("epsilon"))


@pytest.fixture(scope="session")
def tiny_v_model(saved) -> Path:
    """The same, predicting v as Stable Diffusion 2.x at 768 does."""
    return saved(tiny.stable_diffusion("v_prediction"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium. Tests that use it are skipped where there is none."""
    with chromium() as found:
        yield found


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A hub that cannot be reached, and an empty cache."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def ghostscript(tmp_path: Path, monkeypatch) -> Path:
    """A file that exists after a program `gs` was started, as Pillow does for PostScript pictures."""
    ran = tmp_path / "postscript-was-run"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/gs"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo 10.0 && exit 0\ntouch {ran}\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return ran
