"""A task computes the same pictures in another process, and holds nothing that belongs to this one."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from cfgsweep.engine.cost import cost
from cfgsweep.engine.results import Finished
from cfgsweep.execution.task import ComputeTask, execute
from cfgsweep.models import device
from cfgsweep.models.source import Source
from cfgsweep.storage.png import pixels_sha256
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from tests.conftest import DEVICE
from tests.support.engine_runs import LastTally

GUIDERS = [
    "cfg",
    {"tnorm": {"start": 0.3}},
    {"pag": {"pag_scale": {"linear": {"max_val": 2.0}}, "layers": ["mid"]}},
    "diffusers.AdaptiveProjectedGuidance",
]


def hashes(task: ComputeTask) -> dict[str, str]:
    """Hash of the pixels by the id of the experiment."""
    results = list(execute(task))
    assert all(isinstance(result, Finished) for result in results)
    return {result.experiment.id: pixels_sha256(result.image) for result in results}


def hashes_of_pickled(pickled: bytes) -> dict[str, str]:
    return hashes(pickle.loads(pickled))


@pytest.fixture(scope="module")
def task(tiny_model: Path) -> ComputeTask:
    sweep = Sweep(
        name="t",
        model=str(tiny_model),
        prompt="a cat",
        steps=4,
        guider=GUIDERS,
        schedule=["constant", "cosine"],
        value=3,
    )
    source = Source.of(str(tiny_model))
    return ComputeTask(source, tuple(expand(sweep)), device.choose(DEVICE, "float32"), 4, row_bytes=2**20)


@pytest.mark.slow
def test_a_spawned_process_computes_the_same_pixels(task: ComputeTask) -> None:
    here = hashes(task)
    assert here.keys() == {e.id for e in task.experiments}
    assert len(set(here.values())) > len(GUIDERS)  # the pictures differ, so that equal hashes mean something
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(hashes_of_pickled, (pickle.dumps(task),)) == here


def test_a_pickled_task_is_the_same_task(task: ComputeTask) -> None:
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert [e.id for e in again.experiments] == [e.id for e in task.experiments]
    kept: list[Experiment] = [e for e in again.experiments if e.guider.name == "pag"]
    assert kept[0].guider.pag_scale.name == "linear"  # type: ignore[attr-defined]
    names = {"source", "experiments", "compute", "batch_size", "row_bytes", "diagnostics", "previews", "thumbs"}
    assert {field.name for field in fields(task)} == names


def test_results_come_as_they_are_finished_and_the_observer_sees_every_evaluation(task: ComputeTask) -> None:
    observer = LastTally()
    results = execute(task, observer)
    assert isinstance(next(results), Finished)
    assert len(list(results)) == len(task.experiments) - 1
    assert observer.tally.evaluations == cost(task.experiments).evaluations
