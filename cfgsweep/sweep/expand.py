"""From axes to experiments: the product of the axes, zipped ones together, less what is excluded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from cfgsweep.config.yaml_io import Document
from cfgsweep.errors import UserError, error_key
from cfgsweep.models.info import ModelInfo, model_infos
from cfgsweep.models.tasks import rounds_up, settled_strength
from cfgsweep.samplers import Task, usual_name
from cfgsweep.sweep.axes import TEXTS
from cfgsweep.sweep.checks import check
from cfgsweep.sweep.exclude import matches, nearest_name
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.guider_axis import as_entry
from cfgsweep.sweep.pictures import native_size_of
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.variables import filled, names_in
from cfgsweep.sweep.zip_group import ZipGroup

VARS = "vars"
MOST_EXPERIMENTS = 1_000_000  # which take a gigabyte or two


def expand(
    sweep: Sweep,
    document: Document | None = None,
    runs_as: Mapping[str, str] | None = None,
    models: Mapping[str, ModelInfo] | None = None,
) -> list[Experiment]:
    """The experiments of a sweep, the last axis fastest.

    document: where the sweep was read from, so that errors have its lines.
    runs_as: by the sweep's models those that run in their place.
    models: facts about the models that run; read from their files if not given.

    Experiments that only differed in a model that does not run, or in whether the native size is spelt out, are one.

    Raises UserError where an exclusion matches nothing, nothing is left, or guidance would do nothing.
    """
    names = {name: (runs_as or {}).get(name, name) for name in sweep.model}
    with document.error_context() if document else nullcontext():
        known = model_infos(names.values(), sweep.revision) if models is None else models
        cells = (_as_model_has_it(cell, known[names[cell["model"]]], sweep.task) for cell in _cells(sweep))
        kept = _without_excluded(sweep, list(filter(_runs, cells)))
        alike = {"revision": sweep.revision, "load": sweep.load.id_settings()}
        experiments = [_experiment(cell, {**alike, "model": names[cell["model"]]}, known) for cell in kept]
        check(sweep, experiments, known, merged=bool(runs_as))
    return list(dict.fromkeys(experiments))


def _cells(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Every combination of the axes, zipped ones together, the last axis fastest.

    Guiders that have values of their own are combined with these. `group` is that of the guider, `needs_levels` whether
    it needs the noise levels.
    """
    zipped = {name: group for group in sweep.zip for name in group.axes}
    columns: list[list[dict[Any, Any]]] = []  # by an axis, or by (VARS, the name of a variable)
    for name in sweep.axes:
        if name == "value" and name not in zipped:
            continue
        group = zipped.get(name, ZipGroup((name,)))
        if name == min(group.axes, key=sweep.axes.index):
            rows = group.rows([sweep.axis(member) for member in group.axes])
            keys = [(VARS, name) if name in sweep.vars else name for name in group.axes]
            columns.append([_with_entry(dict(zip(keys, row, strict=True))) for row in rows])
    usual = [None] if "value" in zipped else sweep.axis("value")
    _check_count(columns, len(usual))
    for parts in itertools.product(*columns):
        cell = {name: value for part in parts for name, value in part.items()}
        if sweep.vars:
            cell |= _with_texts(cell, {name: cell.pop((VARS, name)) for name in sweep.vars})
        for value in cell.pop("values") or usual:
            yield {"value": value, **cell}  # a zipped value is in the cell


def _with_texts(cell: Mapping[Any, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The texts of a cell with the values of its variables."""
    is_template = not variables.keys().isdisjoint(names_in(cell["prompt"]))
    texts = {name: filled(cell[name], variables) for name in TEXTS}
    return {**texts, "template": cell["prompt"] if is_template else None, VARS: tuple(variables.items())}


def _with_entry(row: dict[Any, Any]) -> dict[Any, Any]:
    """A row of an axis, with what the entry of its guider says, if it has one."""
    if "guider" not in row:
        return row
    entry = as_entry(row["guider"])
    needs_levels = entry.guider.needs_noise_levels
    further = {"group": entry.group, "values": entry.values, "needs_levels": needs_levels}
    return {**row, "guider": entry.guider, **further}


def _check_count(columns: list[list[dict[Any, Any]]], values: int) -> None:
    """Raises UserError where there would be too many experiments. values: of guiders without values of their own."""
    numbers = (
        sum(len(row["values"] or range(values)) if "guider" in row else 1 for row in column) for column in columns
    )
    if (count := math.prod(numbers)) > MOST_EXPERIMENTS:
        raise UserError("too many experiments", given=f"{count:,}", allowed=f"at most {MOST_EXPERIMENTS:,}")


def _runs(cell: Mapping[str, Any]) -> bool:
    """Whether a guider is named, or is one of a group that is defined for the sampler."""
    samplers = cell["guider"].samplers
    return not cell["group"] or samplers is None or cell["sampler"] in samplers


def _as_model_has_it(cell: dict[str, Any], model: ModelInfo, task: Task) -> dict[str, Any]:
    """The cell with facts about its model, and with one spelling of what is the same to it.

    The size is None where it is the native one; a negative prompt that is left out is "" to models that take it for a
    text as any other; the model's own sampler has its usual name.
    """
    return {
        **cell,
        "task": task,
        "size": None if cell["size"] == model.native_size else cell["size"],
        "native_size": model.native_size,
        "negatives_apart": model.negatives_apart,
        "negative_prompt": _negative_prompt(cell["negative_prompt"], model),
        "sampler": usual_name(cell["sampler"], model.scheduler_config),
        **({} if cell["image"] is None else _of_picture(cell, model, task)),
    }


def _of_picture(cell: dict[str, Any], model: ModelInfo, task: Task) -> dict[str, Any]:
    """The size, which is the picture's own where none is given, and the strength, of a picture made from another."""
    with error_key("strength"):
        return {
            "size": cell["size"] or native_size_of(cell["image"]),
            "strength": settled_strength(cell["strength"], model.pipeline, task),
            "rounds_up": rounds_up(model.pipeline),
        }


def _negative_prompt(given: str | None, model: ModelInfo) -> str | None:
    known_alike = model.conditioned_on is not None and not model.negatives_apart
    return "" if given is None and known_alike else given


def _without_excluded(sweep: Sweep, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells that match no exclusion. Raises UserError where an exclusion matches no cell, or nothing is left."""
    named = [{**cell, **dict(cell[VARS])} for cell in cells] if sweep.vars and sweep.exclude else cells
    kept, used = [], [False] * len(sweep.exclude)
    for cell, fields in zip(cells, named, strict=True):
        with error_key("exclude"):
            matching = [number for number, conditions in enumerate(sweep.exclude) if matches(fields, conditions)]
        for number in matching:
            used[number] = True
        if not matching:
            kept.append(cell)
    if not all(used):
        number = used.index(False)
        hint = nearest_name(sweep.exclude[number], named)
        raise UserError("excludes nothing", given=sweep.exclude[number], hint=hint).at_key("exclude", number)
    if not kept:
        raise UserError("every cell is excluded").at_key("exclude")
    return kept


def _experiment(cell: dict[str, Any], more: Mapping[str, Any], models: Mapping[str, ModelInfo]) -> Experiment:
    """more: fields beside those of the cell, or in their place."""
    settings = {**cell, **more}
    del settings["group"]
    guider, schedule, value = cell["guider"], cell["schedule"], cell["value"]
    if value is None:
        own = schedule.own_value()
        value = next(given for given in (own, guider.own_scale, guider.default_scale) if given is not None)
    levels: tuple[float, ...] = ()
    if settings.pop("needs_levels") or schedule.needs_sigma:
        with error_key("sampler"):
            levels = models[settings["model"]].noise_levels(cell["sampler"], cell["steps"])
    settings["value"] = float(value)
    found = Experiment(**settings)
    return replace(found, noise_levels=levels[-found.performed_steps :]) if levels and found.performed_steps else found
