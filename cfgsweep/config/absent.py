"""Stand-ins for guiders and schedules whose code is not at hand, so that finished runs can be read and drawn."""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic import ConfigDict, model_validator

from cfgsweep.config import user_code
from cfgsweep.config.instances import make_all
from cfgsweep.config.parameters import Parameters
from cfgsweep.config.registry import Registry, substitutes

_schedules: ContextVar[Registry[Any] | None] = ContextVar("schedules", default=None)


@contextmanager
def without_code(known: Mapping[str, Mapping[str, Any]], schedules: Registry[Any]) -> Iterator[None]:
    """Inside the block, what sweeps name but this installation lacks is a stand-in, and no user's file is imported.

    known: the names that records of the run have, each with class variables that ids depend on: `code_hash` and, for
        guiders, `default_scale`.
    schedules: what the parameters of a stand-in may name.
    """

    def substitute(base: type, name: str) -> type | None:
        if name not in known and not user_code.is_reference(name):
            return None
        if not issubclass(base, Parameters):
            return base
        return _stand_in(base, name, tuple(sorted(known.get(name, {}).items())))

    token, schedules_token = substitutes.set(substitute), _schedules.set(schedules)
    try:
        yield
    finally:
        substitutes.reset(token)
        _schedules.reset(schedules_token)


class AbsentCode(Parameters):
    """Parameters as a file has them, none refused. Titles and files show them as they were written."""

    @classmethod
    def has_parameter(cls, key: object) -> bool:
        return isinstance(key, str)

    @classmethod
    def alternatives(cls, key: str, value: Any) -> list[Any]:
        """A run's own sweep file has no axes within parameters: a list is one value."""
        return [value]

    @model_validator(mode="before")
    @classmethod
    def _parse_unknown(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {key: value if key in cls.model_fields else _parsed(value) for key, value in given.items()}

    def shape(self, value: float, steps: int) -> list[float]:
        """For schedules, whose numbers are unknown. It is drawn nowhere."""
        return [value] * steps

    def values_by_name(self) -> dict[str, Any]:
        return {**super().values_by_name(), **(self.model_extra or {})}


@functools.cache
def _stand_in(base: type[Parameters], name: str, attributes: tuple[tuple[str, Any], ...]) -> type[AbsentCode]:
    """The class for one name. Kept, so that instances with the same parameters are equal."""
    config = {"model_config": ConfigDict(extra="allow"), "__module__": __name__}  # before that of `base`
    cls: type[AbsentCode] = types.new_class("Absent", (AbsentCode, base), {}, lambda body: body.update(config))
    for key, value in {"name": name, **dict(attributes)}.items():
        setattr(cls, key, value)
    return cls


class _Frozen(dict[str, Any]):
    """A mapping that can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(json.dumps(self, sort_keys=True))


def _parsed(value: Any) -> Any:
    """A value of an unknown parameter: a schedule if it is the name of one of ours, else as it is, but hashable."""
    registry = _schedules.get()
    name = next(iter(value), None) if isinstance(value, dict) and len(value) == 1 else value
    if registry is not None and (user_code.is_reference(name) or name in registry.built_in()):
        (schedule,) = make_all(registry, value)
        return schedule
    if isinstance(value, dict):
        return _Frozen({key: _parsed(one) for key, one in value.items()})
    return tuple(map(_parsed, value)) if isinstance(value, list) else value
