"""Which experiments of a run are meant: `guider=tnorm`, `value>0.1`, `seed=1,2`, in the language of `exclude`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cfgsweep.config.yaml_io import given_value
from cfgsweep.errors import UserError, error_context, unknown_name
from cfgsweep.sweep.axes import TEXTS
from cfgsweep.sweep.exclude import matches, nearest_name
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axes_of

CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|<|>|==?)\s*(.*)", re.DOTALL)
ALLOWED = "FIELD=VALUE, FIELD=VALUE,VALUE, or a number's FIELD>VALUE, and likewise <, >=, <="


def chosen(experiments: Sequence[Experiment], where: Sequence[str]) -> list[Experiment]:
    """Those for which all conditions hold. Raises UserError where one is malformed, or none is left."""
    axes = axes_of(experiments)
    conditions = [_parsed(one, axes) for one in where]
    cells = {e: {name: e.value_of(name) for name in (*axes, "native_size")} for e in experiments}
    with error_context("--where"):
        kept = [e for e, cell in cells.items() if all(matches(cell, condition) for condition in conditions)]
    if not kept:
        asked = {name: wanted for condition in conditions for name, wanted in condition.items()}
        hint = nearest_name(asked, cells.values())
        raise UserError("there is no such picture", where="--where", given=" ".join(where), hint=hint)
    return kept


def _parsed(text: str, axes: Sequence[str]) -> dict[str, Any]:
    """The condition as an entry of `exclude`."""
    found = CONDITION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UserError("not a condition", where="--where", given=text, allowed=ALLOWED)
    name, sign, wanted = found.groups()
    if name not in axes:
        raise unknown_name("field", name, axes, "--where")
    if sign not in ("=", "=="):
        return {name: f"{sign} {wanted}"}
    value = given_value(wanted, "--where", is_text=name in TEXTS)
    return {name: [value, *map(str.strip, value.split(","))] if isinstance(value, str) and "," in value else value}
