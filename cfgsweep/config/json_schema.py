"""Parts of the JSON Schema of sweep files: names with parameters, ranges, one value or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfgsweep.config.ranges import RANGES
from cfgsweep.config.registry import Registry


def named_schema(registry: Registry[Any], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A name of the registry, or such a name with its parameters. more: schemas of what can stand beside them."""
    forms: list[dict[str, Any]] = [{"enum": sorted(registry)}]
    for name, cls in registry.items():
        fields = cls.model_json_schema()["properties"]
        several = {key: field if key in cls.list_valued else one_or_many(field, True) for key, field in fields.items()}
        if cls.shorthand:
            short = {name: several[cls.shorthand]}
            beside = {key: field for key, field in several.items() if key != cls.shorthand}
            forms.append({**only(name, {}), "properties": {**beside, **short}})
        several = {**(more or {}), **several}
        forms.append(only(name, {"type": ["object", "null"], "properties": several, "additionalProperties": False}))
    return {"anyOf": forms}


FILE_PATTERN = r"\.py:[A-Za-z_][A-Za-z0-9_]*$"  # a class of a user's own file


def pattern_schema(pattern: str) -> dict[str, Any]:
    """Any name that matches, or such a name with any parameters."""
    parameters = {"patternProperties": {pattern: {"type": ["object", "null"]}}, "additionalProperties": False}
    one = {"type": "object", "minProperties": 1, "maxProperties": 1, **parameters}
    return {"anyOf": [{"type": "string", "pattern": pattern}, one]}


def one_or_many(item: dict[str, Any], numeric: bool) -> dict[str, Any]:
    """One item or a list of items. numeric: each may be a range, too."""
    one_of = {"anyOf": [item, reference("Range")]} if numeric else item
    return {"anyOf": [one_of, {"type": "array", "items": one_of, "minItems": 1}]}


def range_schema() -> dict[str, Any]:
    """A range of numbers."""
    three = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    return {"anyOf": [only(kind, three) for kind in RANGES]}


# Where references to our definitions point until `bundled` adds them: pydantic refuses unknown references into its own
# document, and leaves those to others alone.
ELSEWHERE = "https://cfgsweep/"


def reference(name: str) -> dict[str, Any]:
    """A reference to one of the definitions that `bundled` adds."""
    return {"$ref": ELSEWHERE + name}


def bundled(schema: dict[str, Any], definitions: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema with these definitions in its `$defs`, and references to them."""
    return _rewritten({**schema, "$defs": {**schema.get("$defs", {}), **definitions}})


# pydantic leaves the bounds of a number under its own names if another validator comes before them.
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def _rewritten(node: Any) -> Any:
    """The same schema with references into its own `$defs`, and bounds in the words of JSON Schema."""
    if isinstance(node, list | tuple):
        return [_rewritten(one) for one in node]
    if not isinstance(node, dict):
        return node
    words = BOUNDS if node.get("type") in ("number", "integer") else {}
    found = {words.get(key, key): _rewritten(value) for key, value in node.items()}
    if "$ref" in found:
        found["$ref"] = found["$ref"].replace(ELSEWHERE, "#/$defs/")
    return found


def only(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A mapping with this key alone."""
    return {"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": False}
