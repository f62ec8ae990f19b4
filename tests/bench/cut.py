"""Ways to cut a sweep into shards, by what is lost and how much faster it is: `python -m tests.bench.cut`.

Nothing is computed, and torch is not imported. The table goes to CUT.md beside this file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from cfgsweep.engine.cost import cost
from cfgsweep.engine.cut import cut
from cfgsweep.engine.prefix_tree import group_by_start
from cfgsweep.engine.units import least_batches, loads, longest_way
from cfgsweep.execution.shipped_configs import find_config
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from tests.bench.pages import publish

BATCH_SIZE = 8  # rows
LARGE = ["label={range: [0, 9, 1]}", "seed={range: [0, 2047, 1]}", "zip=[]"]  # of scales: 102,400 experiments
SWEEPS = {
    "windows": ("windows", [], (2, 8)),
    "tnorm": ("tnorm", [], (8,)),
    "scales": ("scales", [], (8, 64)),
    "windows, 16 seeds": ("windows", ["seed={range: [0, 15, 1]}"], (8, 64)),
}


def every_kth(experiments: Sequence[Experiment], shards: int) -> list[int]:
    """`i % k`: the evaluations of every shard."""
    return [cost(experiments[number::shards]).evaluations for number in range(shards)]


def grid_blocks(experiments: Sequence[Experiment], shards: int) -> list[int]:
    """Consecutive experiments, in the order of the sweep, as many in each shard."""
    ends = [len(experiments) * number // shards for number in range(shards + 1)]
    return [cost(experiments[begin:end]).evaluations for begin, end in pairwise(ends)]


def whole_starts(experiments: Sequence[Experiment], shards: int) -> list[int]:
    """All experiments that begin as one trajectory stay together; the largest of these groups come first."""
    return loads([cost(group).evaluations for group in group_by_start(experiments).values()], shards)


def depth_first(experiments: Sequence[Experiment], shards: int) -> list[int]:
    """What `--shard` does."""
    return [shard.evaluations for shard in cut(experiments, shards)]


WAYS: dict[str, Callable[[Sequence[Experiment], int], list[int]]] = {
    "`i % k`": every_kth,
    "grid blocks": grid_blocks,
    "starts kept whole": whole_starts,
    "depth first, as cfgsweep does": depth_first,
}


def main() -> None:
    lines = [
        "# Cutting a sweep into shards",
        "",
        "`python -m tests.bench.cut`: evaluations that are taken more than once, and how many times fewer the largest",
        f"shard takes than one process; in parentheses the same in batches of {BATCH_SIZE} rows, of which no shard has",
        "fewer than one picture has calls.",
        "",
        f"| sweep | starts | evaluations | shards | {' | '.join(WAYS)} |",
        "| --- " * (4 + len(WAYS)) + "|",
        *(row for name in SWEEPS for row in rows(name)),
        "",
        *large(),
    ]
    publish("CUT", lines)


def rows(name: str) -> Iterator[str]:
    config, overrides, counts = SWEEPS[name]
    experiments = expand(read_sweep(find_config(config, "sweep"), overrides)[0])
    starts, calls, whole = len(group_by_start(experiments)), longest_way(experiments), cost(experiments).evaluations
    for count in counts:
        cells = (_cell(way(experiments, count), whole, calls) for way in WAYS.values())
        yield f"| {name} | {starts} | {whole:,} | {count} | {' | '.join(cells)} |"


def _cell(shards: Sequence[int], whole: int, calls: int) -> str:
    batches = [least_batches(evaluations, calls, BATCH_SIZE) for evaluations in (whole, max(shards))]
    return f"+{sum(shards) / whole - 1:.1%}, {whole / max(shards):.1f}x ({batches[0] / batches[1]:.1f}x)"


def large() -> list[str]:
    """How long it takes to cut a large sweep."""
    experiments = expand(read_sweep(find_config("scales", "sweep"), LARGE)[0])
    began = time.process_time()
    shards = cut(experiments, 64)
    seconds, lost = time.process_time() - began, sum(one.evaluations for one in shards) - cost(experiments).evaluations
    return [f"{len(experiments):,} experiments into 64 shards: {seconds:.1f} s of CPU time, {lost:,} evaluations lost."]


if __name__ == "__main__":
    main()
