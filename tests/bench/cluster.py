"""A schedule for 1,000 GPUs, and what one process writes: `python -m tests.bench.cluster`.

GPUs are simulated, without tensors; pictures are written by the code that runs write with. The table is CLUSTER.md.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

from PIL import Image

from cfgsweep.storage.png import encoded
from cfgsweep.storage.run_folder import RunFolder
from tests.bench.pages import in_folder, publish
from tests.support.simulated_cluster import simulate

GPUS, PICTURES, UNITS_OF_EACH = 1000, 10**6, 4
SECONDS = 3.0  # for one picture, on average
SAVED = 200  # pictures of each size
RECORD = {
    **{"title": "t", "status": "done", "guider": "cfg", "schedule": "constant", "value": 2.0, "prompt": "a cat"},
    **{"negative_prompt": "", "seed": 1, "steps": 50, "sampler": "euler", "model": "emoji", "device": "cuda"},
    **{"dtype": "float16", "batch_size": 32, "evaluations": {"own": 50, "shared": 50}, "fingerprints": {}},
}


def main(folder: Path) -> None:
    size = PICTURES // (UNITS_OF_EACH * GPUS)
    units = [(range(first, first + size), float(size)) for first in range(0, PICTURES, size)]
    bound = PICTURES * SECONDS / GPUS
    lines = [
        "# A cluster",
        "",
        f"`python -m tests.bench.cluster`: {GPUS:,} simulated GPUs, {PICTURES:,} pictures of about {SECONDS:g} s, by",
        f"chance between half and one and a half of it, in {len(units):,} units. With all GPUs at work until the end",
        f"it would be {bound:,.0f} s. In the place of a GPU that dies there is another one after a minute.",
        "",
        "| die in an hour | died | simulated time, s | beyond the bound | computed twice | schedule, CPU s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for share in (0.0, 0.01, 0.1):
        found = simulate(units, GPUS, SECONDS, share)
        twice, beyond = found.computed / PICTURES - 1, found.makespan / bound - 1
        lines.append(
            f"| {share:.0%} | {found.deaths} | {found.makespan:,.0f} | {beyond:.1%} | {twice:.2%} | {found.cpu:.1f} |"
        )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines += ["", f"The process took {most:,.0f} MiB, with torch. What it saves of pictures that come encoded:"]
    lines += ["", "| size | pictures/s | GPUs that it keeps up with, at 3 s a picture |", "| --- | --- | --- |"]
    for side in (64, 512, 1024):
        rate = saved_per_second(folder / str(side), side)
        lines.append(f"| {side} | {rate:.0f} | {rate * SECONDS:,.0f} |")
    publish("CLUSTER", lines)


def saved_per_second(folder: Path, side: int) -> float:
    """Pictures of noise, each with its record, synced to disk."""
    run, picture = RunFolder(folder), encoded(Image.effect_noise((side, side), 100).convert("RGB"))
    run.create()
    began = time.monotonic()
    for number in range(SAVED):
        run.save(picture, {**RECORD, "id": f"{number:016x}", "width": side, "height": side})
    return SAVED / (time.monotonic() - began)


if __name__ == "__main__":
    in_folder(main)
