"""Things a file names, with parameters: `tnorm`, `{cosine: {k_decay: 0.7}}`; to instances, and to JSON Schema."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cfgsweep.axes import RANGES, spread
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.parameters import Parameters
from cfgsweep.yamlfile import UserErrorInside

Registry = Mapping[str, type[Parameters]]


def look_up(kind: str, registry: Mapping[str, Any], name: Any) -> Any:
    """The one of that name; UserError, with the nearest, where there is none."""
    try:
        return registry[name]
    except (KeyError, TypeError):
        raise unknown_name(kind, name, registry) from None


def make_all(kind: str, registry: Registry, item: Any) -> list[Any]:
    """'tnorm', or {'cosine': {'k_decay': [0.6, 0.8]}} -> the instances meant, one for every combination."""
    if isinstance(item, Parameters):
        return [item]
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, dict) or len(item) != 1 or not isinstance(next(iter(item)), str):
        allowed = "a name, or {name: {parameter: value}}"
        raise UserErrorInside(UserError(f"not a {kind}", given=item, allowed=allowed))
    ((name, parameters),) = item.items()
    try:
        cls = look_up(kind, registry, name)
    except UserError as error:
        raise UserErrorInside(error) from None
    if isinstance(parameters, list) and cls.short:
        parameters = {cls.short: parameters}
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise UserErrorInside(
            UserError(f"{name} takes named parameters", given=parameters, allowed=f"{{{name}: {{...}}}}")
        )
    for key in parameters:
        if key not in cls.model_fields:
            raise UserErrorInside(unknown_name(f"parameter of {kind} {cls.name}", key, cls.model_fields))
    several = {key: cls.alternatives(key, value) for key, value in parameters.items()}
    chosen = itertools.product(*several.values())
    return [make(kind, cls, dict(zip(several, values, strict=True))) for values in chosen]


def make(kind: str, cls: type[Parameters], parameters: dict[str, Any]) -> Parameters:
    try:
        return cls.model_validate(parameters)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        original = error.get("ctx", {}).get("error")
        if isinstance(original, UserErrorInside):
            raise original from None
        place = ".".join(str(part) for part in error["loc"])
        problem = error["msg"].removeprefix("Value error, ")
        raise UserErrorInside(UserError(f"{kind} {cls.name}: {place}: {problem}", given=error["input"])) from None


def make_list(kind: str, registry: Registry, given: Any) -> list[Any]:
    """One of them or a list of them; an error says at which place of the list."""
    made = []
    for index, item in enumerate(spread(given)):
        try:
            made += make_all(kind, registry, item)
        except UserErrorInside as error:
            raise UserErrorInside(error.error, (index,) if isinstance(given, list) else ()) from None
    return made


def named_schema(registry: Registry) -> dict[str, Any]:
    """A name, or a name with its parameters."""
    forms: list[dict[str, Any]] = [{"enum": sorted(registry)}]
    for name, cls in registry.items():
        fields = cls.model_json_schema()["properties"]
        if cls.short:
            forms.append(only(name, fields[cls.short]))
        several = {key: field if key in cls.lists else one_or_many(field, True) for key, field in fields.items()}
        forms.append(only(name, {"type": ["object", "null"], "properties": several, "additionalProperties": False}))
    return {"anyOf": forms}


def prefixed_schema(prefix: str) -> dict[str, Any]:
    """Any name that begins so, or such a name with parameters of whatever kind."""
    pattern = f"^{re.escape(prefix)}"
    parameters = {"patternProperties": {pattern: {"type": ["object", "null"]}}, "additionalProperties": False}
    one = {"type": "object", "minProperties": 1, "maxProperties": 1, **parameters}
    return {"anyOf": [{"type": "string", "pattern": pattern}, one]}


def one_or_many(item: dict[str, Any], numeric: bool) -> dict[str, Any]:
    """One thing, a list of things, or for numbers a range."""
    one_of = {"anyOf": [item, reference("Range")]} if numeric else item
    return {"anyOf": [one_of, {"type": "array", "items": one_of, "minItems": 1}]}


def range_schema() -> dict[str, Any]:
    """A range of numbers."""
    three = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    return {"anyOf": [only(kind, three) for kind in RANGES]}


# What is said once in a JSON Schema and referred to. pydantic takes references of its own or to elsewhere, not these.
ELSEWHERE = "https://cfgsweep/"


def reference(name: str) -> dict[str, Any]:
    """A reference to one of the definitions that `bundled` adds."""
    return {"$ref": ELSEWHERE + name}


def bundled(schema: dict[str, Any], definitions: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema with its definitions, references pointing to them."""
    whole = {**schema, "$defs": {**schema.get("$defs", {}), **definitions}}
    text = json.dumps(whole).replace(ELSEWHERE, "#/$defs/")
    found: dict[str, Any] = json.loads(text, object_hook=_in_words_of_json_schema)
    return found


BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def _in_words_of_json_schema(found: dict[str, Any]) -> dict[str, Any]:
    """pydantic keeps its own words for the bounds of numbers that a validator of ours has seen first."""
    if found.get("type") not in ("number", "integer"):
        return found
    return {BOUNDS.get(key, key): value for key, value in found.items()}


def only(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": False}
