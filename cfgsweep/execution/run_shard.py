"""One of the parts of a sweep that are computed apart, each in a run folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfgsweep.errors import RunFailed
from cfgsweep.execution.computing import compute, say_what_is_there
from cfgsweep.execution.run import Run
from cfgsweep.execution.run_page import RunPage
from cfgsweep.execution.session import RunSession
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.storage.shard_of import ShardOf, run_of_shard
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    from cfgsweep.execution.executor import Executor


def run_shard(
    session: RunSession,
    shard: ShardOf,
    executor: Executor | None,
    sweep: Sweep,
    experiments: Sequence[Experiment],
    metrics: RunMetrics,
) -> Run:
    """Compute the pictures of a shard that are missing, and measure each by itself.

    What is about several pictures is left to `merge`: metrics of groups, the controls of `compare`, and grids. The page
    is written with --live alone.

    experiments: of the whole sweep, without those that a model refuses: so every shard cuts the same list.
    """
    run, part = session.run_folder, shard.of(experiments)
    session.display.say(f"shard {shard}: {len(part):,} of {counted(len(experiments), 'picture')}")
    say_what_is_there(session, part)
    page = RunPage(session, sweep, part)

    def accepted() -> None:
        run.write_sweep(sweep)
        if executor is not None:
            page.begin()

    try:
        failed = compute(session, executor, part, accepted, among=experiments)
        run.sort_records(part)
        metrics.of(part).measure_single(run, session.display)
    except (KeyboardInterrupt, RunFailed):
        session.display.close()
        run.sort_records(part)
        page.stop()
        _say_what_is_next(session, part)
        raise
    session.display.close()
    written = page.end()
    _say_what_is_next(session, part)
    return Run(run, sweep, part, [], [one.experiment for one in failed], written)


def _say_what_is_next(session: RunSession, part: Sequence[Experiment]) -> None:
    left = len(part) - len(session.run_folder.done(part))
    whole = run_of_shard(session.run_folder.folder)
    if left:
        session.display.say(f"{counted(left, 'picture', ('is', 'are'))} still missing in this shard")
    elif whole is not None:
        session.display.say(f"this shard is whole; `cfgsweep merge {whole}` joins those that are there")
