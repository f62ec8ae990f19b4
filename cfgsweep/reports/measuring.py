"""Measuring the pictures of a run: what is known already, what is measured, and what is written into the records."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cfgsweep.metrics.base import SMALL_BATCH, CellMetric, GroupMetric, Metric, OriginMetric, PictureMetric
from cfgsweep.models.video import Picture, frames_of
from cfgsweep.reports.cells import cells, differing_in_seed
from cfgsweep.reports.prepared_metrics import PreparedMetrics
from cfgsweep.reports.reference_set import batches
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
    import numpy as np

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
        for start in range(0, len(lacking), SMALL_BATCH):
            self._measure_pictures(lacking[start : start + SMALL_BATCH])
            self._tell("pictures measured", min(start + SMALL_BATCH, len(lacking)), len(lacking))
        self.finished.update(names)

    def _take_over(self, name: str, e: Experiment, record: DoneRecord) -> bool:
        """Whether a record has a number that counts; then it is among those found."""
        if name not in record.metrics or not self.is_valid(name, e.model):
            return False
        self.found[record.id][name] = record.metrics[name]
        return True

    def origins(self) -> None:
        """The numbers of pictures beside those that they come from, which are themselves without a U-turn or a fork."""
        names = self._names(OriginMetric)
        for e in self.metrics.experiments if names else ():
            record, origin = self.done.get(e.id), self.done.get((e.origin or e).id)
            if record is None or origin is None:
                continue
            for name in names:
                metric = self.metrics.metric(name, e.model)
                if not self._take_over(name, e, record) and isinstance(metric, OriginMetric):
                    pictures = (self.run.load_picture(record), self.run.load_picture(origin))
                    self.found[record.id][name] = float(metric.measure_frames(*pictures))
        self.finished.update(names)

    def _names(self, kind: type[Metric]) -> list[str]:
        """Those of metrics of a kind, as records have them."""
        return [spec.key for spec in self.metrics.specs if issubclass(spec.cls, kind)]

    def _measure_pictures(self, batch: Sequence[tuple[Experiment, list[str]]]) -> None:
        loaded = {e: self.run.load_picture(self.done[e.id]) for e, _ in batch}
        wanted: dict[tuple[str, str], list[Experiment]] = {}
        for e, names in batch:
            for name in names:
                wanted.setdefault((name, e.model), []).append(e)
        for (name, model), several in wanted.items():
            metric = self.metrics.metric(name, model)
            assert isinstance(metric, PictureMetric)
            numbers = metric.measure_pictures([loaded[e] for e in several], [e.conditions[0] for e in several])
            for e, number in zip(several, numbers, strict=True):
                self.found[self.done[e.id].id][name] = float(number)

    def groups(self) -> None:
        """The numbers of pictures that differ in the seed."""
        names = self._names(GroupMetric)
        groups = differing_in_seed(self.metrics.experiments) if names else []
        for count, alike in enumerate(groups, 1):
            members = self._members(alike)
            for name in names if members else ():
                metric = self.metrics.metric(name, alike[0].model)
                if not isinstance(metric, GroupMetric) or len(members) < metric.smallest_group:
                    continue
                number = self._known(name, members)
                if number is None:
                    number = float(metric.measure_frames(list(self._pictures_of(members))))
                self._note(name, members, number)
            self._tell("groups measured", count, len(groups))
        self.finished.update(names)

    def cells(self) -> None:
        """The numbers of cells against reference pictures."""
        names = self._names(CellMetric)
        found = list(cells(self.metrics.experiments).values()) if names else []
        for count, cell in enumerate(found, 1):
            members = self._members(cell)
            seen: dict[str, np.ndarray] = {}
            for name in names if members else ():
                metric = self.metrics.metric(name, cell[0].model)
                if not isinstance(metric, CellMetric):
                    continue
                number = self._known(name, members)
                self._note(name, members, self._of_cell(name, metric, members, seen) if number is None else number)
            self._tell("cells measured", count, len(found))
        self.finished.update(names)

    def _of_cell(self, name: str, metric: CellMetric, members: Members, seen: dict[str, np.ndarray]) -> float | None:
        """seen: features of the cell's pictures, by the identity of what gives them; it is filled."""
        import numpy as np

        extractor = metric.extractor
        if extractor.identity not in seen:
            frames = (frame for picture in self._pictures_of(members) for frame in frames_of(picture))
            seen[extractor.identity] = np.concatenate([extractor.of(batch) for batch in batches(frames)])
        features = seen[extractor.identity].astype(np.float64)
        if len(features) < metric.smallest:
            return None
        reference = self.metrics.reference(name).features(extractor, self.run.features)
        return float(metric.measure(features, reference.astype(np.float64)))

    def _pictures_of(self, members: Members) -> Iterator[Picture]:
        return (self.run.load_picture(record) for record in members.values())

    def _members(self, alike: Sequence[Experiment]) -> Members:
        return {e: self.done[e.id] for e in alike if e.id in self.done}

    def _known(self, name: str, members: Members) -> float | None:
        """The number that a group has already: all its members have it, and it was measured of them and no others."""
        numbers = {record.metrics.get(name) for record in members.values()}
        number = numbers.pop()
        if numbers or number is None:
            return None
        return number if _together(members, number) in self.together[name, _model_of(members)] else None

    def _note(self, name: str, members: Members, number: float | None) -> None:
        if number is not None:
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
