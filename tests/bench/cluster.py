"""A schedule for 1,000 GPUs, and what one process writes: `python -m tests.bench.cluster`.

GPUs are simulated, without tensors: on a simulated clock, the schedule of real runs decides which worker computes what.
The process that runs are started in is real: it expands, plans and cuts a sweep of as many pictures, and it takes
pictures from two actors of Ray and writes them. The tables are CLUSTER.md.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image

from cfgsweep.engine.plan import Plan
from cfgsweep.engine.units import MOST_PER_WORKER, units_for
from cfgsweep.execution.cluster.connect import connected
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.encoding import encoded_with
from cfgsweep.execution.shipped_configs import find_config
from cfgsweep.models.video import EncodedPicture
from cfgsweep.pages.thumbs import thumb_name, write_thumb
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.bench.pages import in_folder, publish
from tests.support.simulated_cluster import simulate

GPUS, PICTURES = 1000, 10**6
SECONDS = 3.0  # for one picture, on average
SAVED = 200  # pictures of each size
RECORDS = 100_000
BATCH_SIZE = 32  # rows
SWEEP = ["label={range: [0, 9, 1]}", f"seed={{range: [1, {PICTURES // 50}, 1]}}", "zip=[]"]  # and 5 values: of scales
RECORD = {
    **{"title": "t", "status": "done", "guider": "cfg", "schedule": "constant", "value": 2.0, "prompt": "a cat"},
    **{"negative_prompt": "", "seed": 1, "steps": 50, "sampler": "euler", "model": "emoji", "device": "cuda"},
    **{"dtype": "float16", "batch_size": 32, "evaluations": {"own": 50, "shared": 50}, "fingerprints": {}},
}
Units = list[tuple[Sequence[int], float]]


def main(folder: Path) -> None:
    size = PICTURES // (MOST_PER_WORKER * GPUS)
    units: Units = [(range(first, first + size), float(size)) for first in range(0, PICTURES, size)]
    lines = [
        "# A cluster",
        "",
        f"`python -m tests.bench.cluster`: {GPUS:,} simulated GPUs, {PICTURES:,} pictures of about {SECONDS:g} s, by",
        f"chance between half and one and a half of it, in {len(units):,} units. With all GPUs at work until the end",
        f"it would be {PICTURES * SECONDS / GPUS:,.0f} s. In the place of a GPU that dies there is another one after a",
        "minute.",
        "",
        "| die in an hour | died | simulated time, s | beyond the bound | computed twice | schedule, CPU s "
        "| pictures/s of CPU |",
        "| --- " * 7 + "|",
        *(simulated(units, share) for share in (0.0, 0.01, 0.1)),
        "",
        "The process in which a run is started, before its first picture and at its last one, without torch:",
        "",
        "| | CPU s | MiB |",
        "| --- | --- | --- |",
        *in_another_process(prepared),
        "",
        "What it saves of pictures that come encoded with their thumbnails, each with its record, synced to disk; and",
        "what it takes from two actors of Ray on this machine, which compute nothing, and saves. It is the bottleneck,",
        "not the schedule:",
        f"how many GPUs it keeps up with, at {SECONDS:g} s a picture, and how many if the disk took no time:",
        "",
        "| size | saved/s | CPU ms each | taken and saved/s | CPU ms each | keeps up with GPUs | by CPU time alone |",
        "| --- " * 7 + "|",
        *in_another_process(rates, folder),
    ]
    publish("CLUSTER", lines)


def simulated(units: Units, share: float) -> str:
    found = simulate(units, GPUS, SECONDS, share)
    twice, beyond = found.computed / PICTURES - 1, found.makespan / (PICTURES * SECONDS / GPUS) - 1
    return (
        f"| {share:.0%} | {found.deaths} | {found.makespan:,.0f} | {beyond:.1%} | {twice:.2%} | {found.cpu:.1f} "
        f"| {found.computed / found.cpu:,.0f} |"
    )


def in_another_process(call: Callable[..., list[str]], *given: object) -> list[str]:
    """What the call returns in a process that has done nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, given)


def prepared() -> list[str]:
    """Rows: CPU time and memory of what comes before the first picture, and memory with all records."""
    rows, began = [], time.process_time()

    def tell(what: str) -> None:
        nonlocal began
        rows.append(f"| {what} | {time.process_time() - began:.0f} | {resident():,.0f} |")
        began = time.process_time()

    experiments = expand(read_sweep(find_config("scales", "sweep"), SWEEP)[0])
    tell(f"{len(experiments):,} experiments expanded")
    assert Plan(experiments).cost.evaluations
    tell("and planned")
    units = units_for(experiments, GPUS, BATCH_SIZE)
    tell(f"and cut into {len(units):,} units")
    records = [DoneRecord.of(record_of(e.id)) for e in experiments[:RECORDS]]
    tell(f"and {len(records):,} records made")
    return rows


def resident() -> float:
    """Memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def record_of(name: str, side: int = 64) -> dict[str, Any]:
    place = {"image": f"images/{name}.png", "pixels_sha256": "0" * 64}
    return {**RECORD, "evaluations": {"own": 50, "shared": 50}, **place, "id": name, "width": side, "height": side}


def rates(folder: Path) -> list[str]:
    """Rows: pictures of noise a second, by their size."""
    rows, request = [], ClusterRequest(workers=2)
    with ExitStack() as stack:
        count = stack.enter_context(connected(request))
        from tests.support.idle_actors import idle_actors  # imports Ray

        stream = stack.enter_context(idle_actors(request, count))
        for side in (64, 512, 1024):
            picture = encoded_with(Image.effect_noise((side, side), 100).convert("RGB"), thumbs=True)
            saved, of_saved = saving(folder / f"{side}", [picture] * SAVED, side)
            taken, of_taken = saving(folder / f"{side}-taken", stream(picture, SAVED), side)
            cells = f"{saved:.0f} | {of_saved:.1f} | {taken:.0f} | {of_taken:.1f} | {taken * SECONDS:,.0f} "
            cells += f"| {1000 / of_taken * SECONDS:,.0f}"
            rows.append(f"| {side} | {cells} |")
    return rows


def saving(folder: Path, pictures: Iterable[EncodedPicture], side: int) -> tuple[float, float]:
    """Pictures a second, and milliseconds of CPU time for each, after the first one."""
    run, saved, began, cpu = RunFolder(folder), 0, 0.0, 0.0
    run.create()
    for saved, picture in enumerate(pictures):
        made = run.save(picture, record_of(f"{saved:016x}", side))
        assert picture.thumb is not None
        write_thumb(run.page, thumb_name(made), picture.thumb)
        if saved == 0:
            began, cpu = time.monotonic(), time.process_time()
    return saved / (time.monotonic() - began), 1000 * (time.process_time() - cpu) / saved


if __name__ == "__main__":
    in_folder(main)
