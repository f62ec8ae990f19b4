"""What runs in each process of a cluster: a model on its device, and the engine."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from cfgsweep.engine.diagnostics import Diagnostics
from cfgsweep.engine.observer import EngineObserver, Tally
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.execution.cluster.actor_metrics import ActorMetrics, MetricsSetup, SentCall
from cfgsweep.execution.divergence import Pair, divergences
from cfgsweep.execution.encoding import encoded_ahead, encoded_with
from cfgsweep.execution.held_model import HeldModel
from cfgsweep.execution.task import ComputeTask, execute
from cfgsweep.models import device_memory
from cfgsweep.models.device import Compute, cores
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.load import load_model
from cfgsweep.models.machine import Machine
from cfgsweep.models.source import Source
from cfgsweep.models.video import EncodedPicture
from cfgsweep.reports.metric_calls import Key
from cfgsweep.storage.environment import versions
from cfgsweep.storage.png import encoded
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.quiet import quiet_libraries

Result = TypeVar("Result")


@dataclass(frozen=True)
class Setup:
    """What an actor is told at its start.

    folder: the driver's current folder, to which paths of models are relative. device, dtype: as asked for.
    threads: its share of a CPU's cores. sharers: actors on one CPU's memory; None where their number is not known.
    """

    folder: str
    device: str
    dtype: str
    threads: int = 1
    sharers: int | None = 1


@dataclass(frozen=True)
class Introduction:
    """Where an actor is, and what decides the last bits of its pictures beside the model."""

    host: str
    process: int
    kind: DeviceKind
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """One experiment's picture, or why there is none, and the work since the answer before.

    number: the experiment's place in the task. kind: of the device.
    """

    number: int
    kind: DeviceKind
    picture: EncodedPicture | str
    diagnostics: Diagnostics | None
    previews: EncodedPicture | None
    evaluations: int
    batches: int


@dataclass(frozen=True)
class Found:
    """What was found for one item. number: its place among those given."""

    number: int
    value: Any


@dataclass(frozen=True)
class OutOfMemory:
    """The device's memory does not suffice for the task's batch."""

    text: str


class ModelActor:
    """The model that was used last stays loaded. The device may not have memory enough for it and metrics together:
    metrics then take its place, and a model that is loaded takes theirs.
    """

    def __init__(self, setup: Setup):
        self.setup = setup
        self._held: HeldModel | None = None
        self._metrics: ActorMetrics | None = None
        self._metrics_setup: MetricsSetup | None = None
        self._left: set[int] = set()
        with suppress(OSError):  # another machine may not have it, nor need it
            os.chdir(setup.folder)

    def introduce(self) -> Introduction:
        machine = Machine()
        compute = machine.choose(self.setup.device, self.setup.dtype)
        known = tuple(versions().items())
        return Introduction(platform.node(), os.getpid(), machine.kind(compute), known)

    def machine(self, question: str, *given: object) -> object:
        """What a method of `Machine` says here."""
        found = getattr(Machine(), question)(*given)
        return self._share(found) if isinstance(found, Compute) else found

    def held(self, source: Source, compute: Compute, question: str, *given: object) -> object:
        """What a method of the `HeldModel` says."""
        with quiet_libraries("torch"):
            return getattr(self._held_of(source, compute), question)(*given)

    def prepare(
        self,
        source: Source,
        compute: Compute,
        experiments: Sequence[Experiment],
        names: tuple[Sequence[str], Sequence[str], Sequence[Source]],
    ) -> dict[str, str]:
        """Load a model and check it with the experiments; returns its fingerprints, by the names."""
        self._metrics = None  # free their memory for batches; `prepare_metrics` makes them anew in any case
        with quiet_libraries("torch"):
            held = self._held_of(source, compute)
            held.check(experiments)
            return held.fingerprints(*names)

    def compute(self, number: int, task: ComputeTask) -> Iterator[Answer | OutOfMemory]:
        """Compute a task, until `leave` is called with its number."""
        held = self._held_of(task.source, task.compute)
        numbers = {experiment: place for place, experiment in enumerate(task.experiments)}
        task, counter, kind = replace(task, compute=held.compute), _Counter(), Machine().kind(held.compute)
        found = encoded_ahead(execute(task, counter, held.denoiser), task.thumbs)
        with quiet_libraries("torch"), closing(found) as results:
            try:
                for result in results:
                    yield _answer(numbers[result.experiment], kind, result, counter, task.thumbs)
                    if number in self._left:
                        return
            except (RuntimeError, MemoryError) as error:
                if not device_memory.is_out_of_memory(error):
                    raise
                text = str(error)
            else:
                return
        device_memory.release_memory(task.compute)
        yield OutOfMemory(text)

    def divergences(self, number: int, task: ComputeTask, pairs: Sequence[Pair]) -> Iterator[Found]:
        """See `divergences`; of all pairs together, so that `leave` has no effect."""
        held = self._held_of(task.source, task.compute)
        with quiet_libraries("torch"):
            for place, found in enumerate(divergences(replace(task, compute=held.compute), pairs, held.denoiser)):
                yield Found(place, found)

    def prepare_metrics(self, setup: MetricsSetup) -> dict[Key, dict[str, str]]:
        """Make metrics, and load what they compute with; returns what their numbers depend on."""
        self._metrics, self._metrics_setup = None, setup  # free their memory first
        with quiet_libraries("torch"):
            return self._made_metrics().provenance()

    def measure(self, number: int, calls: Sequence[SentCall]) -> Iterator[Found]:
        """Make calls of the metrics, until `leave` is called with this number."""
        with quiet_libraries("torch"):
            metrics = self._made_metrics()
            for place, (call, sent) in enumerate(calls):
                yield Found(place, self._with_room(partial(metrics.answer, call, sent)))
                if number in self._left:
                    return

    def leave(self, number: int) -> None:
        """Compute no more of this task."""
        self._left.add(number)

    def _made_metrics(self) -> ActorMetrics:
        """The metrics, made again where a model has taken their place."""
        if self._metrics is None:
            assert self._metrics_setup is not None
            device = Machine().choose(self.setup.device, self.setup.dtype).device
            self._metrics = self._with_room(partial(ActorMetrics, self._metrics_setup, device))
        return self._metrics

    def _with_room(self, found: Callable[[], Result]) -> Result:
        """What a function returns; where memory does not suffice, it is called again without the model."""
        try:
            return found()
        except (RuntimeError, MemoryError) as error:
            if self._held is None or not device_memory.is_out_of_memory(error):
                raise
        compute, self._held = self._held.compute, None
        device_memory.release_memory(compute)
        return found()

    def _held_of(self, source: Source, compute: Compute) -> HeldModel:
        compute = self._share(compute)
        if self._held is None or self._held.source != source:
            self._held = self._metrics = None  # free their memory first
            self._held = HeldModel(source, compute, load_model(source, compute))
        return self._held

    def _share(self, compute: Compute) -> Compute:
        if compute.device != "cpu":
            return compute
        sharers = self.setup.sharers or max(1, cores() // self.setup.threads)
        return replace(compute, workers=self.setup.threads, sharers=sharers)


class _Counter(EngineObserver):
    """The work since it was last taken."""

    def __init__(self) -> None:
        self.now, self.taken = (0, 0), (0, 0)

    def batch_done(self, tally: Tally) -> None:
        self.now = tally.evaluations, tally.batches

    def take(self) -> tuple[int, int]:
        (evaluations, batches), before = self.now, self.taken
        self.taken = self.now
        return evaluations - before[0], batches - before[1]


def _answer(number: int, kind: DeviceKind, result: Finished | Failed, counter: _Counter, thumbs: bool) -> Answer:
    if isinstance(result, Failed):
        return Answer(number, kind, result.reason, None, None, *counter.take())
    previews = None if result.previews is None else encoded(result.previews)
    return Answer(number, kind, encoded_with(result.image, thumbs), result.diagnostics, previews, *counter.take())
