"""hypothesis strategies for documents that a JSON Schema allows, and for documents with errors in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

Values = st.SearchStrategy[Any]
TEXTS = st.text(max_size=12) | st.sampled_from(["", "..", "a/b", "\x00", "\u202e", "\x1b[2J", "é" * 300, "*x", "%s{}"])
NUMBERS = st.sampled_from([0, 1, -1, 0.5, 2, 50, 1e-300, 1e300, 2**63, 10**40, math.inf, -math.inf, math.nan, -0.0])
KEYS = TEXTS | st.none() | st.booleans() | st.integers() | st.floats()
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def of_schema(schema: Mapping[str, Any], wrong: int = 0, **of_definitions: Mapping[str, Any]) -> Values:
    """Documents that the schema allows, but about one part in `wrong` is replaced by an arbitrary value.

    of_definitions: schemas that replace the schema's own definitions.
    """
    return _Strategies({**schema.get("$defs", {}), **of_definitions}, wrong).of(schema)


class _Strategies:
    """Strategies for the parts of a schema, each made once."""

    def __init__(self, definitions: Mapping[str, Any], wrong: int):
        self.definitions, self.wrong = definitions, wrong
        self._known: dict[int, Values] = {}

    def of(self, schema: Mapping[str, Any]) -> Values:
        if id(schema) not in self._known:
            self._known[id(schema)] = st.deferred(lambda: self._sometimes_wrong(self._right(schema)))
        return self._known[id(schema)]

    def _sometimes_wrong(self, right: Values) -> Values:
        if not self.wrong:
            return right
        return st.integers(1, self.wrong).flatmap(lambda n: anything if n == self.wrong else right)

    def _right(self, schema: Mapping[str, Any]) -> Values:
        if "$ref" in schema:
            return self.of(self.definitions[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return st.one_of([self.of(one) for one in schema["anyOf"]])
        if "const" in schema or "enum" in schema:
            return st.sampled_from(schema.get("enum", [schema.get("const")]))
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) else kind:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer" | "number":
                return _numbers(schema)
            case "string":
                return st.from_regex(schema["pattern"]) if "pattern" in schema else TEXTS.filter(_of_length(schema))
            case "array":
                return self._lists(schema)
            case "object":
                return self._objects(schema)
        return anything

    def _lists(self, schema: Mapping[str, Any]) -> Values:
        if "prefixItems" in schema:
            return st.tuples(*map(self.of, schema["prefixItems"])).map(list)
        least, most = schema.get("minItems", 0), schema.get("maxItems", 4)
        items = self.of(schema["items"]) if "items" in schema else anything
        return st.lists(items, min_size=least, max_size=max(least, min(most, 4)))

    def _objects(self, schema: Mapping[str, Any]) -> Values:
        fields, needed = schema.get("properties", {}), schema.get("required", [])
        if not fields:
            keys = [st.from_regex(pattern) for pattern in schema.get("patternProperties", {})] or [TEXTS]
            least, most = schema.get("minProperties", 0), schema.get("maxProperties", 2)
            return st.dictionaries(keys[0], anything, min_size=least, max_size=most)
        chosen = st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)
        right = chosen.flatmap(
            lambda names: st.fixed_dictionaries({name: self.of(fields[name]) for name in [*needed, *names]})
        )
        if not self.wrong or len(fields) > 1:
            return right
        return right | st.dictionaries(KEYS, self.of(next(iter(fields.values()))), min_size=1, max_size=2)


def _numbers(schema: Mapping[str, Any]) -> Values:
    """Numbers in the schema's bounds, and small ones where there are none, since documents are expanded, too."""
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1000))
    most = schema.get("maximum", schema.get("exclusiveMaximum", max(least, 0) + 60))
    step = schema.get("multipleOf", 1)
    whole = st.integers(math.ceil(least / step), math.floor(most / step)).map(lambda n: n * step)
    if schema["type"] == "integer":
        return whole
    inside = {"exclude_min": "exclusiveMinimum" in schema, "exclude_max": "exclusiveMaximum" in schema}
    return st.floats(least, most, **inside) | whole.filter(lambda n: least < n < most)


def _of_length(schema: Mapping[str, Any]) -> Callable[[str], bool]:
    return lambda text: schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", math.inf)
