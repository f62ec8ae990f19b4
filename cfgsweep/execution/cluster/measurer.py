"""Has metrics computed by actors. Their numbers and features come back to this process, which does the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import torch

from cfgsweep.errors import RunFailed
from cfgsweep.execution.cluster.actor import Found
from cfgsweep.execution.cluster.actor_metrics import MetricsSetup, SentCall
from cfgsweep.execution.cluster.pool import ActorPool, Slot
from cfgsweep.execution.cluster.schedule import Schedule, Unit
from cfgsweep.execution.cluster.spread import spread
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.video import Picture
from cfgsweep.reports.metric_calls import Key, MetricCall, MetricsByKey
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder

AT_ONCE = 2  # calls for an actor, one of them waiting: pictures of a reference set are in this process's memory


class ClusterMeasurer:
    """Has the calls of metrics made by actors, in any order."""

    def __init__(self, pool: ActorPool, settle_kind: Callable[[], None]):
        """settle_kind: is called before actors are asked, since one kind of device measures as well."""
        self.pool, self._settle_kind = pool, settle_kind
        self._prepared: _Prepared | None = None

    def answers(self, calls: Iterable[MetricCall], run: RunFolder, metrics: MetricsByKey) -> Generator[Any]:
        """The answers in the order of the calls. Raises RunFailed where a call has lost its actors again and again."""
        numbered = enumerate(calls)
        first = next(numbered, None)
        if first is None:
            return
        self._settle_kind()
        if self._prepared is None or self._prepared.metrics is not metrics:
            self._prepared = _Prepared(self.pool, metrics)
        rest = chain([first], numbered)
        del first  # its pictures are in memory no longer than those of others
        yield from self._answers(_Calls(self._prepared, run), rest)

    def _answers(self, work: _Calls, rest: Iterator[tuple[int, MetricCall]]) -> Generator[Any]:
        schedule: Schedule[int, Slot] = Schedule(())
        self._add(schedule, work, rest)
        found: dict[int, Any] = {}
        following = 0
        for number, answer in spread(self.pool, schedule, work):
            if isinstance(answer, str):
                raise RunFailed(answer, hint="the same command goes on from here")
            found[number] = answer.value
            del work.calls[number]
            self._add(schedule, work, rest)
            while following in found:
                yield found.pop(following)
                following += 1

    def _add(self, schedule: Schedule[int, Slot], work: _Calls, rest: Iterator[tuple[int, MetricCall]]) -> None:
        """Add calls until there are as many as the actors that have started are to have."""
        wanted = AT_ONCE * max(1, self.pool.kinds().total())
        for number, call in islice(rest, max(0, wanted - len(work.calls))):
            work.calls[number] = call
            schedule.add(Unit({number: None}, float(len(call.pictures))))


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
    """Making calls, which have numbers. calls: those that are not answered yet."""

    method = "measure"

    def __init__(self, prepared: _Prepared, run: RunFolder):
        self.needs, self.run = prepared, run
        self.calls: dict[int, MetricCall] = {}

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
