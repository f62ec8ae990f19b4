"""Measuring the pictures of a run: what is known already, what is measured, and what is written into the records."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from cfgsweep.metrics.base import SMALL_BATCH, CellMetric, GroupMetric, Metric, OriginMetric, PictureMetric
from cfgsweep.reports.cells import cells, differing_in_seed
from cfgsweep.reports.metric_calls import FeaturesCall, GroupCall, Key, MetricCall, OriginCall, PicturesCall
from cfgsweep.reports.prepared_metrics import PreparedMetrics
from cfgsweep.storage.measured_with import (
    TOGETHER,
    MeasuredWith,
    entry_of,
    hashes_of,
    read_measured_with,
    write_measured_with,
)
from cfgsweep.storage.records import DoneRecord, finite
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.display import Display, Status
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    from cfgsweep.guidance.perturbations import Condition

Members = Mapping[Experiment, DoneRecord]
Numbers = dict[str, dict[str, float]]  # by the id of a record and the name of a metric


class Measuring:
    """Measuring one run: what is known already, and what was found.

    Numbers of metrics from users' files are always measured, since the file may have changed; so are those that were
    measured with other weights or another reference set.
    """

    def __init__(self, metrics: PreparedMetrics, run: RunFolder, display: Display):
        self.metrics, self.run, self.display = metrics, run, display
        self.done = run.done(metrics.experiments)
        self.before, self.now = read_measured_with(run.measured_with_file), metrics.measured_with()
        self.together = {key: self._together_before(*key) for key in metrics.keys}
        self.found: Numbers = {record.id: {} for record in self.done.values()}
        self.finished: set[str] = set()  # names of metrics

    def is_valid(self, name: str, model: str) -> bool:
        metric = self.metrics.metric(name, model)
        return not metric.code_hash and hashes_of(self.before, name, model) == hashes_of(self.now, name, model)

    def _together_before(self, name: str, model: str) -> dict[str, None]:
        """The hashes of all pictures that have one number of a metric together, with the number, where it counts."""
        told = entry_of(self.before, name, model).get(TOGETHER, "") if self.is_valid(name, model) else ""
        return dict.fromkeys(str(told).split())

    def pictures(self) -> None:
        """The numbers of single pictures: those of records, or else measured."""
        lacking: list[tuple[Experiment, list[str]]] = []
        names = self._names(PictureMetric)
        for e in self.metrics.experiments:
            record = self.done.get(e.id)
            missing = [name for name in names if not self._take_over(name, e, record)] if record else []
            if missing:
                lacking.append((e, missing))
        batches = [lacking[start : start + SMALL_BATCH] for start in range(0, len(lacking), SMALL_BATCH)]
        calls = list(map(self._call_of, batches))
        measured = 0
        for call, numbers in zip(calls, self._answers(calls), strict=True):
            for key, places in call.wanted.items():
                for (place, _), number in zip(places, numbers[key], strict=True):
                    self.found[call.pictures[place].id][key[0]] = number
            measured += len(call.pictures)
            self._tell("pictures measured", measured, len(lacking))
        self.finished.update(names)

    def _call_of(self, batch: Sequence[tuple[Experiment, list[str]]]) -> PicturesCall:
        """The call of a batch of pictures, each with the metrics that it lacks."""
        wanted: dict[Key, list[tuple[int, Condition]]] = {}
        for place, (e, names) in enumerate(batch):
            for name in names:
                wanted.setdefault((name, e.model), []).append((place, e.conditions[0]))
        return PicturesCall([self.done[e.id] for e, _ in batch], wanted)

    def _answers(self, calls: Sequence[MetricCall]) -> Generator[Any]:
        return self.metrics.measurer.answers(calls, self.run, self.metrics.by_key)

    def _take_over(self, name: str, e: Experiment, record: DoneRecord) -> bool:
        """Whether a record has a number that counts; then it is among those found."""
        if name not in record.metrics or not self.is_valid(name, e.model):
            return False
        self.found[record.id][name] = record.metrics[name]
        return True

    def origins(self) -> None:
        """The numbers of pictures beside those that they come from, which are themselves without a U-turn or a fork."""
        names, calls = self._names(OriginMetric), []
        for e in self.metrics.experiments if names else ():
            record, origin = self.done.get(e.id), self.done.get((e.origin or e).id)
            if record is not None and origin is not None:
                lacking = [(name, e.model) for name in names if not self._take_over(name, e, record)]
                calls += [OriginCall((record, origin), lacking)] if lacking else []
        for call, numbers in zip(calls, self._answers(calls), strict=True):
            for (name, _), number in zip(call.keys, numbers, strict=True):
                self.found[call.pictures[0].id][name] = number
        self.finished.update(names)

    def _names(self, kind: type[Metric]) -> list[str]:
        """Those of metrics of a kind, as records have them."""
        return [spec.key for spec in self.metrics.specs if issubclass(spec.cls, kind)]

    def groups(self) -> None:
        """The numbers of pictures that differ in the seed."""
        names, calls = self._names(GroupMetric), []
        groups = differing_in_seed(self.metrics.experiments) if names else []
        lacking: list[tuple[Members, list[Key]]] = []
        for members in filter(None, map(self._members, groups)):
            large = [key for key in self._keys(names, members) if len(members) >= self._smallest_group(key)]
            keys = [key for key in large if not self._take_over_together(key, members)]
            lacking += [(members, keys)] if keys else []
        calls = [GroupCall(tuple(members.values()), keys) for members, keys in lacking]
        for count, (one, numbers) in enumerate(zip(lacking, self._answers(calls), strict=True), 1):
            members, keys = one
            for (name, _), number in zip(keys, numbers, strict=True):
                self._note(name, members, number)
            self._tell("groups measured", count, len(calls))
        self.finished.update(names)

    def cells(self) -> None:
        """The numbers of cells against reference pictures."""
        import numpy as np

        names = self._names(CellMetric)
        found = cells(self.metrics.experiments).values() if names else []
        lacking: list[tuple[Members, list[Key]]] = []
        for members in filter(None, map(self._members, found)):
            frames = sum(record.frames or 1 for record in members.values())
            large = [key for key in self._keys(names, members) if self._cell_metric(key).smallest <= frames]
            keys = [key for key in large if not self._take_over_together(key, members)]
            lacking += [(members, keys)] if keys else []
        references = {key: self.metrics.reference_features(key, self.run) for _, keys in lacking for key in keys}
        calls = [self._features_calls(*one) for one in lacking]
        # Closed here: the traceback of an error would keep it open until its actors are gone.
        in_order = [call for several in calls for each in several.values() for call in each]
        with closing(self._answers(in_order)) as answers:
            for count, ((members, keys), several) in enumerate(zip(lacking, calls, strict=True), 1):
                seen = {identity: list(islice(answers, len(each))) for identity, each in several.items()}
                for key in keys:
                    metric = self._cell_metric(key)
                    features = np.concatenate(seen[metric.extractor.identity]).astype(np.float64)
                    self._note(key[0], members, float(metric.measure(features, references[key].astype(np.float64))))
                self._tell("cells measured", count, len(calls))
        self.finished.update(names)

    def _features_calls(self, members: Members, keys: Sequence[Key]) -> dict[str, list[FeaturesCall]]:
        """For all features that metrics of a cell compare, by their identity: what gives those of its pictures."""
        by_identity = {self._cell_metric(key).extractor.identity: key for key in reversed(keys)}
        records = list(members.values())
        parts = [records[start : start + SMALL_BATCH] for start in range(0, len(records), SMALL_BATCH)]
        return {identity: [FeaturesCall(part, key) for part in parts] for identity, key in by_identity.items()}

    def _cell_metric(self, key: Key) -> CellMetric:
        return cast(CellMetric, self.metrics.metric(*key))

    def _smallest_group(self, key: Key) -> int:
        return cast(GroupMetric, self.metrics.metric(*key)).smallest_group

    def _keys(self, names: Sequence[str], members: Members) -> list[Key]:
        return [(name, _model_of(members)) for name in names]

    def _members(self, alike: Sequence[Experiment]) -> Members:
        return {e: self.done[e.id] for e in alike if e.id in self.done}

    def _take_over_together(self, key: Key, members: Members) -> bool:
        """Whether all members have a number that was measured of them and no others; then it is among those found."""
        numbers = {record.metrics.get(key[0]) for record in members.values()}
        number = numbers.pop()
        if numbers or number is None or _together(members, number) not in self.together[key]:
            return False
        self._note(key[0], members, number)
        return True

    def _note(self, name: str, members: Members, number: float) -> None:
        self.together[name, _model_of(members)][_together(members, number)] = None
        for record in members.values():
            self.found[record.id][name] = number

    def write(self) -> int:
        """Writes what was found into the records. Numbers of other metrics stay."""
        changes = {}
        for e in self.metrics.experiments:
            if (record := self.done.get(e.id)) is None:
                continue
            own = finite(self._own(record, e.model))
            others = {name: number for name, number in record.metrics.items() if name not in self.metrics.names}
            if record.as_json().get("metrics") != {**own, **others}:
                changes[record.id] = {"metrics": {**own, **others}}
        if changes:
            self.run.update_records(changes)
        self._tell_what_is_no_number()
        if (after := self._measured_with()) != self.before:
            write_measured_with(after, self.run.measured_with_file)
        return len(changes)

    def _tell_what_is_no_number(self) -> None:
        odd = Counter(name for numbers in self.found.values() for name in numbers.keys() - finite(numbers).keys())
        for name, count in odd.items():
            of_all = f"{count} of {counted(len(self.found), 'picture')}"
            self.display.notice(
                f"{name} gave no finite number for {of_all}, which {'has' if count == 1 else 'have'} none"
            )

    def _measured_with(self) -> MeasuredWith:
        """metrics.json from now on: without metrics of which a part is measured anew and another is not yet."""
        found = {name: dict(models) for name, models in self.before.items()}
        for name in self.metrics.names:
            models = {model for key, model in self.metrics.keys if key == name}
            if name not in self.finished and not all(self.is_valid(name, model) for model in models):
                found.pop(name, None)
                continue
            for model in models:
                entry = dict(entry_of(self.now if name in self.finished else self.before, name, model))
                if self.together[name, model] and not self.metrics.metric(name, model).code_hash:
                    entry[TOGETHER] = " ".join(self.together[name, model])
                found.setdefault(name, {})[model] = entry
        whole = {name: {model: one for model, one in models.items() if one} for name, models in found.items()}
        return {name: models for name, models in whole.items() if models}

    def _own(self, record: DoneRecord, model: str) -> dict[str, float]:
        """The numbers of a record; those that it had where measuring was stopped before their turn."""
        numbers = dict(self.found[record.id])
        for name in self.metrics.names:
            if name not in self.finished and name in record.metrics and self.is_valid(name, model):
                numbers.setdefault(name, record.metrics[name])
        return {name: numbers[name] for name in self.metrics.names if name in numbers}

    def _tell(self, unit: str, done: int, total: int) -> None:
        self.display.update(Status(done, total, unit, done / total))


def _model_of(members: Members) -> str:
    """The one model of pictures that are measured together."""
    return next(iter(members)).model


def _together(members: Members, number: float) -> str:
    """A hash of a number and of the pictures that it was measured of together."""
    told = " ".join([repr(number), *sorted(record.id for record in members.values())])
    return hashlib.sha256(told.encode()).hexdigest()[:16]
