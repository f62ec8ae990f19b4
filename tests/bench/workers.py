"""One process with a thread a core against `--workers`, alternately, as ratios: `python -m tests.bench.workers`.

And how much of encoding and writing pictures a device waits for. The tables go to WORKERS.md beside this file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from PIL import Image

from cfgsweep.engine.results import Finished
from cfgsweep.execution.saver import Saver
from cfgsweep.models.device import cores
from cfgsweep.models.video import EncodedPicture
from cfgsweep.storage.run_folder import RunFolder
from tests.bench.cluster import record_of
from tests.bench.pages import in_folder, publish, versions
from tests.support.planned_experiments import experiment

TURNS = 2
SWEEPS = {"tnorm": ["steps=10", "model=emoji"], "scales": ["steps=20", "metrics=[]"]}
SAID = re.compile(r"(\d+) pictures in ([\d.]+) s")
PICTURES, SIDE = 12, 1024


def main(folder: Path) -> None:
    count = cores()
    lines = [
        "# Workers of one machine",
        "",
        f"`python -m tests.bench.workers`, {count} cores, {versions()}: one process, with a thread a core, against",
        f"`--workers {count}`, {TURNS} times in turn. Seconds of whole commands, and of their pictures alone, as the",
        "command tells them: without Ray's start, but with the models' loading. Load of the machine before, in",
        f"processes: {os.getloadavg()[0]:.0f}.",
        "",
        f"| sweep | pictures | one process, s | pictures, s | `--workers {count}`, s | pictures, s | times as long |",
        "| --- " * 7 + "|",
        *(compared(name, count, folder) for name in SWEEPS),
        "",
        f"A device that gives pictures of {SIDE}x{SIDE} at a steady pace, by a clock alone; how much longer it takes",
        "until all are on disk:",
        "",
        "| s a picture | encoded between two calls | encoded meanwhile, as cfgsweep does |",
        "| --- | --- | --- |",
        *(waiting(seconds, folder) for seconds in (0.3, 1.0)),
    ]
    publish("WORKERS", lines)


def compared(name: str, count: int, folder: Path) -> str:
    """A table row."""
    ways: dict[str, list[str]] = {"one": [], "workers": ["--workers", str(count)]}
    whole, alone, pictures = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0), 0
    for turn in range(TURNS):
        for way, words in ways.items():
            seconds, said = timed([name, "--out", str(folder / f"{name}-{way}-{turn}"), *words, *settings(name)])
            whole[way] += seconds / TURNS
            pictures, alone[way] = int(said[0]), alone[way] + float(said[1]) / TURNS
    one, workers = ways
    cells = (f"{whole[way]:.0f} | {alone[way]:.0f}" for way in (one, workers))
    return f"| {name} | {pictures} | {' | '.join(cells)} | {alone[workers] / alone[one]:.2f} |"


def settings(name: str) -> Iterator[str]:
    for one in SWEEPS[name]:
        yield from ("--set", one)


def timed(words: Sequence[str]) -> tuple[float, Sequence[str]]:
    """Seconds of a run, and what it says of its pictures: how many, in how many seconds."""
    began = time.monotonic()
    command = [sys.executable, "-m", "cfgsweep", "run", "--no-page", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = SAID.search(done.stdout)
    assert found is not None, done.stdout
    return time.monotonic() - began, found.groups()


class Writing:
    """Saves pictures as a job does, with one record for all."""

    def __init__(self, folder: Path):
        self.run = RunFolder(folder)
        self.run.create()

    def save(self, result: Finished, batch_size: int, file: EncodedPicture | None = None) -> None:
        self.run.save(result.image, record_of(f"{result.experiment.seed:016x}", SIDE), file=file)


def waiting(seconds: float, folder: Path) -> str:
    """A table row."""
    cells = []
    for meanwhile in (False, True):
        job: Any = Writing(folder / f"{seconds}-{meanwhile}")
        began = time.monotonic()
        with Saver(job, 1) if meanwhile else nullcontext() as saver:
            for number in range(PICTURES):
                time.sleep(seconds)
                result = Finished(experiment(seed=number), Image.effect_noise((SIDE, SIDE), 100).convert("RGB"))
                saver.add(result) if saver else job.save(result, 1)
        cells.append(f"{(time.monotonic() - began) / (PICTURES * seconds) - 1:.0%}")
    return f"| {seconds:g} | {' | '.join(cells)} |"


if __name__ == "__main__":
    in_folder(main)
