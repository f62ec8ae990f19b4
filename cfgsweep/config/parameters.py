"""Base of everything that is named in a sweep file with parameters: guiders and schedules."""

from __future__ import annotations

import functools
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from cfgsweep.config.ranges import spread


def number(given: Any) -> Any:
    """No text and no true/false where a number belongs (pydantic would take both)."""
    if isinstance(given, bool | str):
        raise ValueError("not a number")
    return given


Number = Annotated[float, BeforeValidator(number)]
Whole = Annotated[int, BeforeValidator(number)]


class Parameters(BaseModel):
    """Frozen, hashable, unknown parameters refused. The class's `name` is how a file calls it.

    formula, source: what is computed, and where it comes from (paper or package), for people.
    lists: parameters that take a list as one value, where for others a list is an axis.
    short: the parameter that `{name: [...]}` is short for.
    defaults_version: raised when a default changes, since ids leave out what is at its default.
    foreign_defaults: parameters whose defaults another package may change: ids have them always.
    code_hash: the first 16 hex digits of the SHA-256 of the file that has the class, where it is a user's own file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: ClassVar[str]
    formula: ClassVar[str] = ""
    source: ClassVar[str] = ""
    lists: ClassVar[tuple[str, ...]] = ()
    short: ClassVar[str] = ""
    defaults_version: ClassVar[int] = 1
    foreign_defaults: ClassVar[tuple[str, ...]] = ()
    code_hash: ClassVar[str | None] = None

    @classmethod
    def alternatives(cls, key: str, value: Any) -> list[Any]:
        """The values meant for one parameter: several where a file gives a list or a range."""
        return [value] if key in cls.lists else spread(value)

    def __hash__(self) -> int:
        """Kept, since a plan asks for it a million times, and different for classes that have the same parameters."""
        return self.kept_hash

    @functools.cached_property
    def kept_hash(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in type(self).model_fields)))

    def model_copy(self, **changes: Any) -> Self:
        copy = super().model_copy(**changes)
        copy.__dict__.pop("kept_hash", None)
        return copy

    def spec(self) -> str | dict[str, Any]:
        """As a file would give it: the name, or the name with the parameters that are not at their default."""
        given = {key: value.spec() if isinstance(value, Parameters) else value for key, value in self._given().items()}
        return {self.name: plain(given)} if given else self.name

    def settings(self) -> dict[str, Any]:
        """Name and every parameter, defaults too: what an experiment's id is made of."""
        values = {key: getattr(self, key) for key in type(self).model_fields}
        return {self.name: plain({k: v.settings() if isinstance(v, Parameters) else v for k, v in values.items()})}

    def id_settings(self) -> dict[str, Any]:
        """What an experiment's id is made of: name and parameters that are not at their default, of what version."""
        given = self._given() | {key: getattr(self, key) for key in self.foreign_defaults}
        values = {key: value.id_settings() if isinstance(value, Parameters) else value for key, value in given.items()}
        settings: dict[str, Any] = {self.name: plain(values)}
        if self.defaults_version != 1:
            settings["defaults_version"] = self.defaults_version
        if self.code_hash is not None:
            settings["code_hash"] = self.code_hash
        return settings

    def title(self) -> str:
        """'cosine', or 'cosine k_decay=0.7'."""
        return " ".join([self.name, *(f"{key}={compact(value)}" for key, value in self._given().items())])

    def _given(self) -> dict[str, Any]:
        """The parameters that are not at their default."""
        fields = type(self).model_fields
        return {key: value for key in fields if (value := getattr(self, key)) != fields[key].default}


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
