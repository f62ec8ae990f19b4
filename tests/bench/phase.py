"""Searches for phase changes against sweeping by hand and against bisection: `python -m tests.bench.phase`.

The cost is the number of calls of the denoiser, because a call of a full batch takes hardly longer than one of two
rows. All three begin with the same scan and locate every transition that the search finds to the same tolerance. The
table is written to PHASE.md beside this file.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cfgsweep.execution.local import LocalExecutor
from cfgsweep.execution.options import Options
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.task import execute
from cfgsweep.phases.axis import Axis
from cfgsweep.phases.driver import PhaseDriver, SearchState
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.search_range import SearchRange
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.system.display import SilentDisplay
from tests.bench.pages import publish
from tests.support.engine_runs import LastTally

ROOT = Path(__file__).parents[2]
SEEDS = [1024, 7, 42, 11]


def main() -> None:
    lines = [
        "# Calls of the denoiser that a search takes",
        "",
        "`python -m tests.bench.phase`: `configs/phase.yaml` on the bundled model. Bisection computes one value after",
        "the other, also in the scan, and then bisects to the 10 %, 50 % and 90 % crossings of every transition.",
        "By hand, one computes 12 pictures between two neighbours, and repeats this until they are as close as the",
        "tolerance.",
        "",
        "| seeds | transitions | values | calls | bisection, calls | times | by hand, calls | times "
        "| after the scan | bisection | times |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(row(seeds) for seeds in ([1024], SEEDS)),
    ]
    publish("PHASE", lines)


def row(seeds: list[int]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        driver, where = search(seeds, Path(folder))
        one_by_one = calls(driver, driver.states[:1], [where.high])
        scan = calls(driver, driver.states, where.scan)
    values = sum(len(state.records) for state in driver.states)
    found = sum(len(state.search.transitions) for state in driver.states)  # type: ignore[attr-defined]
    plain_scan = one_by_one * len(where.scan) * len(seeds)
    bisection = one_by_one * found * 3 * halvings(where)
    by_hand = plain_scan + one_by_one * found * 12 * resweeps(where)
    ours = driver.batches
    cells = [
        ", ".join(map(str, seeds)),
        *(str(number) for number in (found, values, ours)),
        *(str(plain_scan + bisection), f"{(plain_scan + bisection) / ours:.1f}"),
        *(str(by_hand), f"{by_hand / ours:.1f}"),
        *(str(ours - scan), str(bisection), f"{bisection / (ours - scan):.1f}"),
    ]
    return f"| {' | '.join(cells)} |"


def search(seeds: list[int], folder: Path) -> tuple[PhaseDriver, SearchRange]:
    sweep, _ = read_sweep(ROOT / "configs/phase.yaml", [f"seed={seeds}"])
    session = RunSession.begin(sweep, folder, Options(model="emoji"), SilentDisplay())
    bases = session.expand(sweep.model_copy(update={"value": [0.0]}))
    session.run_folder.create()
    assert sweep.phase is not None
    where = SearchRange.of(sweep)
    begin = partial(LineSearch, where.scan, where.tolerance)
    driver = PhaseDriver(LocalExecutor(session), Axis.of("value", bases), begin, bases, sweep.phase.distance)
    driver.run(None, SilentDisplay())
    return driver, where


def calls(driver: PhaseDriver, states: Sequence[SearchState], values: Sequence[float]) -> int:
    """Calls of the denoiser that all these values take together, counted in a run."""
    counted = LastTally()
    experiments = [driver.experiment_at(state, value) for state in states for value in values]
    task = driver.executor.task(experiments)
    list(execute(task, counted, driver.executor.held(task.source).denoiser))
    return counted.tally.batches


def halvings(where: SearchRange) -> int:
    """Bisections of an interval of the scan until it is as small as the tolerance."""
    return math.ceil(math.log2((where.scan[1] - where.scan[0]) / where.tolerance))


def resweeps(where: SearchRange) -> int:
    """Sweeps of 12 values, that is 11 intervals, from one interval of the scan to the tolerance."""
    return math.ceil(math.log((where.scan[1] - where.scan[0]) / where.tolerance, 11))


if __name__ == "__main__":
    main()
