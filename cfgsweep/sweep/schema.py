"""The sweep file: its schema, and what is wrong with one that is not right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cfgsweep.config import yaml_io
from cfgsweep.config.json_schema import bundled, named_schema, prefixed_schema, range_schema
from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance import GUIDERS, PREFIX
from cfgsweep.guidance.schedules import SCHEDULES, Constant
from cfgsweep.sweep.fields import (
    Axes,
    Conditions,
    Groups,
    Guiders,
    Labels,
    Metrics,
    Names,
    Numbers,
    RunName,
    Samplers,
    Schedules,
    Seeds,
    Sizes,
    StepCounts,
    Texts,
)
from cfgsweep.sweep.phase_settings import PhaseSettings

AXES = (
    "model",
    "label",
    "prompt",
    "negative_prompt",
    "seed",
    "steps",
    "sampler",
    "size",
    "guider",
    "schedule",
    "value",
)


class Sweep(BaseModel):
    """A sweep, validated but not expanded: every axis is a list, of one thing where nothing varies."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        title="cfgsweep sweep file",
    )

    name: RunName = Field(description="also the name of the output folder")
    model: Names = Field(description="hub id, local diffusers folder, a single .safetensors file, or a bundled name")
    revision: str | None = Field(None, description="branch, tag or commit of a hub model")
    fallback: str | None = Field(None, description="bundled model, used with a notice where `model` can't run here")
    prompt: Texts | None = Field(None, description="for models that read texts")
    label: Labels | None = Field(None, description="for models of labels: a class by its number or name")
    negative_prompt: Texts = [""]
    seed: Seeds = [0]
    steps: StepCounts = [50]
    sampler: Samplers = ["euler"]
    size: Sizes = [None]
    guider: Guiders
    schedule: Schedules = [Constant()]
    value: Numbers | None = Field(
        None, description="what the schedule is scaled to; each guider's own default where not given"
    )
    zip: Groups = Field([], description="axes that move together: [a, b], or several such groups")
    search: Axes = Field([], description="what `cfgsweep phase` varies: value, guider.NAME.PARAMETER; two for a map")
    phase: PhaseSettings | None = Field(None, description="how `cfgsweep phase` searches")
    metrics: Metrics = Field([], description="what `cfgsweep run` measures of the pictures")
    exclude: Conditions = Field([], description="cells to drop: all the fields of one entry match")

    def axis(self, name: str) -> list[Any]:
        """The values of an axis; [None] for a `value` that is left to the guiders."""
        values = getattr(self, name)
        return [None] if values is None else values


def schema() -> dict[str, Any]:
    """JSON Schema of a sweep file."""
    guiders = {"anyOf": [named_schema(GUIDERS), prefixed_schema(PREFIX)]}
    definitions = {"Guider": guiders, "Schedule": named_schema(SCHEDULES), "Range": range_schema()}
    return bundled(Sweep.model_json_schema(), definitions)


def read_sweep(path: Path, overrides: list[str] | None = None) -> tuple[Sweep, yaml_io.Document]:
    """Read and check a sweep file, `--set` overrides applied."""
    document = yaml_io.read(path)
    document.override(overrides or [])
    sweep = yaml_io.validate(Sweep, document)
    _check_axes(sweep, document)
    return sweep, document


def _check_axes(sweep: Sweep, document: yaml_io.Document) -> None:
    """What only shows when the fields are seen together: conditions, zips, duplicates, exclusions of no field."""
    if (sweep.prompt is None) == (sweep.label is None):
        problem = "is missing" if sweep.prompt is None else "there is a label, too: a model takes one or the other"
        allowed = "a prompt for models that read texts, a label for models of labels"
        raise UserError(problem, where=document.where(("prompt",)), allowed=allowed)
    if sweep.label is not None and sweep.negative_prompt != [""]:
        problem = "a model of labels is guided away from its own null label, and reads no text"
        raise UserError(problem, where=document.where(("negative_prompt",)), given=sweep.negative_prompt[0])
    zipped: set[str] = set()
    for number, group in enumerate(sweep.zip):
        where = document.where(("zip", number))
        for name in group:
            if name not in AXES:
                raise unknown_name("axis", name, AXES, where)
            if name in zipped:
                raise UserError(f"{name!r} is zipped twice", where=where)
            zipped.add(name)
        lengths = {name: len(sweep.axis(name)) for name in group}
        if len(set(lengths.values())) != 1:
            raise UserError("zipped axes must be equally long", where=where, given=lengths)
    for name in AXES:
        if name not in zipped:
            _refuse_duplicates(name, sweep.axis(name), document)
    for number, conditions in enumerate(sweep.exclude):
        for field in conditions:
            if field not in AXES:
                raise unknown_name("field", field, AXES, document.where(("exclude", number, field)))


def _refuse_duplicates(name: str, values: list[Any], document: yaml_io.Document) -> None:
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if value in seen:
            given = value.spec() if isinstance(value, Parameters) else value
            where = document.where((name, index))
            raise UserError("the same value twice", where=where, given=given, allowed="distinct values")
        seen.add(value)
