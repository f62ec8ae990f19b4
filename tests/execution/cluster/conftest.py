"""A sweep, its run in one process, and commands that compute it by actors.

A local cluster takes ten seconds and more to start, so there are few tests with one, and they are slow ones.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.run_state import run_of

# Ray is not imported in a process of tests: it would not know the token of a run in the same process.
with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

SWEEP = """\
name: c
model: digits
label: {range: [0, 4, 1]}
seed: [1, 2, 3, 4]
steps: 12
guider: [cfg, cfg_zero]
value: [1.5, 3]
metrics: [contrast]
"""


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in one process; its sweep file is beside it."""
    return run_of(SWEEP, tmp_path_factory.mktemp("alone"))


def files_of(run: Path) -> dict[str, bytes]:
    """The records, in their order, and the files of pictures and grids."""
    drawn = [*(run / "images").glob("*.png"), *(run / "grids").glob("*.png"), run / "experiments.jsonl"]
    return {path.name: path.read_bytes() for path in drawn}


def pictures_in(run: Path) -> int:
    return len(list(run.glob("images/*.png")))


@pytest.fixture
def short_temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A TMPDIR of its own, as long as one may be, in which nothing must be left."""
    with tempfile.TemporaryDirectory(prefix="temporar", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setenv("HOME", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def processes_in(folder: Path) -> dict[int, str]:
    """Command lines of processes that name a folder or have files of it open, by their numbers; not this process."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            opened = [os.path.realpath(link) for link in (place / "fd").iterdir()]
        except OSError:  # it has ended
            continue
        if any(str(folder) in text for text in (words, *opened)) and int(place.name) != os.getpid():
            found[int(place.name)] = words
    return found
