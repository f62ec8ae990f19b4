"""Packages that training alone needs: everything else works on a machine without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ONLY_FOR_TRAINING = ["accelerate", "datasets", "pyarrow", "sklearn"]
HIDDEN = [*ONLY_FOR_TRAINING, "peft"]  # which needs accelerate, and is for LoRAs alone

# The packages are hidden from the import system, as if they were not installed, since diffusers and transformers look
# for them before they import them.
HIDE = f"""
import importlib.util, sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in {HIDDEN}
        return None if hidden else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
assert not any(importlib.util.find_spec(name) for name in {HIDDEN})
"""
IMPORT_ALL = """
import importlib, pathlib, cfgsweep
root = pathlib.Path(cfgsweep.__file__).parent
names = [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in root.rglob("*.py")]
names = [name.removesuffix(".__init__") for name in names if not name.startswith("cfgsweep.training")]
names.remove("cfgsweep.__main__")
assert len(names) > 50
for name in names:
    importlib.import_module(name)
"""
RUN = """
from cfgsweep.cli import run_command
assert run_command(["run", *sys.argv[1:], "--quiet"]) == 0
"""


def run_hidden(code: str, *words: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", HIDE + code, *map(str, words)], capture_output=True, text=True)


@pytest.mark.slow
def test_every_module_but_those_of_training_is_imported() -> None:
    done = run_hidden(IMPORT_ALL)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_sweep_runs(labelled: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(
        f"name: x\nmodel: {labelled}\nlabel: 1\nsteps: 2\nguider: cfg\nvalue: [1, 2]\nmetrics: contrast\n"
    )
    done = run_hidden(RUN, path, "--out", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "r/images").iterdir())) == 2


def test_training_needs_them() -> None:
    """The packages really are hidden."""
    done = run_hidden("from cfgsweep.training.data.sources import _digits\n_digits(0.1)")
    assert "No module named 'sklearn'" in done.stderr


def test_the_builder_of_the_emoji_data_starts() -> None:
    script = Path(__file__).parents[2] / "scripts/build_emoji.py"
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "OUT.parquet" in done.stdout
