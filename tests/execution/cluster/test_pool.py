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
from contextlib import suppress

from cfgsweep.errors import UserError
from cfgsweep.execution.cluster.connect import connected
from cfgsweep.execution.cluster.request import ClusterRequest

with suppress(UserError), connected(ClusterRequest(address="no address")):
    pass

import ray
from ray._private.auto_init_hook import enable_auto_connect

from cfgsweep.execution.cluster.actor import Setup
from cfgsweep.execution.cluster.pool import ActorPool, Slot
from cfgsweep.system.display import SilentDisplay


class Method:
    def __init__(self):
        self.calls = []

    def remote(self, *given):
        self.calls.append(given)


class Actor:
    def __init__(self):
        self.leave = Method()


def pool_of(*slots):
    pool = ActorPool(ClusterRequest(), Setup("", "cuda", "auto"), len(slots), SilentDisplay())
    pool.slots += slots
    return pool


def left(there=True, refused=False):
    "What a slot's actor is told by `leave`."
    slot = Slot(Actor(), stream=object(), task=1)
    pool = pool_of(slot)
    ray.is_initialized, ray.kill = lambda: there, lambda actor: None
    if refused:
        pool.refuse(slot, "others")
    pool.leave(slot)
    return slot.actor.leave.calls


found = {
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
