"""What a pool does with its actors. In a process of its own, which imports Ray and starts none; actors stand in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.execution.cluster.conftest import with_ray

pytestmark = [pytest.mark.slow, with_ray]

IN_ITS_PROCESS = """
import json
from collections import Counter
from contextlib import suppress

import torch

from cfgsweep.errors import RunFailed, UserError
from cfgsweep.execution.cluster.connect import connected
from cfgsweep.execution.cluster.request import ClusterRequest

with suppress(UserError), connected(ClusterRequest(address="no address")):
    pass

import ray
from ray._private.auto_init_hook import enable_auto_connect

from cfgsweep.execution.cluster.actor import Found, Introduction, Setup
from cfgsweep.execution.cluster.executor import ClusterExecutor
from cfgsweep.execution.cluster.measurer import ClusterMeasurer
from cfgsweep.execution.cluster.pool import ActorPool, Came, Slot, Through
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.reports.metric_calls import FeaturesCall
from cfgsweep.system.display import SilentDisplay


class Method:
    def __init__(self, answer=None):
        self.calls, self.answer = [], answer

    def remote(self, *given):
        self.calls.append(given)
        return self.answer


class Actor:
    def __init__(self, answer=None):
        self.leave, self.held = Method(), Method(answer)


def value_of(reference):
    "What Ray does: it raises what was raised in the actor."
    if isinstance(reference, BaseException):
        raise reference
    return reference


ray.get, ray.wait, ray.kill = value_of, lambda references, **_: (references, []), lambda actor: None
INTRODUCTION = Introduction("host", 1, DeviceKind("NVIDIA H100", "9.0"), ())
FULL = torch.OutOfMemoryError("CUDA out of memory")


def pool_of(*slots):
    pool = ActorPool(ClusterRequest(), Setup("", "cuda", "auto"), len(slots), SilentDisplay())
    pool.slots += slots
    return pool


def left(there=True, refused=False):
    "What a slot's actor is told by `leave`."
    slot = Slot(Actor(), stream=object(), task=1)
    pool = pool_of(slot)
    ray.is_initialized = lambda: there
    if refused:
        pool.refuse(slot, "others")
    pool.leave(slot)
    return slot.actor.leave.calls


def prepared():
    "The actors that are left and those that are prepared, when the first has not memory enough to prepare."
    slots = [Slot(Actor(answer), introduction=INTRODUCTION) for answer in (FULL, "fingerprints")]
    pool, accepted, before = pool_of(*slots), [], []
    pool.prepare("model", "held", (), lambda slot, answer: accepted.append(answer))
    before = [slot.prepared for slot in slots]
    assert list(pool.events()) == []
    return before, [slot.prepared for slot in pool.slots], accepted, pool.refusals


def asked(*answers):
    "The answer to a question; the reason where all actors are refused."
    pool = pool_of(*(Slot(Actor(answer), introduction=INTRODUCTION) for answer in answers))
    try:
        return pool.ask("held")
    except RunFailed as error:
        return error.problem, error.hint


def asked_of_kinds(*kinds):
    "Which actor of a mixed run, which was begun on an H100, is asked; the last one is at work."
    known = [Introduction("host", 1, DeviceKind(kind, None), ()) for kind in kinds]
    pool = pool_of(*(Slot(Actor(place), introduction=one) for place, one in enumerate(known)))
    pool.slots[-1].stream, pool.mixed, pool._kind = Method(), True, DeviceKind("NVIDIA H100", None)
    return pool.ask("held")


def processes():
    "Of two actors and one that was never placed."
    pool = pool_of(*(Slot(Actor(), introduction=known) for known in (INTRODUCTION, None, INTRODUCTION)))
    return ClusterExecutor(None, pool).processes


class Inline:
    "A pool whose actors answer with a picture of the call, the one that was asked last first."

    mixed = False

    def __init__(self, actors):
        self.slots, self.at_work, self.answered = [Slot(None) for _ in range(actors)], {}, 0

    prepare = leave = lambda *_: None

    def kinds(self):
        return Counter({"kind": len(self.slots)})

    def ready(self, key):
        return [slot for slot in self.slots if slot not in self.at_work]

    def begin(self, slot, method, sent):
        self.at_work[slot] = sent

    def events(self):
        slot, sent = self.at_work.popitem()
        for number, (_, pictures) in enumerate(sent):
            self.answered += 1
            yield Came(slot, Found(number, pictures[0]))
        yield Through(slot)


def measured(actors):
    "The answers to calls, and how many of these there were at most that had no answer yet."
    pool, waiting = Inline(actors), []

    def calls():
        for number in range(50):
            waiting.append(number + 1 - pool.answered)
            yield FeaturesCall([number], ("fid", "digits"))

    return list(ClusterMeasurer(pool, lambda: None).answers(calls(), None, {})), max(waiting)


found = {
    "measured": [measured(actors) for actors in (1, 3)],
    "prepared": prepared(),
    "asked": asked(FULL, "native size"),
    "asked of kinds": [
        asked_of_kinds(*kinds)
        for kinds in (("NVIDIA A10", "NVIDIA H100", "NVIDIA A10"), ("NVIDIA A10", "NVIDIA L4", "NVIDIA L4"))
    ],
    "asked in vain": asked(FULL, FULL),
    "processes": processes(),
    "connects by itself": enable_auto_connect,
    "left": left(),
    "left without Ray": left(there=False),
    "left when refused": left(refused=True),
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", IN_ITS_PROCESS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers: dict[str, object] = json.loads(done.stdout)
    return answers


def test_no_call_starts_a_ray_of_its_own(found: dict[str, object]) -> None:
    """A task may be left when the run has ended and its Ray is shut down."""
    assert found["connects by itself"] is False
    assert found["left"] == [[1]]
    assert found["left without Ray"] == found["left when refused"] == []


def test_an_actor_without_memory_for_an_answer_is_used_no_more(found: dict[str, object]) -> None:
    """The batch is not halved for it, and it does not count as prepared."""
    refusal = "it has not memory enough: CUDA out of memory"
    assert found["prepared"] == [[None, None], ["model"], ["fingerprints"], [refusal]]
    assert found["asked"] == "native size"
    assert found["asked in vain"] == ["no worker is left", refusal]


def test_one_kind_answers_what_pictures_are_compared_by(found: dict[str, object]) -> None:
    """In a mixed run, that of the run, if it is there: a search compares the answers about two pictures."""
    assert found["asked of kinds"] == [1, 0]


def test_a_worker_that_was_never_placed_computes_no_batch(found: dict[str, object]) -> None:
    """`batch_seconds` is what a batch takes one process."""
    assert found["processes"] == 2


def test_few_calls_of_metrics_are_in_memory(found: dict[str, object]) -> None:
    """Those of a reference set have its pictures: two for each actor, and answers are in the order of the calls."""
    numbers = list(range(50))
    assert found["measured"] == [[numbers, 2], [numbers, 6]]
