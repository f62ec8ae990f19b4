"""From axes to experiments: the product of the axes, zipped ones together, less what is excluded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cfgsweep.config.yaml_io import Document
from cfgsweep.errors import UserError
from cfgsweep.sweep.checks import check
from cfgsweep.sweep.exclude import matches
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import AXES, Sweep

MOST_EXPERIMENTS = 1_000_000  # which take a gigabyte or two


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
        matching = [i for i, conditions in enumerate(sweep.exclude) if matches(cell, conditions)]
        for i in matching:
            used[i] = True
        if not matching:
            experiments.append(_experiment(sweep, {**cell, "model": (runs_as or {}).get(cell["model"], cell["model"])}))
    for number, was_used in enumerate(used):
        if not was_used:
            raise UserError("excludes nothing", where=where(("exclude", number)), given=sweep.exclude[number])
    if not experiments:
        raise UserError("every cell is excluded", where=where(("exclude",)))
    check(sweep, experiments, where, runs_as)
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
