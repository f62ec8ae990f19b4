"""From axes to experiments: one fully resolved cell of the grid each, with an id and a title."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cfgsweep.conditions import Condition
from cfgsweep.config import AXES, Sweep
from cfgsweep.errors import UserError
from cfgsweep.fields import Label, Size
from cfgsweep.guidance import Guider
from cfgsweep.models.source import conditioned_on, scheduler_config
from cfgsweep.parameters import Parameters, compact
from cfgsweep.samplers import check_sampler, noise_levels
from cfgsweep.schedules import Schedule
from cfgsweep.yamlfile import Document

MOST_EXPERIMENTS = 1_000_000  # which take a gigabyte or two
Conditions = tuple[Condition, Condition, Condition]


@dataclass(frozen=True, slots=True)
class Experiment:
    """Everything that can change a picture's pixels, and nothing else.

    prompt: None where a label is in its place. size: None is the model's native one.
    """

    model: str
    revision: str | None
    prompt: str | None
    negative_prompt: str
    seed: int
    steps: int
    sampler: str
    size: Size
    guider: Guider
    schedule: Schedule
    value: float
    label: Label | None = None

    @property
    def id(self) -> str:
        """16 hex digits of a hash over every setting, defaults included."""
        plain = [getattr(self, field) for field in PLAIN_FIELDS]
        plain += [] if self.label is None else [self.label]
        text = json.dumps(plain) + _settings(self.guider) + _settings(self.schedule)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def conditions(self) -> Conditions:
        """What the picture is to show, what it is to be guided away from, and what says nothing."""
        return (self.prompt, self.negative_prompt, "") if self.label is None else (self.label, None, None)

    @property
    def noise_levels(self) -> tuple[float, ...]:
        """sigma / alpha at every step where the guider asks for it, else nothing: it takes torch to know."""
        return _noise_levels(self.model, self.revision, self.sampler, self.steps) if self.guider.sigma else ()

    def scales(self) -> list[float]:
        """The guidance scale at every step."""
        return self.schedule.values(self.value, self.steps)


APART = ("guider", "schedule", "label")  # the label is part of an id only where there is one
PLAIN_FIELDS = [field.name for field in dataclasses.fields(Experiment) if field.name not in APART]


@functools.lru_cache(maxsize=1024)
def _noise_levels(model: str, revision: str | None, sampler: str, steps: int) -> tuple[float, ...]:
    return noise_levels(sampler, scheduler_config(model, revision), steps)


@functools.lru_cache(maxsize=1024)
def _settings(part: Parameters) -> str:
    return json.dumps(part.settings(), sort_keys=True)


def expand(
    sweep: Sweep, document: Document | None = None, runs_as: Mapping[str, str] | None = None
) -> list[Experiment]:
    """The product of the axes, zipped ones moving together, less what is excluded.

    runs_as: models that others take the place of. Cells that only differed in the model are then one.

    Raises UserError where an exclusion matches nothing, nothing is left, or guidance would do nothing.
    """
    where = document.where if document else (lambda key=(): "")
    experiments, used = [], [False] * len(sweep.exclude)
    for cell in _cells(sweep):
        matching = [i for i, conditions in enumerate(sweep.exclude) if _matches(cell, conditions)]
        for i in matching:
            used[i] = True
        if not matching:
            experiments.append(_experiment(sweep, {**cell, "model": (runs_as or {}).get(cell["model"], cell["model"])}))
    for number, was_used in enumerate(used):
        if not was_used:
            raise UserError("excludes nothing", where=where(("exclude", number)), given=sweep.exclude[number])
    if not experiments:
        raise UserError("every cell is excluded", where=where(("exclude",)))
    _check(sweep, experiments, where, runs_as)
    return list(dict.fromkeys(experiments)) if runs_as else experiments


def _cells(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Every combination of the axes, the last axis fastest."""
    zipped = {name: group for group in sweep.zip for name in group}
    columns: list[list[dict[str, Any]]] = []
    for name in AXES:
        group = zipped.get(name, [name])
        first = min(group, key=AXES.index)
        if name == first:
            together = zip(*(sweep.axis(member) for member in group), strict=True)
            columns.append([dict(zip(group, values, strict=True)) for values in together])
    count = math.prod(map(len, columns))
    if count > MOST_EXPERIMENTS:
        raise UserError("too many experiments", given=f"{count:,}", allowed=f"at most {MOST_EXPERIMENTS:,}")
    for parts in itertools.product(*columns):
        yield {name: value for part in parts for name, value in part.items()}


def _experiment(sweep: Sweep, cell: dict[str, Any]) -> Experiment:
    guider, schedule, value = cell["guider"], cell["schedule"], cell["value"]
    if value is None:
        own = schedule.own_value()
        value = guider.scale_by_default if own is None else own
    return Experiment(**{**cell, "value": float(value)}, revision=sweep.revision)


def _check(sweep: Sweep, experiments: list[Experiment], where: Any, runs_as: Mapping[str, str] | None) -> None:
    """Refuse, before any model loads, what cannot run or would silently do nothing."""
    for schedule in sweep.schedule:
        if getattr(schedule, "max_val", None) is not None and sweep.value is not None:
            hint = "leave out one of them"
            raise UserError(
                "max_val is what `value` sets", where=where(("schedule",)), given=schedule.spec(), hint=hint
            )
    for guider in sweep.guider:
        if guider.sets_its_scale and sweep.value is not None:
            raise UserError(
                "guidance_scale is what `value` sets",
                where=where(("guider",)),
                given=guider.spec(),
                hint="leave out one of them",
            )
    _check_conditions(sweep, {(e.model, e.revision) for e in experiments}, where)
    _check_samplers({(e.model, e.revision, e.sampler) for e in experiments}, where)
    check_parts(experiments, where)
    if sweep.zip and not runs_as and len({e.id for e in experiments}) < len(experiments):
        raise UserError("the zipped axes name one experiment twice", where=where(("zip",)))


def _check_conditions(sweep: Sweep, models: Iterable[tuple[str, str | None]], where: Any) -> None:
    """A model of texts takes prompts, a model of labels labels."""
    given = "prompt" if sweep.label is None else "label"
    for name, revision in sorted(models, key=str):
        wanted = conditioned_on(name, revision)
        if wanted not in (None, given):
            problem = {"prompt": "has no labels: give a prompt", "label": "reads no text: give a label"}[str(wanted)]
            raise UserError(f"{name} {problem}", where=where((given,)), given=getattr(sweep, given)[0], allowed=wanted)


def _check_samplers(used: Iterable[tuple[str, str | None, str]], where: Any) -> None:
    for model, revision, sampler in sorted(used, key=str):
        try:
            check_sampler(sampler, scheduler_config(model, revision))
        except UserError as error:
            raise error.at(where(("sampler",))) from None


def check_parts(experiments: Iterable[Experiment], where: Callable[[tuple[str]], str]) -> None:
    """Refuse guiders and schedules that cannot be what they say, or would do nothing, in so many steps."""
    experiments = list(experiments)
    for guider, steps, sampler, levels in {(e.guider, e.steps, e.sampler, e.noise_levels) for e in experiments}:
        try:
            _check_guider(guider, guider.window(steps, levels), steps, sampler)
        except UserError as error:
            raise error.at(where(("guider",))) from None
    # What a schedule refuses, it refuses at any value, unless it is to be scaled to one.
    values = {(e.schedule, e.steps, e.value if e.schedule.match_mean else None): e.value for e in experiments}
    for (schedule, steps, _), value in values.items():
        try:
            schedule.values(value, steps)
        except UserError as error:
            raise error.at(where(("schedule",))) from None


def _check_guider(guider: Guider, window: range, steps: int, sampler: str) -> None:
    guider.parameter_values(steps)
    if guider.still_steps >= window.stop:
        given = f"zero_init_steps {guider.still_steps}, guidance on in steps {window.start} to {window.stop - 1}"
        raise UserError("all that would be guided stands still", given=given)
    if guider.samplers is not None and sampler not in guider.samplers:
        raise UserError(f"{guider.name} is not defined for this sampler", given=sampler, allowed=guider.samplers)


COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def _matches(cell: dict[str, Any], conditions: dict[str, Any]) -> bool:
    return all(_field_matches(cell[name], wanted) for name, wanted in conditions.items())


def _field_matches(value: Any, wanted: Any) -> bool:
    """Equal, in a list, or for numbers a comparison ('> 0.2'). A guider's bare name matches all its parameters."""
    if isinstance(wanted, list) and not isinstance(value, tuple):
        return any(_field_matches(value, one) for one in wanted)
    if isinstance(value, Parameters):
        return wanted in (value.name, value.spec())
    if isinstance(value, tuple):
        return wanted == list(value) or value == (wanted, wanted)
    if isinstance(wanted, str) and isinstance(value, int | float):
        return _compares(value, wanted)
    return value == wanted if value is not None else wanted in (None, "native")


def _compares(value: float, wanted: str) -> bool:
    sign = next((sign for sign in COMPARISONS if wanted.strip().startswith(sign)), "")
    try:
        return bool(sign) and COMPARISONS[sign](value, float(wanted.strip().removeprefix(sign)))
    except ValueError:
        raise UserError("not a comparison", where="exclude", given=wanted, allowed="such as '> 0.2'") from None


# Titles -------------------------------------------------------------------------------------------------------


def varying(experiments: Sequence[Experiment]) -> list[str]:
    """Names of the fields in which the experiments differ, in the order of a sweep file."""
    return [name for name in AXES if len({getattr(e, name) for e in experiments}) > 1]


def label(name: str, value: Any) -> str:
    """One setting for a title: 'tnorm', 'cosine k_decay=0.7', 'value 0.1', 'seed 7', '512x768'."""
    if isinstance(value, Parameters):
        return value.title()
    if name == "size":
        return "native" if value is None else f"{value[0]}x{value[1]}"
    if name in ("prompt", "negative_prompt"):
        return ("" if name == "prompt" else "not ") + (value or '""')
    if name == "sampler":
        return str(value)
    return f"{name} {compact(value)}"


def title(experiment: Experiment, fields: list[str]) -> str:
    """The settings that matter in this sweep, in one line."""
    return ", ".join(label(name, getattr(experiment, name)) for name in fields) or experiment.guider.title()
