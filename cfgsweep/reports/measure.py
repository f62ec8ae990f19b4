"""Measures the pictures of a run and writes the numbers into its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from cfgsweep.errors import UserError
from cfgsweep.metrics.base import METRICS, GroupMetric, OriginMetric, PictureMetric
from cfgsweep.models.source import Source
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying
from cfgsweep.sweep.turns import without_draw

OVER = ("seed", "label", "prompt")  # what numbers are averaged over


class RunMetrics:
    """The metrics of one sweep. Raises UserError, when it is made, if one cannot be had for a model that runs."""

    def __init__(self, names: Sequence[str], experiments: Sequence[Experiment], sources: Mapping[str, Source]):
        self.names, self.experiments = names, experiments
        by_name = {source.name: source for source in sources.values()}
        models = sorted({e.model for e in experiments})
        self._metrics = {(name, model): METRICS.look_up(name)(by_name[model]) for name in names for model in models}
        for name, metric in zip(names, (METRICS.look_up(name) for name in names), strict=True):
            if issubclass(metric, OriginMetric):
                _check_origins(name, experiments)

    def measure(self, run: RunFolder) -> None:
        """Measures the finished pictures whose records lack a number, and writes the numbers into the records."""
        done, changes = run.done(self.experiments), dict[str, dict[str, object]]()
        known = Counter(
            number
            for record in run.records().values()
            if isinstance(record, DoneRecord)
            for number in record.metrics.items()
        )
        for alike in differing_in_seed(self.experiments):
            members = {e: done[e.id] for e in alike if e.id in done}
            of_group = self._of_group(run, members, known)
            for e, record in members.items():
                found = {**self._of_picture(run, e, record), **self._of_origin(run, e, done), **of_group}
                if found != record.as_json().get("metrics"):
                    changes[record.id] = {"metrics": {name: found[name] for name in self.names if name in found}}
        if changes:
            run.update_records(changes)

    def _of_picture(self, run: RunFolder, e: Experiment, record: DoneRecord) -> dict[str, float]:
        """The numbers of one picture: those of its record, or else measured.

        Metrics of users' files are always measured, since the file may have changed.
        """
        found = {}
        for name in self.names:
            metric = self._metrics[name, e.model]
            if isinstance(metric, PictureMetric):
                known = None if metric.code_hash else record.metrics.get(name)
                found[name] = (
                    metric.measure_frames(run.load_picture(record), e.conditions[0]) if known is None else known
                )
        return found

    def _of_origin(self, run: RunFolder, e: Experiment, done: Mapping[str, DoneRecord]) -> dict[str, float]:
        """The numbers of a picture beside the one that it comes from, which is itself without a U-turn or a fork."""
        found: dict[str, float] = {}
        for name in self.names:
            metric, record = self._metrics[name, e.model], done[e.id]
            origin = done.get((e.origin or e).id)
            if not isinstance(metric, OriginMetric) or origin is None:
                continue
            known = None if metric.code_hash else record.metrics.get(name)
            found[name] = (
                metric.measure_frames(run.load_picture(record), run.load_picture(origin)) if known is None else known
            )
        return found

    def _of_group(
        self, run: RunFolder, members: Mapping[Experiment, DoneRecord], known: Counter[tuple[str, float]]
    ) -> dict[str, float]:
        """The numbers of pictures that differ in the seed.

        A group has its number already if all its members have the same one, and no other record has it: then it was
        measured of these very pictures.

        known: how many records have a number, by the name of the metric and the number.
        """
        found = {}
        for name in self.names if members else ():
            metric = self._metrics[name, next(iter(members)).model]
            if not isinstance(metric, GroupMetric) or len(members) < metric.smallest_group:
                continue
            numbers = {record.metrics.get(name) for record in members.values()}
            number = numbers.pop()
            if metric.code_hash or number is None or numbers or known[name, number] != len(members):
                number = metric.measure_frames([run.load_picture(record) for record in members.values()])
            found[name] = number
        return found

    def notes(self) -> list[str]:
        """How far the numbers can be relied on."""
        return [note for metric in self._metrics.values() if (note := metric.notes())]

    def table(self, run: RunFolder) -> list[tuple[str, ...]]:
        """Means over seeds, labels and prompts, one row for everything else that varies."""
        rows = means(run, self.experiments, self.names)
        heads = [name for name in varying(self.experiments) if name not in OVER]
        body = [
            (
                *(axis_label(*part).removeprefix(f"{part[0]} ") for part in key),
                *(_rounded(values, name) for name in self.names),
            )
            for key, values in rows.items()
        ]
        return [(*heads, *self.names), *body]


def _rounded(values: Mapping[str, list[float]], metric: str) -> str:
    return f"{sum(values[metric]) / len(values[metric]):.3f}" if values.get(metric) else "-"


def _check_origins(metric: str, experiments: Sequence[Experiment]) -> None:
    """Raises UserError where a picture is not there that a U-turn or a fork comes from."""
    there = set(experiments)
    missing = next((e for e in experiments if e.origin is not None and e.origin not in there), None)
    if missing is not None:
        key, hint = ("start", "noise: [0, ...]") if missing.start else ("fork", "[none, {at: ...}]")
        if missing.start is not None and missing.start.image is not None:
            problem = f"{metric} compares with the picture of this run, and this U-turn is of a file"
            raise UserError(problem, given=missing.start.image.path).at_key("metrics")
        problem = f"{metric} compares with the picture itself, which is not among those of the sweep"
        raise UserError(problem, given=axis_label(key, getattr(missing, key)), hint=f"add it: {hint}").at_key(key)
    if all(e.origin is None for e in experiments):
        problem = f"{metric} is about U-turns and forks, and there is none"
        raise UserError(problem, given=metric, hint="give `start` or `fork`").at_key("metrics")


def differing_in_seed(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Groups of experiments that are alike in all else: in the seed of a fork or a U-turn, where these have several."""
    groups: dict[tuple, list[Experiment]] = {}
    several = any(turn is not None and turn.seed for e in experiments for turn in (e.fork, e.start))
    fields = [name for name in varying(experiments) if name != "seed" or several]
    for e in experiments:
        groups.setdefault(tuple(without_draw(e.value_of(name)) for name in fields), []).append(e)
    return list(groups.values())


def is_of_groups(name: str) -> bool:
    """Is this a metric with one number for a group? False for one whose code is not at hand."""
    try:
        return issubclass(METRICS.look_up(name), GroupMetric)
    except UserError:
        return False


Key = tuple[tuple[str, object], ...]


def means(
    run: RunFolder, experiments: Sequence[Experiment], metrics: Sequence[str]
) -> dict[Key, dict[str, list[float]]]:
    """Each metric's numbers, for every combination of the settings that vary and are not averaged over."""
    fields = [name for name in varying(experiments) if name not in OVER]
    of_groups = set(filter(is_of_groups, metrics))
    records, found = run.records_of(experiments), dict[Key, dict[str, list[float]]]()
    for alike in differing_in_seed(experiments):
        values = found.setdefault(tuple((name, without_draw(alike[0].value_of(name))) for name in fields), {})
        tried = (records.get(e.id) for e in alike)
        measured = [record.metrics for record in tried if isinstance(record, DoneRecord)]
        for name in metrics:
            known = [one[name] for one in measured if name in one]
            values.setdefault(name, []).extend(known[:1] if name in of_groups else known)
    return found
