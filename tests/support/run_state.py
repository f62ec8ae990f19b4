"""Run folders, and their content for comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import cfgsweep
from cfgsweep.storage.png import hash_of_file


def records_of(run: Path) -> list[dict]:
    """The records as plain JSON objects."""
    return [json.loads(line) for line in (run / "experiments.jsonl").read_text().split("\n") if line]


def state_of(run: Path) -> tuple[list[dict], dict[str, str | None]]:
    """The records in their order, and hashes of the pixels of pictures, grids and plots."""
    drawn = [*(run / "images").glob("*.png"), *(run / "grids").glob("*.png"), *run.glob("*.png")]
    return records_of(run), {path.name: hash_of_file(path) for path in drawn}


def run_of(sweep: str, folder: Path) -> Path:
    """The run folder of a sweep's text, below this folder."""
    (folder / "sweep.yaml").write_text(sweep)
    return cfgsweep.run(folder / "sweep.yaml", out=folder / "r", quiet=True).folder
