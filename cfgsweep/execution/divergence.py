"""How far apart two experiments are on the way, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cfgsweep.engine.observer import EngineObserver
from cfgsweep.engine.plan import Plan
from cfgsweep.execution.task import ComputeTask, execute
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.threads import one_thread_per_operation
from cfgsweep.sweep.experiment import Experiment

if TYPE_CHECKING:
    from torch import Tensor

Pair = tuple[Experiment, Experiment]
Divergence = list[float]  # after every step


def divergences(
    task: ComputeTask, pairs: Sequence[Pair], denoiser: Denoiser, plan: Plan | None = None
) -> Iterator[Divergence]:
    """For every pair of a task's experiments, the RMS of the difference of their x0 (in latents), step by step.

    The pictures of the task are computed for it, and dropped. Raises as `execute` does.
    """
    traces = _StepTraces(task.experiments)
    for _ in execute(task, traces, denoiser, plan):
        pass
    with one_thread_per_operation(task.compute):
        for before, after in pairs:
            steps = zip(traces.x0[before], traces.x0[after], strict=True)
            yield [float((a - b).square().mean().sqrt()) for a, b in steps]


class _StepTraces(EngineObserver):
    """Keeps for every experiment the x0 of every guided prediction, in the order of the calls."""

    traces_steps = True

    def __init__(self, experiments: Sequence[Experiment]):
        self.x0: dict[Experiment, list[Tensor]] = {e: [] for e in experiments}

    def step_guided(self, experiments: Sequence[Experiment], call: int, x0: Tensor) -> None:
        for e in experiments:
            self.x0[e].append(x0)
