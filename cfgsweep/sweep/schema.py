"""The sweep file: its fields, their checks, and its JSON Schema."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cfgsweep.config import yaml_io
from cfgsweep.config.json_schema import (
    FILE_PATTERN,
    bundled,
    named_schema,
    one_or_many,
    pattern_schema,
    range_schema,
)
from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance import GUIDERS, PREFIX
from cfgsweep.guidance.groups import GROUPS
from cfgsweep.guidance.schedules import SCHEDULES, Constant
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.samplers import IMAGE_TO_IMAGE, INPAINTING, TEXT_TO_IMAGE, PictureFile
from cfgsweep.sweep import words_of_others
from cfgsweep.sweep.axes import AXES, TEXTS, with_variables
from cfgsweep.sweep.call_inputs import as_mapping
from cfgsweep.sweep.compare_settings import CompareSettings
from cfgsweep.sweep.experiment import SETTINGS as TAKEN
from cfgsweep.sweep.fields import (
    Axes,
    Calls,
    Conditions,
    Forks,
    Groups,
    Guiders,
    Images,
    Labels,
    LoraFiles,
    Masks,
    Metrics,
    Names,
    NegativeTexts,
    Numbers,
    Previews,
    RunName,
    Samplers,
    Schedules,
    Seeds,
    Sizes,
    Starts,
    StepCaches,
    StepCounts,
    Strengths,
    TaskName,
    Texts,
    TitleTexts,
    Vaes,
    Variables,
)
from cfgsweep.sweep.guider_axis import VALUE, GuiderEntry, check_values, entry_values
from cfgsweep.sweep.phase_settings import PhaseSettings
from cfgsweep.sweep.prompt_files import with_files_read
from cfgsweep.sweep.step_cache import cache_spec
from cfgsweep.sweep.text_file import FILE_SCHEMA
from cfgsweep.sweep.turns import turn_spec
from cfgsweep.sweep.variables import VARIABLE, check_variables


class Sweep(BaseModel):
    """A validated sweep, not expanded yet. Every axis is a list, with one element where nothing varies."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        title="cfgsweep sweep file",
    )
    words_of_others: ClassVar[Mapping[str, str]] = words_of_others.KEYS

    name: RunName = Field(description="also the name of the output folder")
    model: Names = Field(description="hub id, local diffusers folder, a single .safetensors file, or a bundled name")
    revision: str | None = Field(None, description="branch, tag or commit of a hub model")
    fallback: str | None = Field(None, description="bundled model, used with a notice where `model` can't run here")
    prompt: Texts | None = Field(None, description="for models that read texts")
    label: Labels | None = Field(None, description="for models of labels: a class by its number or name")
    negative_prompt: NegativeTexts = [""]
    vars: Variables = Field({}, description="variables of prompts: {style: [oil, ink]} fills {style}")
    task: TaskName = Field(TEXT_TO_IMAGE, description="image-to-image and inpainting begin with `image`")
    image: Images | None = Field(None, description="picture files, by paths from the sweep file's folder")
    mask: Masks | None = Field(None, description="of inpainting: picture files, white where the image is made anew")
    strength: Strengths | None = Field(None, description="how much of the noise schedule the image goes through")
    seed: Seeds = [0]
    steps: StepCounts = [50]
    sampler: Samplers = ["euler"]
    size: Sizes = [None]
    call: Calls = Field([()], description="further inputs of the pipeline's call; a list of values is an axis")
    lora: LoraFiles = Field([()], description="LoRA files and their scales; several at once in a list of their own")
    cache: StepCaches = Field([None], description="caches of diffusers by which steps reuse what earlier ones computed")
    vae: Vaes = Field([None], description="hub id or folder of an autoencoder; null is the model's own")
    fork: Forks = Field([None], description="splits the way of the latents at a step: {at: [0.2, 0.5], seeds: 8}")
    start: Starts = Field([None], description="noises the picture again and denoises it: {noise: [0, 0.3, 0.6]}")
    load: LoadSettings = Field(LoadSettings(), description="how the model is loaded, passed on to diffusers")
    guider: Guiders
    schedule: Schedules = [Constant()]
    value: Numbers | None = Field(
        None, description="what the schedule is scaled to; each guider's own, or its usual one, where not given"
    )
    zip: Groups = Field(
        [], description="axes that move together: [a, b], {cycle: [a, b]} where shorter ones start again, or several"
    )
    search: Axes = Field([], description="what `cfgsweep phase` varies: value, guider.NAME.PARAMETER; two for a map")
    phase: PhaseSettings | None = Field(None, description="how `cfgsweep phase` searches")
    metrics: Metrics = Field([], description="what `cfgsweep run` measures of the pictures")
    compare: CompareSettings | None = Field(
        None, description="adds plain guidance that matches each cell, to compare it with: see `cfgsweep compare`"
    )
    labels: TitleTexts = Field(
        {},
        description="what titles say: {value: guidance scale, guider.tnorm: T-Norm}",
        json_schema_extra={"propertyNames": {"pattern": rf"^{VARIABLE.pattern}(\..+)?$"}},
    )
    diagnostics: bool = Field(True, description="whether pictures keep the numbers of their guidance, call by call")
    previews: Previews = Field(0, description="how many steps' x0 are kept of every picture, in an APNG of its own")
    exclude: Conditions = Field([], description="cells to drop: all the fields of one entry match")

    def __init__(self, /, **fields: Any) -> None:
        """Sweep(name="norms", model="emoji", prompt="a cat", guider=["tnorm", "fullnorm"], value=[0.05, 0.1]).

        Fields are given as a sweep file gives them; tuples, ranges, arrays and paths are taken, too.

        Raises UserError where a file with these fields would be refused.
        """
        try:
            super().__init__(**{name: as_yaml(value) for name, value in fields.items()})
        except ValidationError as invalid:
            raise yaml_io.explain(invalid, Sweep, yaml_io.Document({}, "").where) from None

    # With this mark of pydantic's, `model_validate` does not call __init__, so that errors of a file keep their lines.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, given: Any) -> Any:
        return with_files_read(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _check_fields_together(self) -> Sweep:
        _check_conditions(self)
        _check_task(self)
        _check_variables(self)
        _check_zip(self)
        check_values(self.guider, self.value, self.zip)
        _check_duplicates(self)
        _check_exclude(self)
        for key in self.labels:
            check_label(key, self.axes)
        if self.compare is not None:
            self.compare.check([spec.key for spec in self.metrics], self.diagnostics)
        return self

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of all axes: with those of the variables, after the prompt."""
        return with_variables(self.vars)

    def axis(self, name: str) -> list[Any]:
        """The values of an axis. [None] stands for an axis that is not given, as a `value` left to the guiders."""
        values = self.vars[name] if name in self.vars else getattr(self, name)
        return [None] if values is None else values


# For help(Sweep) and notebooks: names and defaults alone. The fields' annotations fill pages.
Sweep.__signature__ = inspect.Signature(
    [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
        if not field.is_required()
        else inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
        for name, field in Sweep.model_fields.items()
    ]
)


def schema() -> dict[str, Any]:
    """JSON Schema of a sweep file."""
    prefix = pattern_schema(f"^{re.escape(PREFIX)}")
    named = named_schema(GUIDERS, {VALUE: one_or_many({"type": "number"}, True)})
    guiders = {"anyOf": [named, prefix, pattern_schema(FILE_PATTERN), {"enum": list(GROUPS)}]}
    schedules = {"anyOf": [named_schema(SCHEDULES), pattern_schema(FILE_PATTERN)]}
    definitions = {"Guider": guiders, "Schedule": schedules, "Range": range_schema(), "File": FILE_SCHEMA}
    return bundled(Sweep.model_json_schema(), definitions)


def read_sweep(path: Path, overrides: list[str] | None = None) -> tuple[Sweep, yaml_io.Document]:
    """Read a sweep file and apply `--set` overrides; also the document, which has the lines for later errors.

    Raises UserError where the file or an override is wrong.
    """
    document = yaml_io.read(path)
    document.override(overrides or [], TEXTS)
    return yaml_io.validate(Sweep, document), document


def as_yaml(value: Any) -> Any:
    """A Python value as YAML represents it: lists for tuples, ranges and arrays, text for paths."""
    if isinstance(value, Mapping):
        return {key: as_yaml(one) for key, one in value.items()}
    if isinstance(value, list | tuple | range):
        return [as_yaml(one) for one in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _check_conditions(sweep: Sweep) -> None:
    """Raises UserError unless there are either prompts or labels; a negative prompt goes with prompts only."""
    if (sweep.prompt is None) == (sweep.label is None):
        problem = "is missing" if sweep.prompt is None else "there is a label, too: a model takes one or the other"
        allowed = "a prompt for models that read texts, a label for models of labels"
        raise UserError(problem, allowed=allowed).at_key("prompt")
    if sweep.label is not None and sweep.negative_prompt != [""]:
        problem = "a model of labels is guided away from its own null label, and reads no text"
        raise UserError(problem, given=sweep.negative_prompt[0]).at_key("negative_prompt")


def _check_task(sweep: Sweep) -> None:
    """Raises UserError where a task lacks its pictures, or pictures their task."""
    tasks = {"image": (IMAGE_TO_IMAGE, INPAINTING), "mask": (INPAINTING,), "strength": (IMAGE_TO_IMAGE, INPAINTING)}
    for name, takes in tasks.items():
        if getattr(sweep, name) is None and name != "strength" and sweep.task in takes:
            raise UserError(f"is missing: {sweep.task} needs it", allowed="the path of a picture").at_key(name)
        if getattr(sweep, name) is not None and sweep.task not in takes:
            problem = f"nothing is done with it by {sweep.task}"
            raise UserError(problem, hint=f"for it give task: {' or task: '.join(takes)}").at_key(name)
    if sweep.task != TEXT_TO_IMAGE and sweep.label is not None:
        raise UserError(f"models of labels have no {sweep.task}", given=sweep.task).at_key("task")


def _check_variables(sweep: Sweep) -> None:
    """Raises UserError where the name of a variable is taken, or it is not used as it has to be."""
    for name in sweep.vars:
        if name in TAKEN:
            problem = "the name of an axis or another setting"
            raise UserError(problem, given=name, hint="give the variable another name").at_key("vars", name)
    zipped = {name for group in sweep.zip for name in group.axes}
    check_variables(sweep.vars, sweep.prompt or [], sweep.negative_prompt, zipped)


def _check_zip(sweep: Sweep) -> None:
    """Raises UserError where zipped axes are unknown, in two groups, or not equally long and not in a cycle."""
    zipped: set[str] = set()
    for number, group in enumerate(sweep.zip):
        key = ("zip", number)
        for name in group.axes:
            if name not in sweep.axes:
                raise unknown_name("axis", name, sweep.axes).at_key(*key)
            if name in zipped:
                raise UserError(f"{name!r} is zipped twice").at_key(*key)
            zipped.add(name)
        lengths = {name: len(sweep.axis(name)) for name in group.axes}
        if len(set(lengths.values())) != 1 and not (group.cycle and lengths):
            hint = "{cycle: [...]} lets shorter axes start again"
            raise UserError("zipped axes must be equally long", given=lengths, hint=hint).at_key(*key)


def _check_duplicates(sweep: Sweep) -> None:
    """Raises UserError where an axis that is not zipped has a value twice."""
    zipped = {name for group in sweep.zip for name in group.axes}
    for name in sweep.axes:
        seen: set[Any] = set()
        for index, value in enumerate([] if name in zipped else sweep.axis(name)):
            several = entry_values(value) if name == "guider" else (value,)
            if seen.intersection(several) or len(set(several)) < len(several):
                error = UserError("the same value twice", given=_told(name, value), allowed="distinct values")
                raise error.at_key(*(["vars"] if name in sweep.vars else []), name, index)
            seen.update(several)


def _told(name: str, value: Any) -> Any:
    """The value of an axis for messages."""
    if isinstance(value, PictureFile):
        return value.path
    if name == "cache":
        return cache_spec(value)
    if name in ("fork", "start"):
        return turn_spec(value)
    return (
        value.spec() if isinstance(value, Parameters | GuiderEntry) else as_mapping(value) if name == "call" else value
    )


def _check_exclude(sweep: Sweep) -> None:
    """Raises UserError where an exclusion names an unknown field."""
    for number, conditions in enumerate(sweep.exclude):
        for field in conditions:
            if field not in sweep.axes:
                raise unknown_name("field", field, sweep.axes).at_key("exclude", number, field)


def check_label(key: str, axes: Sequence[str] = AXES) -> None:
    """Raises UserError where a key of `labels` is not AXIS or AXIS.VALUE."""
    name, dot, value = key.partition(".")
    if name not in axes:
        raise unknown_name("axis", name, axes).at_key("labels", key)
    if dot and not value:
        allowed = "AXIS or AXIS.VALUE, such as value or guider.tnorm"
        raise UserError("not the name of a title", given=key, allowed=allowed).at_key("labels", key)
