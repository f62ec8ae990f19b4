"""Computes the pictures of a run that are missing, and says how that went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cfgsweep.execution.session import RunSession
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    from cfgsweep.engine.results import Failed
    from cfgsweep.execution.executor import Executor


def say_what_is_there(session: RunSession, experiments: Sequence[Experiment], unit: str = "picture") -> None:
    """Say how many of the experiments have their pictures already. unit: what is counted."""
    if done := session.run_folder.done(experiments):
        session.display.say(f"{len(done):,} of {counted(len(experiments), unit, ('was', 'were'))} there already")


def compute(
    session: RunSession,
    executor: Executor | None,
    experiments: Sequence[Experiment],
    accepted: Callable[[], None] = lambda: None,
    unit: str = "picture",
    among: Sequence[Experiment] | None = None,
) -> Sequence[Failed]:
    """Compute the pictures that are missing, and return those that could not be.

    accepted: called unless a model refuses the experiments. unit: what is counted. among: all experiments of the sweep,
    where these are a part of them.
    """
    if executor is None:
        accepted()
        return ()
    from cfgsweep.execution.job import share_saved

    with quiet_libraries("torch"):
        summary = executor.run(experiments, unit=f"{unit}s", accepted=accepted, among=among)
    if summary.pictures:
        session.display.say(
            f"{counted(summary.pictures, unit)} in {summary.seconds:.1f} s, "
            f"{counted(summary.evaluations, 'evaluation')}. "
            f"One by one it would have been {summary.planned.unshared}: {share_saved(summary.planned)}."
        )
    return summary.failed
