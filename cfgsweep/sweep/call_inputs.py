"""Inputs of a pipeline's call in sweep files: `call: {guidance_scale: [1.0, 3.5], num_frames: 25}`."""

from __future__ import annotations

import itertools
import math
from typing import Any

from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError
from cfgsweep.models.set_inputs import SET_ELSEWHERE
from cfgsweep.samplers import PipelineInputs, thawed

CALL_SCHEMA = {
    "anyOf": [{"type": "object", "minProperties": 1}, {"type": "array", "items": {"type": "object"}, "minItems": 1}]
}


def parse_calls(given: Any) -> list[PipelineInputs]:
    """Every combination of the inputs' values; a list of mappings gives the combinations of each.

    Raises UserError for an input that another key stands for.
    """
    mappings = given if isinstance(given, list) else [given]
    if not mappings:
        raise UserError("the axis is empty", allowed="at least one mapping")
    return [inputs for number, one in enumerate(mappings) for inputs in _combinations(one, number)]


def _combinations(given: Any, number: int) -> list[PipelineInputs]:
    if isinstance(given, tuple):  # parsed already
        return [given]
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise UserError("not inputs of a pipeline's call", given=given, allowed="{name: value, …}").at_key(number)
    for name in given:
        if name in SET_ELSEWHERE:
            key = SET_ELSEWHERE[name]
            raise UserError(f"{name} is set by {key}" if key else f"{name} is set by cfgsweep itself").at_key(name)
    columns = [[(name, _frozen(value)) for value in spread(values)] for name, values in sorted(given.items())]
    return list(itertools.product(*columns))


def _frozen(value: Any) -> Any:
    """The value with tuples in the place of lists, so that it can be compared and hashed."""
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    if not (value is None or isinstance(value, int | str) or (isinstance(value, float) and math.isfinite(value))):
        allowed = "finite numbers, texts, true, false, null, lists"
        raise UserError("not a value of an input", given=value, allowed=allowed)
    return value


def frozen_inputs(mapping: dict[str, Any]) -> PipelineInputs:
    """The inputs of one call."""
    return tuple((name, _frozen(value)) for name, value in sorted(mapping.items()))


def as_mapping(inputs: PipelineInputs) -> dict[str, Any]:
    """The inputs as files and pipelines have them, with lists in the place of tuples."""
    return {name: thawed(value) for name, value in inputs}
