"""Step caches in sweep files: `cache: [none, {first_block: {threshold: [0.05, 0.1]}}, taylorseer]`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from cfgsweep.config.json_schema import one_or_many
from cfgsweep.config.parameters import compact
from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.samplers import StepCache, thawed

_SHARE = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_TEXTS = {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "null"}]}
_RATIOS = {"anyOf": [{"const": "flux"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}]}
_DTYPES = ("bfloat16", "float16", "float32")

# By the names of diffusers' files, hooks/<name>_cache.py: the arguments of their configurations, each with its default
# and schema. Left out: what is known to cfgsweep (num_inference_steps), and calibrate, which caches nothing.
CACHES: dict[str, dict[str, tuple[Any, dict[str, Any]]]] = {
    "first_block": {"threshold": (0.05, _SHARE)},
    "mag": {
        "mag_ratios": (None, _RATIOS),
        "threshold": (0.06, _SHARE),
        "max_skip_steps": (3, _COUNT),
        "retention_ratio": (0.2, {"type": "number", "minimum": 0, "maximum": 1}),
    },
    "taylorseer": {
        "cache_interval": (5, {"type": "integer", "minimum": 1}),
        "disable_cache_before_step": (3, _COUNT),
        "disable_cache_after_step": (None, {"anyOf": [_COUNT, {"type": "null"}]}),
        "max_order": (1, _COUNT),
        "taylor_factors_dtype": ("bfloat16", {"enum": list(_DTYPES)}),
        "skip_predict_identifiers": (None, _TEXTS),
        "cache_identifiers": (None, _TEXTS),
        "use_lite_mode": (False, {"type": "boolean"}),
    },
}
LISTS = ("mag_ratios", "skip_predict_identifiers", "cache_identifiers")  # whose value is a list: they are no axes
NEEDED = {"mag": "mag_ratios"}


def _schema_of(name: str) -> dict[str, Any]:
    arguments = {
        key: schema if key in LISTS else one_or_many(schema, schema.get("type") in ("number", "integer"))
        for key, (_, schema) in CACHES[name].items()
    }
    needed = [NEEDED[name]] if name in NEEDED else []
    settings = {"type": "object", "properties": arguments, "required": needed, "additionalProperties": False}
    whole = {"type": "object", "properties": {name: settings}, "required": [name], "additionalProperties": False}
    return whole if needed else {"anyOf": [{"const": name}, whole]}


CACHE_SCHEMA = one_or_many({"anyOf": [{"enum": ["none", None]}, *map(_schema_of, CACHES)]}, False)


def parse_caches(given: Any) -> list[StepCache | None]:
    """The values of the axis: every combination of the settings of each cache. Raises UserError for what is none."""
    if given == []:
        raise UserError("the axis is empty", allowed="at least one value")
    items = given if isinstance(given, list) else [given]
    return [cache for number, item in enumerate(items) for cache in _values(item, number)]


def _values(item: Any, number: int) -> list[StepCache | None]:
    if item is None or item == "none" or isinstance(item, StepCache):  # the last: parsed already
        return [None if item == "none" else item]
    named = {item: {}} if isinstance(item, str) else item
    if not isinstance(named, dict) or len(named) != 1:
        allowed = "none, the name of a cache, or {name: {setting: value}}"
        raise UserError("not a step cache", given=item, allowed=allowed).at_key(number)
    ((name, settings),) = named.items()
    if name not in CACHES:
        raise unknown_name("step cache", str(name), ["none", *CACHES]).at_key(number)
    if not isinstance(settings, dict):
        raise UserError("not settings", given=settings, allowed=", ".join(CACHES[name])).at_key(number)
    if name in NEEDED and NEEDED[name] not in settings:
        hint = "they belong to the model: a list of numbers, or flux for those of FLUX.1"
        raise UserError(f"{name} needs {NEEDED[name]}", given=settings, hint=hint).at_key(number)
    columns = [_column(name, str(key), settings[key], number) for key in sorted(settings, key=str)]
    return [StepCache(name, tuple(one for one in chosen if one is not None)) for chosen in itertools.product(*columns)]


def _column(name: str, key: str, given: Any, number: int) -> list[tuple[str, Any] | None]:
    """The values of one setting with its name; None where it is at its default."""
    if key not in CACHES[name]:
        raise unknown_name("setting", key, CACHES[name]).at_key(number)
    default, schema = CACHES[name][key]
    values = [given] if key in LISTS else spread(given)
    for value in values:
        if not _fits(value, schema):
            raise UserError(f"not a value of {key}", given=value, allowed=_described(schema)).at_key(number)
    return [None if value == default else (key, _frozen(value, schema)) for value in values]


def _frozen(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with tuples in the place of lists, and one kind of number for one setting."""
    if isinstance(value, list | tuple):
        return tuple(float(one) if isinstance(one, int | float) else one for one in value)
    return float(value) if schema.get("type") == "number" else value


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value has the form of one of the few schemas that settings have."""
    if "anyOf" in schema:
        return any(_fits(value, one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return any(type(value) is type(one) and value == one for one in schema.get("enum", [schema.get("const")]))
    kinds: dict[str, Any] = {"null": type(None), "boolean": bool, "integer": int, "number": (int, float), "string": str}
    if schema["type"] == "array":
        return isinstance(value, list | tuple) and bool(value) and all(_fits(one, schema["items"]) for one in value)
    if not isinstance(value, kinds[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return False
    if not isinstance(value, int | float):
        return True
    return math.isfinite(value) and schema.get("minimum", value) <= value <= schema.get("maximum", value)


def _described(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_described, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if schema["type"] == "array":
        return f"a list, of {_described(schema['items'])}"
    bounds = [f"from {schema['minimum']} on"] if "minimum" in schema else []
    return " ".join([str(schema["type"]), *bounds])


def cache_spec(cache: StepCache | None) -> Any:
    """One value of the axis as a sweep file has it."""
    if cache is None:
        return "none"
    return {cache.name: {key: thawed(value) for key, value in cache.settings}} if cache.settings else cache.name


def cache_title(cache: StepCache | None) -> str:
    """'cache first_block threshold=0.1'."""
    settings = [f"{key}={compact(value)}" for key, value in cache.settings] if cache else []
    return " ".join(["cache", cache.name if cache else "none", *settings])
