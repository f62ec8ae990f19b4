"""Actors of other kinds than the run's are not used. In a process of its own, which imports Ray; actors stand in."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.execution.cluster.conftest import with_ray

POOL = """
from contextlib import suppress
from types import SimpleNamespace

import ray
from cfgsweep.execution.cluster.actor import Introduction, Setup
from cfgsweep.execution.cluster.pool import ActorPool, Slot
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.cluster.workplace import ClusterWorkplace
from cfgsweep.storage.environment import Environment, versions
from cfgsweep.storage.records import EnvironmentRecord
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.system.display import SilentDisplay

ray.kill = lambda actor: print("ended", actor)
pool = ActorPool(ClusterRequest(), Setup("", "cuda", "auto"), 4, SilentDisplay())
pool.slots += [Slot(name) for name in ("a", "b", "c", "d")]
here = tuple(versions().items())


def introduce(place, device, known=here):
    pool._introduced(pool.slots[place], Introduction("host", 1, device, known))


def session_of(kind):
    begun_on = {"device": "cuda", "device_name": kind.name, "capability": kind.capability}
    found = EnvironmentRecord(dtype="float16", models={}, **begun_on)
    return SimpleNamespace(settings=SimpleNamespace(environment=Environment(found, pool.display)))


H100, A10 = DeviceKind("NVIDIA H100", "9.0"), DeviceKind("NVIDIA A10", "8.6")
"""
CASES = {
    "most": (
        "introduce(0, A10); introduce(1, H100); introduce(2, H100); pool.slots.pop(); pool.settle_kind(None)",
        "bc",
    ),
    "of the pictures that are there": (
        "introduce(0, A10); introduce(1, H100); introduce(2, H100); pool.slots.pop(); pool.settle_kind(A10)",
        "a",
    ),
    "that comes later": (
        "[introduce(place, H100) for place in range(3)]; last = pool.slots.pop(); pool.settle_kind(A10)\n"
        "pool.slots.append(last); introduce(3, A10)",
        "abc",
    ),
    "of the pictures that are there, which are measured first": (
        "introduce(0, A10); introduce(1, H100); introduce(2, H100); pool.slots.pop()\n"
        "measurer = ClusterWorkplace(pool).measurer(session_of(A10))\n"
        "with suppress(AttributeError): next(measurer.answers([None], None, {}))",
        "a",
    ),
    "with other versions": ("introduce(1, H100, (*here[:-1], ('pillow', '1.0')))", "acd"),
}


ALL = """
import contextlib, io, json, sys
found = {}
for name, code in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        exec(code, {})
    found[name] = out.getvalue(), err.getvalue()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[str, str]]:
    """What each case printed, and wrote to its error output."""
    left = "print('left', *(slot.actor for slot in pool.slots))"
    given = json.dumps({name: f"{POOL}\n{code}\n{left}" for name, (code, _) in CASES.items()})
    done = subprocess.run([sys.executable, "-c", ALL], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[str, str]] = json.loads(done.stdout)
    return found


@with_ray
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_one_kind_computes(said: dict[str, tuple[str, str]], case: str) -> None:
    (code, left), (out, err) = CASES[case], said[case]
    assert out.splitlines()[-1] == f"left {' '.join(left)}"
    ended = set("abcd") - set(left) - ({"d"} if "pop()" in code and "append" not in code else set())
    assert {line.removeprefix("ended ") for line in out.splitlines()[:-1]} == ended
    assert "is not used: it" in err
