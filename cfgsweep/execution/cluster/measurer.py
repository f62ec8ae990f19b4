"""Has metrics computed by actors. Their numbers and features come back to this process, which does the rest."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import torch

from cfgsweep.errors import RunFailed
from cfgsweep.execution.cluster.actor import Found
from cfgsweep.execution.cluster.actor_metrics import MetricsSetup, SentCall
from cfgsweep.execution.cluster.pool import ActorPool, Slot
from cfgsweep.execution.cluster.schedule import Schedule
from cfgsweep.execution.cluster.spread import spread
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.video import Picture
from cfgsweep.reports.metric_calls import Key, MetricCall, MetricsByKey
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder

AT_ONCE = 8  # calls an actor, of which the pictures of a reference set are in memory


class ClusterMeasurer:
    """Has the calls of metrics made by actors, in any order."""

    def __init__(self, pool: ActorPool):
        self.pool = pool
        self._prepared: _Prepared | None = None

    def answers(self, calls: Iterable[MetricCall], run: RunFolder, metrics: MetricsByKey) -> Generator[Any]:
        """The answers in the order of the calls. Raises RunFailed where a call has lost its actors again and again."""
        rest = iter(calls)
        while some := list(islice(rest, AT_ONCE * self.pool.count)):
            self.pool.settle_kind(None)
            if self._prepared is None or self._prepared.metrics is not metrics:
                self._prepared = _Prepared(self.pool, metrics)
            yield from self._answers(_Calls(self._prepared, some, run))

    def _answers(self, work: _Calls) -> Generator[Any]:
        schedule: Schedule[int, Slot] = Schedule(([number], len(call.pictures)) for number, call in work.calls.items())
        found: dict[int, Any] = {}
        following = 0
        for number, answer in spread(self.pool, schedule, work):
            if isinstance(answer, str):
                raise RunFailed(answer, hint="the same command goes on from here")
            found[number] = answer.value
            while following in found:
                yield found.pop(following)
                following += 1


class _Prepared:
    """Metrics that actors make and prepare, each when it has nothing else to do."""

    def __init__(self, pool: ActorPool, metrics: MetricsByKey):
        self.pool, self.metrics = pool, metrics
        made = tuple((key, MetricSpec.of(metric), metric.source) for key, metric in metrics.items())
        self._setup = MetricsSetup(made, torch.get_num_threads())
        self._expected = {key: metric.provenance() for key, metric in metrics.items()}

    def prepare_others(self) -> None:
        """Have actors prepare them that did not. Those whose weights are others are not used."""
        self.pool.prepare(self, "prepare_metrics", (self._setup,), self._accept)

    def _accept(self, slot: Slot, found: Mapping[Key, Mapping[str, str]]) -> None:
        others = {name: None for (name, model), ours in self._expected.items() if found[name, model] != ours}
        if others:
            self.pool.refuse(slot, f"its files of {', '.join(others)} are others than those of this machine")


class _Calls:
    """Making some calls, which have numbers."""

    method = "measure"

    def __init__(self, prepared: _Prepared, calls: Sequence[MetricCall], run: RunFolder):
        self.needs, self.calls, self.run = prepared, dict(enumerate(calls)), run

    def prepare_others(self) -> None:
        self.needs.prepare_others()

    def given(self, items: Sequence[int]) -> tuple[list[SentCall]]:
        return ([self._sent(self.calls[number]) for number in items],)

    def _sent(self, call: Any) -> SentCall:
        return replace(call, pictures=()), [self._as_sent(picture) for picture in call.pictures]

    def _as_sent(self, picture: DoneRecord | Picture) -> bytes | Picture:
        return self.run.image_path(picture.id).read_bytes() if isinstance(picture, DoneRecord) else picture

    def came(self, message: Found) -> None:
        """Progress is told of answers in their order."""
