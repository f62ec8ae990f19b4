"""A device whose memory does not hold a model and metrics together. The actor is in this process, without Ray."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image

from cfgsweep.execution.cluster import actor as actor_module
from cfgsweep.execution.cluster.actor import ModelActor, Setup
from cfgsweep.execution.cluster.actor_metrics import MetricsSetup
from cfgsweep.metrics.base import FeatureMetric
from cfgsweep.metrics.features import Features
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.reports.metric_calls import FeaturesCall

KEY = "large", "digits"


class Device:
    """What is on it: networks, until they are freed."""

    def __init__(self) -> None:
        self.models: list[weakref.ref[Denoiser]] = []
        self.metrics: list[weakref.ref[FeatureMetric]] = []

    def loaded(self, source: Source, compute: Compute) -> Denoiser:
        self.require_room(self.metrics)
        model = load_model(source, compute)
        self.models.append(weakref.ref(model))
        return model

    def require_room(self, others: Sequence[weakref.ref[object]]) -> None:
        if any(other() is not None for other in others):
            raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture
def device(monkeypatch) -> Device:
    found = Device()
    monkeypatch.setattr(actor_module, "load_model", found.loaded)
    return found


def setup_of(device: Device, loads: bool) -> MetricsSetup:
    """A metric that needs the memory when its network is loaded, or not before a picture goes through it."""

    class Seen(Features):
        def of(self, images: Sequence[Image.Image]) -> np.ndarray:
            device.require_room(device.models)
            return np.ones((len(images), 1), dtype=np.float32)

    class Large(FeatureMetric):
        def prepare(self) -> None:
            if loads:
                device.require_room(device.models)
            self.extractor = Seen()
            device.metrics.append(weakref.ref(self))

    spec = MetricSpec("large", Large, Large.settings)
    return MetricsSetup(((KEY, spec, Source.of("digits")),), 1)


@pytest.mark.parametrize("loads", [True, False])
def test_models_and_metrics_take_the_place_of_each_other(device: Device, loads: bool) -> None:
    actor = ModelActor(Setup("", "cpu", "float32"))
    source, compute = Source.of("digits"), Compute("cpu", "float32", 1)
    calls = [(FeaturesCall((), KEY), [Image.new("RGB", (8, 8))])]
    for times in (1, 2):
        assert actor.held(source, compute, "native_size") == (16, 16)
        assert len(device.models) == times
        if times == 1:
            assert actor.prepare_metrics(setup_of(device, loads)) == {KEY: {"features": ""}}
        (found,) = actor.measure(times, calls)  # the second time, metrics are made again
        assert found.value.tolist() == [[1.0]]


def test_what_has_no_room_even_alone_is_told(device: Device) -> None:
    setup = setup_of(device, loads=True)
    actor = ModelActor(Setup("", "cpu", "float32"))
    kept = actor_module.load_model(Source.of("digits"), Compute("cpu", "float32", 1))
    with pytest.raises(torch.OutOfMemoryError):
        actor.prepare_metrics(setup)
    assert kept is not None
