"""Which cells of a grid an entry of `exclude` matches."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError, did_you_mean
from cfgsweep.samplers import Fork, StepCache, UTurn
from cfgsweep.sweep.call_inputs import as_mapping
from cfgsweep.sweep.lora import parse_loras
from cfgsweep.sweep.pictures import is_named, native_size_of
from cfgsweep.sweep.step_cache import CACHES, parse_caches
from cfgsweep.sweep.turns import NONE, number_of, parse_forks, parse_starts

COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def matches(cell: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Do all conditions hold? Raises UserError where one is a malformed comparison."""
    return all(_holds(cell, name, wanted) for name, wanted in conditions.items())


def _holds(cell: Mapping[str, Any], name: str, wanted: Any) -> bool:
    """Does one condition hold? Of the inputs of a call, those that the condition names have to match."""
    if name == "lora":
        return cell[name] in parse_loras(wanted)
    if name in ("image", "mask"):
        return any(is_named(cell[name], one) for one in (wanted if isinstance(wanted, list) else [wanted]))
    if name == "cache":
        return any(_is_cache(cell[name], one) for one in (wanted if isinstance(wanted, list) else [wanted]))
    if name in ("fork", "start"):
        return any(_is_turn(cell[name], one, name) for one in (wanted if isinstance(wanted, list) else [wanted]))
    if name == "call":
        call = as_mapping(cell[name])
        wanted = wanted if isinstance(wanted, list) else [wanted]
        return any(isinstance(inputs, dict) and _inputs_match(call, inputs) for inputs in wanted)
    return any(field_matches(value, wanted) for value in _values(cell, name))


def _is_cache(cache: StepCache | None, wanted: Any) -> bool:
    """A cache's bare name matches it with any settings. Raises UserError for what is no cache."""
    if isinstance(wanted, str) and wanted in CACHES:
        return cache is not None and cache.name == wanted
    try:
        return cache in parse_caches(wanted)
    except UserError as error:
        raise error.at_key() from None  # its place in the list of one


def _is_turn(value: UTurn | Fork | None, wanted: Any, name: str) -> bool:
    """Numbers and comparisons are about the noise of a U-turn and the place of a fork, whichever its seed is."""
    if isinstance(wanted, dict):
        parsed = parse_forks(wanted) if name == "fork" else parse_starts(wanted, None)
        return value in parsed
    if wanted in (None, NONE):
        return value is None
    if value is None and name == "fork":
        return False
    return field_matches(0.0 if value is None else number_of(value), wanted)


def _inputs_match(call: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if not wanted:
        return not call
    return all(name in call and (call[name] == one or field_matches(call[name], one)) for name, one in wanted.items())


def _values(cell: Mapping[str, Any], name: str) -> list[Any]:
    """The value of a field; sizes can be named in several ways."""
    if name != "size":
        return [cell[name]]
    size, image = cell["size"], cell.get("image")
    native = cell.get("native_size") if image is None else native_size_of(image)
    names = [None, "native"] if size in (None, native) else []
    sides = size or native
    return [*names, *([sides, f"{sides[0]}x{sides[1]}"] if sides else [])]


def nearest_name(conditions: Mapping[str, Any], cells: Iterable[Mapping[str, Any]]) -> str:
    """A hint for conditions that match no cell: the nearest name to one that is no value of its field."""
    cells = list(cells)
    for field, wanted in conditions.items():
        values = [cell[field] for cell in cells]
        known = {value.name if isinstance(value, Parameters) else value for value in values}
        names = [name for name in known if isinstance(name, str)]
        for one in wanted if isinstance(wanted, list) else [wanted]:
            if isinstance(one, str) and one not in names and (hint := did_you_mean(one, names)):
                return hint
    return ""


def field_matches(value: Any, wanted: Any) -> bool:
    """Is the value equal to the wanted one, in a list of wanted ones, or in the range of a comparison ('> 0.2')?

    A guider's or schedule's bare name matches it with any parameters, `{name: {}}` one that has none.
    """
    if isinstance(wanted, list) and not isinstance(value, tuple):
        return any(field_matches(value, one) for one in wanted)
    if isinstance(value, Parameters):
        spec = value.spec()
        return wanted in (value.name, spec) or (wanted == {value.name: {}} and spec == value.name)
    if isinstance(value, tuple):
        return wanted == list(value) or value == (wanted, wanted)
    if isinstance(wanted, str) and isinstance(value, int | float):
        return _compares(value, wanted)
    return bool(value == wanted)


def _compares(value: float, wanted: str) -> bool:
    """Does a comparison such as '> 0.2' hold? Text that begins with no comparison sign matches no number."""
    sign = next((sign for sign in COMPARISONS if wanted.strip().startswith(sign)), "")
    try:
        return bool(sign) and COMPARISONS[sign](value, float(wanted.strip().removeprefix(sign)))
    except ValueError:
        raise UserError("not a comparison", given=wanted, allowed="such as '> 0.2'") from None
