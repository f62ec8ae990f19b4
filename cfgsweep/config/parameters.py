"""Base of everything that is named in a sweep file with parameters: guiders and schedules."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from cfgsweep.config import user_code
from cfgsweep.config.ranges import numbers_as_yaml, spread
from cfgsweep.config.registry import Registry, register
from cfgsweep.errors import UserError


def number(given: Any) -> Any:
    """Refuses text and booleans, which pydantic would take for numbers."""
    if isinstance(given, str) and (spelling := numbers_as_yaml(given)) is not None:
        raise UserError("not a number", given=given, hint=f"did you mean {spelling}?")
    if isinstance(given, bool | str):
        raise ValueError("not a number")
    return given


Number = Annotated[float, BeforeValidator(number)]
Whole = Annotated[int, BeforeValidator(number)]


class Parameters(BaseModel):
    """Named parameters: frozen, hashable, unknown ones refused. A subclass with a `name` is registered under it.

    name: how a sweep file calls it.
    registry: where subclasses are registered, one for guiders and one for schedules.
    formula, source: what is computed, and where it comes from (paper or package).
    list_valued: parameters that take a list as one value; for others a list is an axis.
    shorthand: the parameter that `{name: [...]}` or `{name: "text", …}` is short for.
    defaults_version: raised when a default changes, since ids leave out what is at its default.
    formula_version: raised when the same parameters make other pictures, so that old ones are not taken for them.
    foreign_defaults: parameters whose defaults another package may change. Ids always have them.
    code_file, code_hash: of a class from a user's own file: its path, and the first 16 hex digits of its SHA-256.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: ClassVar[str]
    registry: ClassVar[Registry[Any] | None] = None
    formula: ClassVar[str] = ""
    source: ClassVar[str] = ""
    list_valued: ClassVar[tuple[str, ...]] = ()
    shorthand: ClassVar[str] = ""
    defaults_version: ClassVar[int] = 1
    formula_version: ClassVar[int] = 1
    foreign_defaults: ClassVar[tuple[str, ...]] = ()
    code_file: ClassVar[str | None] = None
    code_hash: ClassVar[str | None] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        register(cls)

    @classmethod
    def has_parameter(cls, key: object) -> bool:
        """Is this the name of a parameter?"""
        return key in cls.model_fields

    @classmethod
    def alternatives(cls, key: str, value: Any) -> list[Any]:
        """The values that a file gives for one parameter: several for a list or a range."""
        return [value] if key in cls.list_valued else spread(value)

    def __hash__(self) -> int:
        return self.cached_hash

    @functools.cached_property
    def cached_hash(self) -> int:
        """Of class and parameters. Cached, since planning hashes the same instances millions of times."""
        return hash((type(self), *self.values_by_name().values()))

    def model_copy(self, **changes: Any) -> Self:
        copy = super().model_copy(**changes)
        copy.__dict__.pop("cached_hash", None)
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles as name and parameters. Classes made at run time and the cached hash cannot go to another process."""
        return _rebuild, (*_class_reference(type(self)), {key: getattr(self, key) for key in self.model_fields_set})

    def spec(self) -> str | dict[str, Any]:
        """As a file would give it: the name, or the name with the parameters of `shown_values`."""
        values = self.shown_values()
        given = {key: value.spec() if isinstance(value, Parameters) else value for key, value in values.items()}
        return {self.name: plain(given)} if given else self.name

    def settings(self) -> dict[str, Any]:
        """Name and every parameter, defaults too: what ids of the first version were made of."""
        values = self.values_by_name()
        return {self.name: plain({k: v.settings() if isinstance(v, Parameters) else v for k, v in values.items()})}

    def id_settings(self) -> dict[str, Any]:
        """What ids are made of: name, parameters that are not at their default, versions, code."""
        given = self.changed_values() | {key: getattr(self, key) for key in self.foreign_defaults}
        values = {key: _inner_id_settings(value) for key, value in given.items()}
        settings: dict[str, Any] = {self.name: plain(values)}
        if self.defaults_version != 1:
            settings["defaults_version"] = self.defaults_version
        if self.formula_version != 1:
            settings["formula_version"] = self.formula_version
        if self.code_hash is not None:
            settings["code_hash"] = self.code_hash
        return settings

    @functools.cached_property
    def formula_changed(self) -> bool:
        """Whether the first version made other pictures of this, or of one of its parameters."""
        inner = (value for value in self.values_by_name().values() if isinstance(value, Parameters))
        return self.formula_version != 1 or any(value.formula_changed for value in inner)

    def code(self) -> dict[str, str]:
        """The users' classes among this and its parameters, with the hashes of their files."""
        found = {} if self.code_hash is None else {self.name: self.code_hash}
        for value in self.values_by_name().values():
            found |= value.code() if isinstance(value, Parameters) else {}
        return found

    def title(self) -> str:
        """'cosine', or 'cosine k_decay=0.7'."""
        return " ".join([self.name, *(f"{key}={compact(value)}" for key, value in self.shown_values().items())])

    def values_by_name(self) -> dict[str, Any]:
        """Every parameter."""
        return {key: getattr(self, key) for key in type(self).model_fields}

    def shown_values(self) -> dict[str, Any]:
        """The parameters that were given, and those that are not at their default.

        A default that was given is shown: beside other values of a swept parameter it would be missed.
        """
        changed = self.changed_values()
        return {k: v for k, v in self.values_by_name().items() if k in changed or k in self.model_fields_set}

    def changed_values(self) -> dict[str, Any]:
        """The parameters that are not at their default."""
        defaults = {key: field.default for key, field in type(self).model_fields.items()}
        return {k: v for k, v in self.values_by_name().items() if k not in defaults or v != defaults[k]}


def _inner_id_settings(value: Any) -> Any:
    """Of a parameter's value. A schedule without parameters is its name alone, as in a file: see `absent`."""
    if not isinstance(value, Parameters):
        return value
    settings = value.id_settings()
    return value.name if settings == {value.name: {}} else settings


def _class_reference(cls: type[Parameters]) -> tuple[type[Parameters], str | None, str | None, str | None]:
    """What `_rebuild` finds a class by: itself if it can be imported, else its name and file."""
    importable = cls.code_file is None and getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is cls
    if cls.registry is None or importable:
        return cls, None, None, None
    return cls.registry.base, cls.name, cls.code_file, cls.code_hash


def _rebuild(
    base: type[Parameters], name: str | None, file: str | None, code_hash: str | None, given: Mapping[str, Any]
) -> Parameters:
    """The unpickled instance. Raises UserError if a user's file is no longer the one that was pickled with."""
    cls = base
    if base.registry is not None and name is not None:
        if file is None:
            cls = base.registry.look_up(name)
        else:
            cls = user_code.import_class(Path(file), name, base, base.registry.kind, code_hash)
    return cls.model_validate(dict(given))


def plain(value: Any) -> Any:
    """Tuples as lists, all the way down: what JSON and YAML have."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple | list) else value


def compact(value: Any) -> str:
    """A number with at most five digits, no trailing zeros; a schedule in brackets; lists as they are written."""
    if isinstance(value, Parameters):
        return f"({value.title()})"
    if isinstance(value, tuple):
        parts = [compact(one) for one in value]
        return f"[{','.join(parts if len(parts) <= 6 else [*parts[:2], '…', *parts[-2:]])}]"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
