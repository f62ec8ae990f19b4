"""Training on somebody's own pictures, measured on captioned shapes: `python -m tests.bench.shapes`.

Fifty of sixty combinations of a size, a colour and a shape are trained on, by the command and the file of
docs/training.md. Then the ten others are drawn by a sweep, and the colour and the shape that they show are measured
(tests/support/shapes.py). The table is written to SHAPES.md beside this file.

    python -m tests.bench.shapes --folder FOLDER --without-from

trains there, from where it was interrupted, and leaves the grid of the sweep there. --without-from: without
`from: emoji`; nothing is written to SHAPES.md then.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from tests.bench.pages import publish
from tests.support.commands import finish
from tests.support.shapes import HELD_OUT, Shown, combinations, seen, write_shapes

TRAINING = Path("outputs/train/shapes")
SCALES, SEEDS = [2.0, 4.0, 7.5], [0, 1, 2]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--folder", type=Path)
    options.add_argument("--without-from", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(given.folder or temporary)
        file = {"name": "shapes", "condition": "text", "data": {"path": "shapes", "size": 64}, "seed": 0}
        times = trained(file | ({} if given.without_from else {"from": "emoji"}))
        lines = [*page(times), *table(drawn())]
    print("\n".join(lines)) if given.without_from else publish("SHAPES", lines)


def trained(file: dict[str, Any]) -> tuple[float, float]:
    """Trains; returns the seconds that it took by the clock, and those of all cores together."""
    write_shapes(Path("shapes"))
    Path("shapes.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    started, before = time.monotonic(), _seconds_of_cores()
    finish("train", "shapes.yaml")
    return time.monotonic() - started, _seconds_of_cores() - before


def _seconds_of_cores() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def drawn() -> list[dict[str, Any]]:
    """The records of the held-out combinations at all scales and seeds, each with what its picture shows."""
    held_out = combinations()[:HELD_OUT]
    sweep = {
        "name": "shapes",
        "model": str(TRAINING / "model"),
        "prompt": [shown.text for shown in held_out],
        "seed": SEEDS,
        "steps": 30,
        "guider": "cfg",
        "value": SCALES,
    }
    Path("sweep.yaml").write_text(yaml.safe_dump(sweep, sort_keys=False))
    finish("run", "sweep.yaml", "--out", "run", "--quiet")
    finish("grid", "run", "--rows", "seed", "--cols", "prompt", "--pages", "value")
    records = [json.loads(line) for line in Path("run/experiments.jsonl").read_text().splitlines()]
    for record in records:
        with Image.open(f"run/images/{record['id']}.png") as picture:
            record["seen"] = seen(picture)
    return records


def page(times: tuple[float, float]) -> list[str]:
    """What was trained, and how long it took."""
    settings = json.loads((TRAINING / "training.json").read_text())
    recipe = settings["denoiser"]["recipe"]
    last = json.loads((TRAINING / "denoiser/log.jsonl").read_text().splitlines()[-1])
    wall, cores = (f"{seconds / 60:.1f} minutes" for seconds in times)
    rate = f"learning rate {recipe['learning_rate']:g}"
    return [
        "# Sixty captioned shapes",
        "",
        "`python -m tests.bench.shapes`: three shapes in four colours and five sizes; 50 of the 60 combinations are",
        "trained on by the file of [docs/training.md](../../docs/training.md), the ten others drawn in 30 Euler steps.",
        "Right is a picture with the colour and the shape of its prompt, as `tests/support/shapes.py` measures them.",
        "",
        "| training | |",
        "| --- | --- |",
        f"| processor time | {cores}, in {os.environ.get('OMP_NUM_THREADS', 'several')} threads |",
        f"| by the clock, beside what else ran on the machine | {wall} |",
        f"| begins with | {settings['from'] or 'random weights'} |",
        f"| recipe, as it was chosen | {recipe['steps']} steps of {recipe['batch']} pictures, {rate} |",
        f"| held-out loss | {last['held_out']:.4f} |",
        f"| the same on training pictures | {last['training']:.4f} |",
        "",
    ]


def table(records: list[dict[str, Any]]) -> list[str]:
    """Right pictures of ten for every seed, by guidance scale, and how many have the right colour and shape."""
    seeds = " | ".join(f"right of {HELD_OUT}, seed {seed}" for seed in SEEDS)
    lines = [f"| guidance scale | {seeds} | right colour | right shape |", "| --- " * (len(SEEDS) + 3) + "|"]
    for scale in SCALES:
        some = [record for record in records if record["value"] == scale]
        right = [sum(_is_right(r, 0) and _is_right(r, 1) for r in some if r["seed"] == seed) for seed in SEEDS]
        parts = [f"{sum(_is_right(record, part) for record in some)} of {len(some)}" for part in (0, 1)]
        lines.append(f"| {scale:g} | {' | '.join(map(str, [*right, *parts]))} |")
    return lines


def _is_right(record: dict[str, Any], part: int) -> bool:
    """part: 0 for the colour, 1 for the shape."""
    shown = Shown.of(record["prompt"])
    return record["seen"][part] == (shown.colour, shown.shape)[part]


if __name__ == "__main__":
    main()
