"""Metrics as a sweep file names them: `contrast`, or with settings `{clip_score: {model: FOLDER}}`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cfgsweep.config.json_schema import FILE_PATTERN, only
from cfgsweep.config.parameters import compact, plain
from cfgsweep.config.user_code import import_class, is_user_class
from cfgsweep.config.validation_words import told
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.metrics.base import (
    METRICS,
    AnySettings,
    CellMetric,
    GroupMetric,
    Metric,
    MetricSettings,
    PictureMetric,
)

if TYPE_CHECKING:
    from cfgsweep.models.source import Source

SETTING = re.compile(r" (?=\w+=)")


@dataclass(frozen=True)
class MetricSpec:
    """A metric and its settings. name: as a sweep file calls it."""

    name: str
    cls: type[Metric]
    settings: MetricSettings

    @classmethod
    def parse(cls, given: Any) -> MetricSpec:
        """From a name, or a mapping of one name to settings. Raises UserError where something is unknown."""
        if isinstance(given, MetricSpec):
            return given
        name, settings = given, dict[str, Any]()
        if isinstance(given, dict):
            if len(given) != 1:
                raise UserError("not a metric", given=given, allowed="a name, or {name: {setting: value}}")
            ((name, settings),) = given.items()
        if not isinstance(name, str):
            raise UserError("not a metric", given=name, allowed="a name, or {name: {setting: value}}")
        metric = METRICS.look_up(name)
        return cls(name, metric, _settings(name, metric, {} if settings is None else settings))

    @classmethod
    def of(cls, metric: Metric) -> MetricSpec:
        """Of a metric that was made."""
        return cls(metric.name, type(metric), metric.settings)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles a class of a user's file, which another process cannot import by its name, as the file's path."""
        if not is_user_class(self.cls):
            return MetricSpec, (self.name, self.cls, self.settings)
        given = self.settings.model_dump(exclude_unset=True)
        return _of_file, (self.name, self.cls.code_file, self.cls.code_hash, given)  # type: ignore[attr-defined]

    @property
    def key(self) -> str:
        """The name under which records have the number: with the settings that are not at their default."""
        changed = self.settings.model_dump(exclude_defaults=True, exclude=set(self.settings.unnamed))
        return " ".join([self.name, *(f"{key}={compact(value)}" for key, value in changed.items())])

    def spec(self) -> str | dict[str, Any]:
        """As a file gives it."""
        given = self.settings.model_dump(mode="json", exclude_defaults=True)
        return {self.name: plain(given)} if given else self.name

    def with_settings(self, **changes: Any) -> MetricSpec:
        """The same metric with other settings."""
        return replace(self, settings=self.settings.model_copy(update=changes))

    def make(self, source: Source, device: str = "cpu") -> Metric:
        """The metric for the pictures of a model; it is still to be prepared."""
        metric = self.cls(source)
        if self.cls.Settings.model_fields:
            metric.settings = self.settings
        metric.device = device
        return metric


def _of_file(name: str, file: str, code_hash: str, settings: dict[str, Any]) -> MetricSpec:
    """The unpickled metric. Raises UserError if the file is no longer the one that was pickled with."""
    cls = import_class(Path(file), name, Metric, METRICS.kind, code_hash)
    return MetricSpec(name, cls, cls.Settings.model_validate(settings))


def _settings(name: str, metric: type[Metric], given: Any) -> MetricSettings:
    if metric is Metric:  # a stand-in for one whose code is not at hand
        return AnySettings.model_validate(given)
    fields = metric.Settings.model_fields
    if not isinstance(given, dict):
        raise UserError(f"{name} takes named settings", given=given, allowed=f"{{{name}: {{setting: value}}}}")
    for key in given:
        if key not in fields:
            if not fields:
                raise UserError(f"{name} takes no settings", given=key)
            raise unknown_name(f"setting of {name}", str(key), fields)
    try:
        return metric.Settings.model_validate(given)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        problem, allowed = told(error)
        problem = f"{name}: {'.'.join(map(str, error['loc']))}: {problem}"
        raise UserError(problem, given=error["input"], allowed=allowed) from None


def parse_metrics(given: Any) -> list[MetricSpec]:
    """Of one metric or a list. Raises UserError, with the place in the list, where one is not right."""
    found: list[MetricSpec] = []
    for index, item in enumerate(given if isinstance(given, list | tuple) else [given]):
        place = (index,) if isinstance(given, list | tuple) else ()
        try:
            spec = MetricSpec.parse(item)
            if spec.key in (one.key for one in found):
                hint = "with another reference set, measure another run folder" if spec not in found else ""
                raise UserError("the same metric twice", given=spec.key, hint=hint)
        except UserError as error:
            raise error.at_key(*place) from None
        found.append(spec)
    return found


def metric_of(key: str) -> type[Metric] | None:
    """The class of a metric by the name that records have; None where its code is not at hand."""
    try:
        return METRICS.look_up(SETTING.split(key, maxsplit=1)[0])
    except UserError:
        return None


def is_of_pictures(key: str) -> bool:
    """Does the number depend on one picture and its condition alone? False where its code is not at hand."""
    return issubclass(metric_of(key) or Metric, PictureMetric)


def is_of_groups(key: str) -> bool:
    """Have pictures that differ in the seed one number of this metric together? False where its code is not at hand."""
    return issubclass(metric_of(key) or Metric, GroupMetric)


def is_of_cells(key: str) -> bool:
    """Have all pictures of a cell one number of this metric together?"""
    return issubclass(metric_of(key) or Metric, CellMetric)


def higher_is_better(key: str) -> bool | None:
    """None where that depends, and of a metric whose code is not at hand."""
    return (metric_of(key) or Metric).higher_is_better


def metrics_schema() -> dict[str, Any]:
    """JSON Schema of one metric."""
    names = sorted(METRICS)
    with_settings = [
        only(name, _settings_schema(name)) for name in METRICS.built_in() if METRICS[name].Settings.model_fields
    ]
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": FILE_PATTERN}, *with_settings]}


def _settings_schema(name: str) -> dict[str, Any]:
    schema = METRICS[name].Settings.model_json_schema()
    return {key: value for key, value in schema.items() if key not in ("title", "description")}
