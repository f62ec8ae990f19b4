"""Things a file names, with parameters: `tnorm`, `{cosine: {k_decay: 0.7}}`; to instances, and to JSON Schema."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cfgsweep.config.parameters import Parameters
from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, unknown_name

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
        raise UserError(f"not a {kind}", given=item, allowed=allowed)
    ((name, parameters),) = item.items()
    cls = look_up(kind, registry, name)
    if isinstance(parameters, list) and cls.short:
        parameters = {cls.short: parameters}
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise UserError(f"{name} takes named parameters", given=parameters, allowed=f"{{{name}: {{...}}}}")
    for key in parameters:
        if key not in cls.model_fields:
            raise unknown_name(f"parameter of {kind} {cls.name}", key, cls.model_fields)
    several = {key: cls.alternatives(key, value) for key, value in parameters.items()}
    chosen = itertools.product(*several.values())
    return [make(kind, cls, dict(zip(several, values, strict=True))) for values in chosen]


def make(kind: str, cls: type[Parameters], parameters: dict[str, Any]) -> Parameters:
    try:
        return cls.model_validate(parameters)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        original = error.get("ctx", {}).get("error")
        if isinstance(original, UserError):
            raise original from None
        place = ".".join(str(part) for part in error["loc"])
        problem = error["msg"].removeprefix("Value error, ")
        raise UserError(f"{kind} {cls.name}: {place}: {problem}", given=error["input"]) from None


def make_list(kind: str, registry: Registry, given: Any) -> list[Any]:
    """One of them or a list of them; an error says at which place of the list."""
    made = []
    for index, item in enumerate(spread(given)):
        try:
            made += make_all(kind, registry, item)
        except UserError as error:
            raise error.at_key(*([index] if isinstance(given, list) else [])) from None
    return made
