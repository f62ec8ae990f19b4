"""What a run folder holds, as a user gets it."""

from __future__ import annotations

import json
from pathlib import Path

from cfgsweep.storage.png import hash_of_file


def records_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]


def state_of(run: Path) -> tuple[list[dict], dict[str, str | None]]:
    """The records in their order, the pixels of pictures, grids and reports."""
    drawn = [*(run / "images").glob("*.png"), *(run / "grids").glob("*.png"), *run.glob("*.png")]
    return records_of(run), {path.name: hash_of_file(path) for path in drawn}
