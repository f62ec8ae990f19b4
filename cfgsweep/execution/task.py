"""What an executor computes, as one value that can be sent to another process or machine."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.observer import EngineObserver
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.device_memory import with_room
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True)
class ComputeTask:
    """Experiments of one model and one picture size, and how to compute them.

    It can be pickled, and holds no folder and no display.

    batch_size: rows in every call of the denoiser; it is part of what decides the pixels.
    row_bytes: what a row takes on the device.
    diagnostics: whether pictures come with the numbers of every call. previews: how many x0 they come with.
    thumbs: whether those that are encoded come with thumbnails.
    compute: its workers are the most that are used; how many changes no pixel.
    """

    source: Source
    experiments: tuple[Experiment, ...]
    compute: Compute
    batch_size: int
    row_bytes: int
    diagnostics: bool = False
    previews: int = 0
    thumbs: bool = False

    def of(self, experiments: Iterable[Experiment]) -> ComputeTask:
        """The same for some of the experiments."""
        return replace(self, experiments=tuple(experiments))


def execute(
    task: ComputeTask,
    observer: EngineObserver | None = None,
    denoiser: Denoiser | None = None,
    plan: Plan | None = None,
) -> Generator[Finished | Failed]:
    """Yield the picture of every experiment of the task as it is finished, or the reason why there is none.

    denoiser: the task's model where it is loaded already. plan: the plan of the task's experiments where there is one.

    Raises UserError where the model cannot be loaded or run, and the device's own error where its memory does not
    suffice (see `device_memory.is_out_of_memory`): the task can then be tried again with a smaller batch.
    """
    denoiser = denoiser or load_model(task.source, task.compute)
    weights, _ = denoiser.memory(task.experiments[0].size or denoiser.native_size)
    compute = with_room(task.compute, task.batch_size, weights, task.row_bytes)
    engine = Engine(denoiser, compute, task.batch_size, task.diagnostics, task.previews)
    yield from engine.run(plan or Plan(task.experiments), observer)
