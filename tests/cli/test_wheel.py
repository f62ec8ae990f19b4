"""The wheel by itself, away from this repository: its configs, its models and a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("cfgsweep", "configs", "pyproject.toml", "README.md", "LICENSE")


# What `cfgsweep configs NAME` prints for every name: a process for each would import everything as often.
PRINT_CONFIGS = """\
import contextlib, io, json, sys
from cfgsweep.cli import run_command

printed = {}
for name in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run_command(["configs", name]) == 0
    printed[name] = out.getvalue()
print(json.dumps(printed))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which a wheel is installed that was built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "sources").mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / "sources" / name, **({"symlinks": True} if copy is shutil.copytree else {}))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "dist", folder / "sources"]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("dist/*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "target", wheel], check=True)
    return folder / "target"


@pytest.fixture
def command(installed: Path, tmp_path: Path):
    """Run a command of the installed package in an empty folder; returns what it prints."""

    def run(*words: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_the_wheel_is_a_whole_product(command, installed: Path, tmp_path: Path) -> None:
    where = command("-c", "import cfgsweep; print(cfgsweep.__file__)")
    assert Path(where.strip()) == installed / "cfgsweep/__init__.py"
    listed = command("-m", "cfgsweep", "configs")
    shipped = {path.stem: path for path in (*ROOT.glob("configs/*.yaml"), *ROOT.glob("configs/train/*.yaml"))}
    printed = json.loads(command("-c", PRINT_CONFIGS, *shipped))
    for name, path in shipped.items():
        assert name in listed
        assert printed[name] == path.read_text()
    assert command("-m", "cfgsweep", "configs", "tnorm") == shipped["tnorm"].read_text()
    assert "experiments           20" in command("-m", "cfgsweep", "plan", "tnorm")
    command("-m", "cfgsweep", "run", "tnorm", "--set", "steps=2", "--set", "value=[0.1]", "--device", "cpu")
    assert len(list((tmp_path / "outputs/tnorm/images").glob("*.png"))) == 2
    assert (tmp_path / "outputs/tnorm/grids/tnorm.png").is_file()
    command("-m", "cfgsweep", "rate", "outputs/tnorm", "--cell", "tnorm 0.1", "--cell", "fullnorm 0.1", "--pairs", "2")
    assert (tmp_path / "outputs/tnorm/rate/index.html").is_file()
    typed = command(
        "-c", "import cfgsweep, pathlib; print(pathlib.Path(cfgsweep.__file__).with_name('py.typed').stat())"
    )
    assert typed
    small = ["denoiser.channels=[8, 16]", "denoiser.groups=4", "classifier.channels=[8, 16]"]
    small += ["denoiser.recipe.steps=1", "classifier.recipe.steps=1"]
    command("-m", "cfgsweep", "train", "digits", *(word for setting in small for word in ("--set", setting)))
