"""The metrics of a run, made for its models and checked, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Self, cast

from cfgsweep.errors import UserError, error_context
from cfgsweep.metrics.base import LABEL, PROMPT, CellMetric, Metric, OriginMetric
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.source import Source
from cfgsweep.reports.metric_calls import FeaturesCall, Key, LocalMeasurer, Measurer
from cfgsweep.reports.reference_set import ReferenceSet
from cfgsweep.storage.measured_with import MeasuredWith
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


class PreparedMetrics:
    """The metrics of one sweep. Raises UserError, when it is made, if one cannot be had for a model that runs."""

    def __init__(
        self,
        specs: Sequence[MetricSpec],
        experiments: Sequence[Experiment],
        sources: Mapping[str, Source],
        device: str = "cpu",
    ):
        self.specs, self.experiments = specs, experiments
        self.names = [spec.key for spec in specs]
        self.measurer: Measurer = LocalMeasurer()
        by_name = {source.name: source for source in sources.values()}
        models = [by_name[name] for name in sorted({e.model for e in experiments})]
        for spec in specs:
            _check_conditions(spec, experiments)
            if issubclass(spec.cls, OriginMetric):
                _check_origins(spec.key, experiments)
        self.by_key = {(spec.key, source.name): spec.make(source, device) for spec in specs for source in models}
        self._references = {
            key: _reference_of(metric) for (key, _), metric in self.by_key.items() if isinstance(metric, CellMetric)
        }
        for one in set(self._references.values()):
            one.check()
        with error_context("metrics"):
            for metric in self.by_key.values():
                metric.prepare()

    def of(self, experiments: Sequence[Experiment]) -> Self:
        """The same metrics for other experiments of the same models."""
        found = copy(self)
        found.experiments = experiments
        return found

    def by(self, measurer: Measurer) -> Self:
        """The same metrics, whose calls another one makes."""
        found = copy(self)
        found.measurer = measurer
        return found

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The names of the metrics, each with that of a model."""
        return list(self.by_key)

    def metric(self, name: str, model: str) -> Metric:
        return self.by_key[name, model]

    def reference_features(self, key: Key, run: RunFolder) -> np.ndarray:
        """Those of the reference set of a metric of cells; see `ReferenceSet.features`."""

        def features_of(batches: Iterable[Sequence[Image]]) -> Iterator[np.ndarray]:
            return self.measurer.answers((FeaturesCall(batch, key) for batch in batches), run, self.by_key)

        identity = cast(CellMetric, self.by_key[key]).extractor.identity
        return self._references[key[0]].features(identity, features_of, run.features)

    def measured_with(self) -> MeasuredWith:
        """What the numbers depend on, as metrics.json has it."""
        found: MeasuredWith = {}
        for (name, model), metric in self.by_key.items():
            own = dict(metric.provenance())
            if metric.formula_version != 1:
                own["formula_version"] = str(metric.formula_version)
            if name in self._references:
                own |= {"reference": self._references[name].name, "reference_sha256": self._references[name].digest()}
            if own:
                found.setdefault(name, {})[model] = own
        return found

    def notes(self) -> list[str]:
        """How far the numbers can be relied on."""
        return list(dict.fromkeys(note for metric in self.by_key.values() if (note := metric.notes())))


def _check_conditions(spec: MetricSpec, experiments: Sequence[Experiment]) -> None:
    """Raises UserError where a metric takes prompts and the pictures have labels, or the other way round."""
    has_prompt = bool(experiments) and experiments[0].prompt is not None
    if PROMPT in spec.cls.needs and not has_prompt:
        raise UserError(f"{spec.name} takes pictures with prompts, and these have labels", where="metrics")
    if LABEL in spec.cls.needs and has_prompt and not spec.cls.code_hash:
        hint = "text_score tells how well a text fits, by the scorer that a model may have"
        raise UserError(f"{spec.name} takes pictures with labels, and these have prompts", where="metrics", hint=hint)


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


def _reference_of(metric: CellMetric) -> ReferenceSet:
    if metric.settings.reference is None:
        hint = f"{{{metric.name}: {{reference: FOLDER}}}}, or --reference"
        problem = f"{metric.name} compares with a set of reference pictures, and there is none"
        raise UserError(problem, where="metrics", hint=hint)
    found = ReferenceSet.of(metric.settings.reference)
    found.require(metric.smallest, metric.name)
    return found
