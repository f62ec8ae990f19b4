"""From what a file says to instances: `tnorm`, or `{cosine: {k_decay: [0.6, 0.8]}}`."""

from __future__ import annotations

import itertools
from typing import Any

from pydantic import ValidationError

from cfgsweep.config.parameters import Parameters
from cfgsweep.config.ranges import spread
from cfgsweep.config.registry import Registry
from cfgsweep.config.validation_words import told
from cfgsweep.errors import UserError, unknown_name


def make_all(registry: Registry[Any], item: Any) -> list[Any]:
    """The instances of a name, or of a name with parameters: one for every combination of what is a list or a range.

    Raises UserError if the name or a parameter is unknown, or a value is refused.
    """
    if isinstance(item, Parameters):
        return [item]
    name, parameters = _name_and_parameters(registry, item)
    cls = registry.look_up(name)
    if isinstance(parameters, list | str) and cls.shorthand:
        parameters = {cls.shorthand: parameters}
    if not isinstance(parameters, dict):
        raise UserError(f"{name} takes named parameters", given=parameters, allowed=f"{{{name}: {{...}}}}")
    for key in parameters:
        if not cls.has_parameter(key):
            raise unknown_name(f"parameter of {registry.kind} {cls.name}", key, cls.model_fields)
    several = {key: cls.alternatives(key, value) for key, value in parameters.items()}
    return [make(cls, dict(zip(several, values, strict=True))) for values in itertools.product(*several.values())]


def _name_and_parameters(registry: Registry[Any], item: Any) -> tuple[str, Any]:
    """Of `name`, `{name: parameters}`, `{name: null}`, or `{name: short form, parameter: value}`."""
    if isinstance(item, str):
        return item, {}
    if isinstance(item, dict) and len(item) > 1:
        named = [key for key in item if key in registry.built_in() and registry[key].shorthand]
        if len(named) == 1 and not isinstance(item[named[0]], dict):
            rest = {key: value for key, value in item.items() if key != named[0]}
            return named[0], {registry[named[0]].shorthand: item[named[0]], **rest}
    if not isinstance(item, dict) or len(item) != 1 or not isinstance(next(iter(item)), str):
        raise UserError(f"not a {registry.kind}", given=item, allowed="a name, or {name: {parameter: value}}")
    ((name, parameters),) = item.items()
    return name, {} if parameters is None else parameters


def make(cls: type[Parameters], parameters: dict[str, Any]) -> Parameters:
    """One instance. Raises UserError if a value is refused."""
    try:
        return cls.model_validate(parameters)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        original = error.get("ctx", {}).get("error")
        if isinstance(original, UserError):
            raise original from None
        place = ".".join(str(part) for part in error["loc"])
        problem, allowed = told(error)
        kind = cls.registry.kind if cls.registry else "part"
        problem = f"{kind} {cls.name}: {place}: {problem}"
        raise UserError(problem, given=error["input"], allowed=allowed) from None


def make_list(registry: Registry[Any], given: Any) -> list[Any]:
    """The instances of one item or a list of them. Errors have the place in the list."""
    made = []
    for index, item in enumerate(spread(given)):
        try:
            made += make_all(registry, item)
        except UserError as error:
            place = (index,) if isinstance(given, list) else ()
            raise error.at_key(*place) from None
    return made
