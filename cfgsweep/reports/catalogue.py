"""Lists guiders and schedules in words, from their docstrings, fields and class variables."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cfgsweep.config.parameters import Parameters, compact
from cfgsweep.errors import UserError, shorten
from cfgsweep.guidance import GUIDERS, Guider
from cfgsweep.guidance.context import Branch
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.guidance.schedulable import Bounds
from cfgsweep.guidance.schedules import SCHEDULES, Schedule
from cfgsweep.storage.png import refuse_a_finished_picture
from cfgsweep.system.display import aligned
from cfgsweep.system.fonts import set_fonts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 112  # of the text
SPACES: dict[str, str] = {
    "model": "whatever the model predicts",
    "epsilon": "noise",
    "x0": "pictures (x0)",
    "v": "velocities",
    "flow": "flow velocities",
}


def guiders_table() -> list[str]:
    """One line per guider: name, predictions per step, what it does, where it comes from."""
    rows = [(name, _predictions(cls), _summary(cls), cls.source) for name, cls in GUIDERS.items()]
    return aligned([("guider", "predictions", "", ""), *rows])


def schedules_table() -> list[str]:
    """One line per schedule."""
    return aligned([("schedule", "", ""), *((name, _summary(cls), cls.formula) for name, cls in SCHEDULES.items())])


def guider_page(name: str) -> list[str]:
    """Everything about one guider."""
    cls = GUIDERS.look_up(name)
    space = cls.space if issubclass(cls, Guider) else "model"
    flow_space = cls.flow_space if issubclass(cls, Guider) else None
    facts = {
        "formula": cls.formula,
        "about": SPACES[space]
        + (f" ({SPACES[flow_space]} of flow models)" if flow_space else "")
        + ("" if space == "model" else "; other predictions are converted and back"),
        "cost": _costs(cls),
        "scale": f"{cls.default_scale:g} by default (the sweep's schedule and value)"
        + (f"; usual are {cls.usual[0]:g} to {cls.usual[1]:g}" if cls.usual else ""),
        "samplers": ", ".join(cls.samplers) if cls.samplers else "",
        "source": cls.source,
    }
    return [*_heading(cls), *_facts(facts), "", *_parameters(cls)]


def schedule_page(name: str) -> list[str]:
    """Everything about one schedule."""
    cls = SCHEDULES.look_up(name)
    return [*_heading(cls), *_facts({"formula": cls.formula, "source": cls.source}), "", *_parameters(cls)]


def _predictions(cls: type[GuiderBase]) -> str:
    """Their number per step with default parameters."""
    try:
        return str(len(usual_branches(cls)))
    except ValidationError:  # a parameter has no default
        return "?"


def _costs(cls: type[GuiderBase]) -> str:
    """The predictions of a step in words, with default parameters."""
    try:
        guider = cls()
    except ValidationError:
        return "depends on its parameters"
    usual = usual_branches(cls)
    costs = [f"{len(usual)} predictions a step ({', '.join(branch.name for branch in usual)})"]
    fewer = {scale: _branches(guider, scale) for scale in guider.special_scales}
    costs += [f"{len(branches)} at scale {scale:g}" for scale, branches in fewer.items() if len(branches) < len(usual)]
    return "; ".join(costs)


def usual_branches(cls: type[GuiderBase]) -> tuple[Branch, ...]:
    """The predictions a guider needs with its default parameters, at a scale that is not special."""
    return _branches(cls(), math.nan)


def _branches(guider: GuiderBase, scale: float) -> tuple[Branch, ...]:
    """The predictions needed at the last of ten steps."""
    compiled = guider.compile(10, range(10), ())
    return compiled.branches(scale, compiled.at_call(9))


def _summary(cls: type[Parameters]) -> str:
    """The first line of the docstring."""
    return next(iter((inspect.getdoc(cls) or "").splitlines()), "")


def _heading(cls: type[Parameters]) -> list[str]:
    """The name, and the docstring with its paragraphs filled."""
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")
    lines = [line for paragraph in paragraphs for line in textwrap.wrap(" ".join(paragraph.split()), WIDTH)]
    return [cls.name, *(f"  {line}" for line in lines), ""]


def _facts(facts: Mapping[str, str]) -> list[str]:
    lines = []
    for name, fact in facts.items():
        if fact:
            wrapped = textwrap.wrap(fact, WIDTH - 12)
            lines += [f"  {name:<10}{wrapped[0]}", *(f"  {'':<10}{line}" for line in wrapped[1:])]
    return lines


def _parameters(cls: type[Parameters]) -> list[str]:
    numeric = cls.numeric() if issubclass(cls, GuiderBase) else {}
    rows = [("parameter", "default", "range", "")]
    for name, field in cls.model_fields.items():
        follows = "may follow a schedule" if name in numeric else ""
        notes = "; ".join(filter(None, [field.description or "", follows]))
        rows.append((name, _default(field), _range(field), notes))
    return aligned(rows)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "none" if field.default is None else compact(field.default)


def _range(field: FieldInfo) -> str:
    """The values that a field takes, from its annotations."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    if field.annotation is bool:
        return "true, false"
    return " ".join(bound for entry in field.metadata for bound in _bounds(entry))


def _bounds(entry: Any) -> list[str]:
    """The bounds that one annotation of a field sets."""
    match entry:
        case Bounds(low=low, high=high):
            return [f"≥ {low:g}"] + ([f"≤ {high:g}"] if math.isfinite(high) else [])
        case Ge(ge=limit):
            return [f"≥ {limit:g}"]
        case Gt(gt=limit):
            return [f"> {limit:g}"]
        case Le(le=limit):
            return [f"≤ {limit:g}"]
        case Lt(lt=limit):
            return [f"< {limit:g}"]
    return []


def _with_its_mean_matched(schedule: Schedule, value: float, steps: int) -> list[Schedule]:
    """The schedule with `match_mean`; none where that makes no difference, or its mean is zero."""
    matched = schedule.model_copy(update={"match_mean": True})
    try:
        return [matched] if matched.values(value, steps) != schedule.values(value, steps) else []
    except UserError:
        return []


def plot_schedules(names: list[str], path: Path) -> None:
    """Draws schedules over the steps into a PNG, SVG or PDF.

    Raises UserError if the file is a picture of a run, or of no such kind.
    """
    refuse_a_finished_picture(path)
    figure = schedules_figure(names)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        figure.savefig(path)
    except ValueError:
        formats = sorted(figure.canvas.get_supported_filetypes())
        raise UserError("not a kind of picture", where="--plot", given=str(path), allowed=formats) from None


def schedules_figure(names: list[str], value: float = 7.5, steps: int = 50) -> Figure:
    """Curves of schedules over the steps, each scaled to `value`, on one scale.

    One that is alone is drawn with `match_mean`, too, where that makes a difference.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    drawn = [SCHEDULES.look_up(name).example(steps) for name in names]
    if len(drawn) == 1:
        drawn += _with_its_mean_matched(drawn[0], value, steps)
    for index, schedule in enumerate(drawn):
        style = ("-", "--", "-.")[index // 10 % 3]
        axes.plot(schedule.values(value, steps), label=shorten(schedule.title(), 40), linestyle=style)
    axes.set(xlabel=f"step, of {steps}", ylabel="guidance scale", title=f"value {value:g}")
    axes.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    set_fonts(figure)
    return figure
