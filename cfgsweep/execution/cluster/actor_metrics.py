"""Metrics in an actor: what it is told of them, and the calls that it makes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from cfgsweep.metrics.base import Metric
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.source import Source
from cfgsweep.models.threads import threads_per_operation
from cfgsweep.models.video import Picture
from cfgsweep.reports.metric_calls import Key, MetricCall
from cfgsweep.storage.decoding import opened_picture

SentCall = tuple[MetricCall, Sequence[bytes | Picture]]  # the call without its pictures, and these, some as PNG files


@dataclass(frozen=True)
class MetricsSetup:
    """Which metrics an actor makes and prepares, for which models.

    threads: of the driver's operations. Numbers from a CPU are those of the driver if there are as many.
    """

    metrics: tuple[tuple[Key, MetricSpec, Source], ...]
    threads: int


class ActorMetrics:
    """The metrics of a setup, on a device."""

    def __init__(self, setup: MetricsSetup, device: str):
        self.setup, self.device = setup, device
        self.by_key: dict[Key, Metric] = {key: spec.make(source, device) for key, spec, source in setup.metrics}
        for metric in self.by_key.values():
            metric.prepare()

    def provenance(self) -> dict[Key, dict[str, str]]:
        """What the numbers of each depend on."""
        return {key: dict(metric.provenance()) for key, metric in self.by_key.items()}

    def answer(self, call: MetricCall, sent: Sequence[bytes | Picture]) -> object:
        with threads_per_operation(self.setup.threads) if self.device == "cpu" else nullcontext():
            return call.made(self.by_key, list(map(_decoded, sent)))


def _decoded(sent: bytes | Picture) -> Picture:
    return opened_picture(io.BytesIO(sent)) if isinstance(sent, bytes) else sent
