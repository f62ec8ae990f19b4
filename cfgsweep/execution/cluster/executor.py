"""Computes experiments by the actors of a Ray cluster. This process alone writes to the run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cfgsweep.engine.cost import cost
from cfgsweep.engine.observer import EngineObserver, Tally
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.engine.units import units_for
from cfgsweep.errors import RunFailed
from cfgsweep.execution.cluster.actor import Answer, Found
from cfgsweep.execution.cluster.mixed_schedule import MixedSchedule
from cfgsweep.execution.cluster.pool import ActorPool, Slot
from cfgsweep.execution.cluster.schedule import Item, Schedule
from cfgsweep.execution.cluster.spread import spread
from cfgsweep.execution.divergence import Divergence, Pair
from cfgsweep.execution.executor import Executor
from cfgsweep.execution.held_model import Memory
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.task import ComputeTask
from cfgsweep.models.device import Compute
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.machine import Machine
from cfgsweep.models.source import Source
from cfgsweep.sweep.experiment import Experiment

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


class ActorMachine(Machine):
    """The machine of an actor: this one may have no GPU, or another."""

    def __init__(self, pool: ActorPool):
        self.pool = pool

    def here_like(self, device: str) -> str | None:
        found: str | None = self.pool.ask("machine", "here_like", device)
        return found

    def choose(self, device: str, dtype: str) -> Compute:
        found: Compute = self.pool.ask("machine", "choose", device, dtype)
        return found

    def describe(self, compute: Compute) -> str:
        return self.pool.kind().name

    def capability(self, compute: Compute) -> str | None:
        return self.pool.kind().capability


class ActorHeld:
    """A model that is loaded by whichever actor has nothing else to do."""

    def __init__(self, pool: ActorPool, source: Source, compute: Compute):
        self.pool, self.source, self.compute = pool, source, compute
        self.checked: Sequence[Experiment] = ()
        self.names: tuple[Sequence[str], Sequence[str], Sequence[Source]] = (), (), ()
        self.found: Mapping[str, str] = {}
        self._native_size: tuple[int, int] | None = None

    def _ask(self, question: str, *given: object) -> Any:
        return self.pool.ask("held", self.source, self.compute, question, *given)

    def native_size(self) -> tuple[int, int]:
        self._native_size = self._native_size or self._ask("native_size")
        return self._native_size

    def check(self, experiments: Sequence[Experiment]) -> list[str]:
        self.checked = representatives(experiments)
        notices: list[str] = self._ask("check", self.checked)
        return notices

    def refusal(self, experiment: Experiment) -> str | None:
        reason: str | None = self._ask("refusal", experiment)
        return reason

    def fingerprints(self, models: Sequence[str], files: Sequence[str], sources: Sequence[Source]) -> Mapping[str, str]:
        self.names = models, files, sources
        self.found = self._ask("fingerprints", *self.names)
        return self.found

    def sampled_fingerprint(self, name: str) -> str:
        return str(self._ask("sampled_fingerprint", name))

    def memory(self, like: Experiment, known: int | None) -> Memory:
        found: Memory = self._ask("memory", like, known)
        return found

    def fitting_batch(self, most: int, weights: int, row: int) -> int:
        """The batch that fits on devices of every kind: all pictures of a run have the same."""
        return min(self.pool.ask_each_kind("held", self.source, self.compute, "fitting_batch", most, weights, row))

    def encode_picture(self, image: Image.Image) -> Tensor:
        latents: Tensor = self._ask("encode_picture", image)
        return latents

    def features(self, image: Image.Image) -> Tensor:
        found: Tensor = self._ask("features", image)
        return found

    def prepare_others(self) -> None:
        """Have actors load and check the model that did not. Those whose files are others are not used."""
        accept = partial(self._accept, self.found)
        self.pool.prepare(self, "prepare", (self.source, self.compute, self.checked, self.names), accept)

    def _accept(self, expected: Mapping[str, str], slot: Slot, found: Mapping[str, str]) -> None:
        changed = [name for name, fingerprint in expected.items() if found.get(name) != fingerprint]
        if changed:
            self.pool.refuse(slot, f"its files of {', '.join(changed)} are others than those of the first worker")


class ClusterExecutor(Executor):
    """Computes by actors, of which each has a model and an engine."""

    def __init__(self, session: RunSession, pool: ActorPool):
        super().__init__(session)
        self.pool = pool
        self._held: dict[Source, ActorHeld] = {}

    @property
    def processes(self) -> int:
        """Those that have started: more may be asked for than the cluster has room for."""
        return max(1, self.pool.kinds().total())

    def held(self, source: Source) -> ActorHeld:
        if source not in self._held:
            self._held[source] = ActorHeld(self.pool, source, self.session.settings.compute)
        return self._held[source]

    def check(self, source: Source, plan: Plan) -> None:
        for notice in self.held(source).check(plan.experiments):
            self.session.notice_once(notice)

    def results(self, task: ComputeTask, plan: Plan, observer: EngineObserver) -> Iterator[Finished | Failed]:
        """Results as they come. Raises MemoryError where an actor's device has no room for the batch."""
        units = units_for(task.experiments, self.pool.count, task.batch_size)
        schedule = self._schedule([(one.experiments, float(one.evaluations)) for one in units], StartKey.of)
        for e, answer in spread(self.pool, schedule, _Pictures(self.held(task.source), task, observer)):
            yield Failed(e, answer) if isinstance(answer, str) else _result(e, answer)

    def _schedule(
        self, units: Sequence[tuple[Sequence[Item], float]], root_of: Callable[[Item], StartKey]
    ) -> Schedule[Item, Slot] | MixedSchedule[Item, Slot, StartKey, DeviceKind]:
        session = self.session
        if not session.settings.environment.mixed:
            return Schedule(units)
        return MixedSchedule(units, root_of, session.kind_of_roots, self.pool, session.display.notice)

    def workers(self) -> int:
        return self.session.settings.compute.workers * self.pool.count

    def divergences_of(self, task: ComputeTask, pairs: Sequence[Pair], plan: Plan) -> Iterator[tuple[Pair, Divergence]]:
        units = [([pair], float(cost(pair).evaluations)) for pair in pairs]
        schedule = self._schedule(units, lambda pair: StartKey.of(pair[0]))
        for pair, found in spread(self.pool, schedule, _Divergences(self.held(task.source), task)):
            if isinstance(found, str):
                raise RunFailed(found, hint="the same command goes on from here")
            yield pair, found.value


class _Pictures:
    """Computing the pictures of a task."""

    method = "compute"

    def __init__(self, held: ActorHeld, task: ComputeTask, observer: EngineObserver):
        self.needs, self.task, self.observer, self.tally = held, task, observer, Tally()

    def prepare_others(self) -> None:
        self.needs.prepare_others()

    def given(self, items: Sequence[Experiment]) -> tuple[ComputeTask]:
        return (self.task.of(items),)

    def came(self, message: Answer) -> None:
        self.tally.evaluations += message.evaluations
        self.tally.batches += message.batches
        self.observer.batch_done(self.tally)


class _Divergences:
    """Computing how far apart pairs of a task's experiments are on the way."""

    method = "divergences"

    def __init__(self, held: ActorHeld, task: ComputeTask):
        self.needs, self.task = held, task

    def prepare_others(self) -> None:
        self.needs.prepare_others()

    def given(self, items: Sequence[Pair]) -> tuple[ComputeTask, Sequence[Pair]]:
        return self.task.of(dict.fromkeys(e for pair in items for e in pair)), items

    def came(self, message: Found) -> None:
        """There is no progress to tell of."""


def _result(e: Experiment, answer: Answer) -> Finished | Failed:
    if isinstance(answer.picture, str):
        return Failed(e, answer.picture)
    return Finished(e, answer.picture, answer.diagnostics, answer.previews, answer.kind)


def representatives(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Some of the experiments that a model has to be checked with: others differ in seeds and scales alone."""
    found: dict[object, Experiment] = {}
    for e in experiments:
        key = (e.conditions, StartKey.of(e).sampling, e.vae, e.guider, e.performed_steps, bool(e.start or e.fork))
        found.setdefault(key, e)
    return list(found.values())
