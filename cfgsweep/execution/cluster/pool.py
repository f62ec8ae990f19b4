"""The actors of a run: which have started, what each is doing, and new ones in place of those that are lost."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from cfgsweep.errors import RunFailed, UserError, shorten
from cfgsweep.execution.cluster.actor import Introduction, ModelActor, Setup
from cfgsweep.execution.cluster.answers import reason_of, value_of
from cfgsweep.execution.cluster.head import HeadWatch
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.models import device_memory
from cfgsweep.models.device import cores
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.storage.environment import versions
from cfgsweep.system.display import Display
from cfgsweep.system.wording import counted

MOST_FAILED_STARTS = 3  # of one place, in a row
PATIENCE = 60  # seconds after which it is told that no actor has started
POLL = 1.0  # seconds
STRAGGLERS = 10.0  # seconds that are waited for further actors before the kind of device is settled


@dataclass(eq=False)
class Slot:
    """A place for an actor. It has work only after its actor has answered a first question.

    question: that was asked and not answered yet, with what is called with the answer. prepared: what the actor was
    last prepared for. stream: answers to its task. task: the number of the task; None where the rest is not wanted.
    """

    actor: Any
    question: Any = None
    then: Callable[[Slot, Any], None] | None = None
    introduction: Introduction | None = None
    prepared: object = None
    stream: Any = None
    task: int | None = None
    failed_starts: int = 0

    @property
    def idle(self) -> bool:
        return self.introduction is not None and self.question is None and self.stream is None

    @property
    def name(self) -> str:
        if self.introduction is None:
            return "a worker that had not started"
        return f"worker {self.introduction.process} on {self.introduction.host}"


@dataclass(frozen=True)
class Through:
    """A slot's task has ended."""

    slot: Slot


@dataclass(frozen=True)
class Lost:
    """A slot's actor is gone, with its task."""

    slot: Slot


@dataclass(frozen=True)
class Came:
    """A message of a slot's task."""

    slot: Slot
    message: Any


Event = Came | Through | Lost


@dataclass
class ActorPool:
    """Actors that answer questions and compute tasks."""

    request: ClusterRequest
    setup: Setup
    count: int
    display: Display
    slots: list[Slot] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tasks: int = 0
    mixed: bool = False
    _kind: DeviceKind | None = None
    _waited: bool = False

    def __post_init__(self) -> None:
        self._head = HeadWatch(self.display.notice)

    @classmethod
    def start(cls, request: ClusterRequest, count: int, device: str, dtype: str, display: Display) -> ActorPool:
        """Ask the cluster for actors."""
        workers = request.workers
        threads = max(1, cores() // workers) if workers is not None and request.is_local else 1
        setup = Setup(os.getcwd(), device, dtype, threads, workers if request.is_local else None)
        pool = cls(request, setup, count, display)
        for _ in range(count):
            slot = Slot(pool._new_actor())
            pool.slots.append(slot)
            pool._ask_introduction(slot)
        return pool

    def close(self) -> None:
        """End all actors."""
        for slot in self.slots:
            ray.kill(slot.actor)
        self.slots.clear()

    # Kinds of device ----------------------------------------------------------------------------------------------

    def kind(self) -> DeviceKind:
        """The device's name and capability of the run; those of most of the actors, until `settle_kind`."""
        if self._kind is not None:
            return self._kind
        if not self._waited:
            self._waited = True
            self.wait_for_introductions(STRAGGLERS)
        return self.kinds().most_common(1)[0][0]

    def kinds(self) -> Counter[DeviceKind]:
        """How many actors there are of each kind."""
        return Counter(slot.introduction.kind for slot in self.slots if slot.introduction)

    def kind_of(self, slot: Slot) -> DeviceKind:
        """Of an actor that has started."""
        assert slot.introduction is not None
        return slot.introduction.kind

    def settle_kind(self, before: DeviceKind | None, mixed: bool = False) -> None:
        """Use actors of one kind alone: that of pictures that are there already, else that of most actors.

        mixed: use actors of all kinds; that of the run is the one with which it was begun.
        """
        if self._kind is not None:
            return
        most, self.mixed = self.kind(), mixed
        self._kind = before if before and (mixed or before in self.kinds()) else most
        for slot in list(self.slots):
            if slot.introduction is not None:
                self._check_kind(slot, slot.introduction)

    def _check_kind(self, slot: Slot, introduction: Introduction) -> None:
        if self._kind is not None and not self.mixed and introduction.kind != self._kind:
            self.refuse(slot, f"its device is {introduction.kind}, that of the run is {self._kind}")

    # Questions ----------------------------------------------------------------------------------------------------

    def ask(self, method: str, *given: object) -> Any:
        """What an idle actor answers, or raises. Another is asked where one is lost or has not memory enough."""
        for _ in range(MOST_FAILED_STARTS):
            slot = self.wait_for_idle()
            try:
                return value_of(getattr(slot.actor, method).remote(*given))
            except Exception as error:
                self._without_answer(slot, error)
        raise RunFailed("workers are lost when they are asked about the model", hint="is there memory enough for it?")

    def ask_each_kind(self, method: str, *given: object) -> list[Any]:
        """What idle actors answer, one of each kind."""
        first = self.wait_for_idle()
        asked = {self.kind_of(slot): slot for slot in [*self.slots, first] if slot.idle}
        found = []
        for slot in asked.values():
            try:
                found.append(value_of(getattr(slot.actor, method).remote(*given)))
            except Exception as error:
                self._without_answer(slot, error)
        return found or [self.ask(method, *given)]

    def prepare(self, key: object, method: str, given: tuple[object, ...], accept: Callable[[Slot, Any], None]) -> None:
        """Have idle actors prepared that were not for this before.

        key: of what they are prepared for. method: that prepares, with what is given. accept: gets its answer.
        """

        def prepared(slot: Slot, answer: Any) -> None:
            slot.prepared, slot.failed_starts = key, 0
            accept(slot, answer)

        for slot in self.slots:
            if slot.idle and slot.prepared != key:
                slot.question, slot.then = getattr(slot.actor, method).remote(*given), prepared

    def refuse(self, slot: Slot, reason: str) -> None:
        """Use this actor no more, and say why."""
        self.display.notice(f"{slot.name} is not used: {reason}")
        self.refusals.append(reason)
        self.slots.remove(slot)
        ray.kill(slot.actor)

    def _without_answer(self, slot: Slot, error: Exception) -> None:
        """Replace an actor that is lost, and use one no more that has not memory enough. Raises other errors."""
        if isinstance(error, RayError):
            self._replace(slot, error)
        elif device_memory.is_out_of_memory(error):
            self.refuse(slot, f"it has not memory enough: {shorten(str(error), 160)}")
        else:
            raise error

    def wait_for_idle(self) -> Slot:
        """An actor that has nothing to do, as soon as there is one; results that nobody waits for are dropped."""
        began, told = time.monotonic(), False
        while True:
            # Of several kinds always the run's, if it is there: answers about two pictures have to be comparable.
            others = self.mixed and self._kind in self.kinds()
            for slot in self.slots:
                if slot.idle and not (others and self.kind_of(slot) != self._kind):
                    return slot
            for _ in self.events():
                pass
            if not told and time.monotonic() - began > PATIENCE and not any(slot.introduction for slot in self.slots):
                told = True
                none = f"none of {counted(len(self.slots), 'worker')} has started within {PATIENCE} s"
                needed = "GPUs" if self.request.workers is None else "CPUs"
                self.display.notice(f"{none}: they wait for {needed} of the cluster that are free, or join it")

    def wait_for_introductions(self, seconds: float) -> None:
        """Wait until all have started, or for so long after the first."""
        self.wait_for_idle()
        deadline = time.monotonic() + seconds
        while any(slot.introduction is None for slot in self.slots) and time.monotonic() < deadline:
            for _ in self.events():
                pass

    # Tasks --------------------------------------------------------------------------------------------------------

    def ready(self, key: object) -> Iterator[Slot]:
        """Idle actors that are prepared."""
        return (slot for slot in list(self.slots) if slot.idle and slot.prepared == key)

    def begin(self, slot: Slot, method: str, *given: object) -> None:
        """Have an actor do what a method gives messages of. It is called with the task's number, and what is given."""
        self.tasks += 1
        slot.task = self.tasks
        slot.stream = getattr(slot.actor, method).options(num_returns="streaming").remote(self.tasks, *given)

    def leave(self, slot: Slot) -> None:
        """Have a slot's task end; what still comes of it is dropped. Nothing happens where its actor is gone already.

        With Ray shut down, a call of an actor would start another Ray.
        """
        if ray.is_initialized() and slot in self.slots and slot.stream is not None and slot.task is not None:
            slot.actor.leave.remote(slot.task)
            slot.task = None

    def events(self) -> Iterator[Event]:
        """What has happened, after a second at most. Answers to questions are dealt with here."""
        waiting = {one: slot for slot in self.slots for one in (slot.question, slot.stream) if one is not None}
        if not waiting and self.mixed and self.slots:  # all are idle, and what is left waits for another kind
            time.sleep(POLL)
            return
        if not waiting:
            raise RunFailed("no worker is left", hint="; ".join(dict.fromkeys(self.refusals)))
        ready, _ = ray.wait(list(waiting), timeout=POLL, fetch_local=False)
        if ready:
            ready, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0, fetch_local=False)
        for one in ready:
            slot = waiting[one]
            if slot not in self.slots:
                continue
            try:
                yield from self._answered(slot) if one == slot.question else self._streamed(slot)
            except RayError as error:
                was_at_work = slot.stream is not None
                self._replace(slot, error)
                if was_at_work:
                    yield Lost(slot)

    def _answered(self, slot: Slot) -> Iterator[Event]:
        question, then = slot.question, slot.then
        try:
            answer = value_of(question)
        except UserError as error:
            self.refuse(slot, error.problem)
            if not self.slots:
                raise
            return
        except (RuntimeError, MemoryError) as error:
            self._without_answer(slot, error)
            return
        finally:
            slot.question = slot.then = None
        if then is not None:
            then(slot, answer)
        yield from ()

    def _streamed(self, slot: Slot) -> Iterator[Event]:
        wanted = slot.task is not None
        try:
            message = value_of(next(slot.stream))
        except StopIteration:
            slot.stream = slot.task = None
            yield Through(slot)
            return
        if wanted:
            yield Came(slot, message)

    # Actors -------------------------------------------------------------------------------------------------------

    def _new_actor(self) -> Any:
        on_cpu = self.request.workers is not None
        needs = {"num_cpus": self.setup.threads} if on_cpu else {"num_cpus": 0, "num_gpus": 1}
        return ray.remote(ModelActor).options(max_concurrency=2, **needs).remote(self.setup)

    def _ask_introduction(self, slot: Slot) -> None:
        slot.question, slot.then = slot.actor.introduce.remote(), self._introduced

    def _introduced(self, slot: Slot, introduction: Introduction) -> None:
        slot.introduction = introduction
        others = [f"{name} {theirs}" for name, theirs in introduction.versions if versions().get(name) != theirs]
        if others:
            ours = ", ".join(f"{name} {versions()[name]}" for name in (other.split()[0] for other in others))
            self.refuse(slot, f"it has {', '.join(others)}, here are {ours}")
            return
        self._check_kind(slot, introduction)

    def _replace(self, slot: Slot, error: RayError) -> None:
        """Have a new actor in the place of one that is lost, or cannot be reached."""
        self._head.look(ray.get_runtime_context().gcs_address)
        if slot.introduction is not None:
            self.display.notice(f"{slot.name} is lost, and others do its work: {reason_of(error)}")
        ray.kill(slot.actor)
        slot.failed_starts += 1
        slot.introduction = slot.question = slot.then = slot.prepared = slot.stream = slot.task = None
        if slot.failed_starts >= MOST_FAILED_STARTS:
            self.refuse(slot, f"it was lost {MOST_FAILED_STARTS} times while it started: {reason_of(error)}")
            return
        slot.actor = self._new_actor()
        self._ask_introduction(slot)
