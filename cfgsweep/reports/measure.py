"""Measures the pictures of a run, and keeps the numbers in its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.metrics.classifier import LabelClassifier
from cfgsweep.metrics.image import PER_PICTURE, diversity
from cfgsweep.models.source import Source
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying

OVER = ("seed", "label", "prompt")  # what numbers are averaged over
OF_A_GROUP = ("diversity",)  # one number for all that differ in the seed


class RunMetrics:
    """The metrics of one sweep. Raises UserError, before anything runs, where one cannot be had."""

    def __init__(self, metrics: Sequence[str], experiments: Sequence[Experiment], sources: Mapping[str, Source]):
        self.metrics, self.experiments = metrics, experiments
        by_name = {source.name: source for source in sources.values()}
        models = {e.model for e in experiments} if "adherence" in metrics else set()
        self.classifiers = {name: _judge(by_name[name]) for name in sorted(models)}

    def measure(self, run: RunFolder) -> None:
        """Measure what is there, and put it into the records."""
        done, found = run.done(self.experiments), dict[str, dict[str, float]]()
        for alike in differing_in_seed(self.experiments):
            members = {e: run.load_image(done[e.id]) for e in alike if e.id in done}
            spread = diversity(list(members.values())) if "diversity" in self.metrics else None
            for e, image in members.items():
                together = {} if spread is None else {"diversity": spread}
                found[done[e.id].id] = self._of_one(e, image) | together
        run.update_records({name: {"metrics": values} for name, values in found.items()})

    def _of_one(self, e: Experiment, image: Image.Image) -> dict[str, float]:
        values = {name: measure(image) for name, measure in PER_PICTURE.items() if name in self.metrics}
        if "adherence" in self.metrics:
            values["adherence"] = self.classifiers[e.model].adherence(image, e.label)
        return values

    def classifier_accuracy(self) -> list[str]:
        """How far the classifiers can be believed, in words."""
        known = [(name, judge.accuracy) for name, judge in self.classifiers.items() if judge.accuracy is not None]
        return [
            f"adherence by {name}'s classifier, right for {right:.1%} of held-out pictures" for name, right in known
        ]

    def table(self, run: RunFolder) -> list[tuple[str, ...]]:
        """Means over seeds, labels and prompts, one row for everything else that varies."""
        rows = means(run, self.experiments, self.metrics)
        heads = [name for name in varying(self.experiments) if name not in OVER]
        body = [
            (
                *(axis_label(*part).removeprefix(f"{part[0]} ") for part in key),
                *(_rounded(values, m) for m in self.metrics),
            )
            for key, values in rows.items()
        ]
        return [(*heads, *self.metrics), *body]


def _rounded(values: Mapping[str, list[float]], metric: str) -> str:
    return f"{sum(values[metric]) / len(values[metric]):.3f}" if values.get(metric) else "-"


def differing_in_seed(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Groups of those that are alike in all else."""
    groups: dict[tuple, list[Experiment]] = {}
    fields = [name for name in varying(experiments) if name != "seed"]
    for e in experiments:
        groups.setdefault(tuple(getattr(e, name) for name in fields), []).append(e)
    return list(groups.values())


Key = tuple[tuple[str, object], ...]


def means(
    run: RunFolder, experiments: Sequence[Experiment], metrics: Sequence[str]
) -> dict[Key, dict[str, list[float]]]:
    """For every combination of what varies and is not averaged over: each metric's numbers."""
    fields = [name for name in varying(experiments) if name not in OVER]
    found = dict[Key, dict[str, list[float]]]()
    for alike in differing_in_seed(experiments):
        values = found.setdefault(tuple((name, getattr(alike[0], name)) for name in fields), {})
        records = (run.record_of(e) for e in alike)
        told = [record.metrics for record in records if isinstance(record, DoneRecord)]
        for name in metrics:
            known = [one[name] for one in told if name in one]
            values.setdefault(name, []).extend(known[:1] if name in OF_A_GROUP else known)
    return found


def _judge(source: Source) -> LabelClassifier:
    try:
        return LabelClassifier.load(source.place, source.revision)
    except Exception:  # whatever transformers raises for what is no classifier of this kind
        hint = "`cfgsweep train` puts one beside a model of labels where the training file has a `classifier`"
        raise UserError(
            "adherence takes a model with a classifier", where="metrics", given=source.name, hint=hint
        ) from None
