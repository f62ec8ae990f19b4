"""Base of everything that is named in a sweep file with parameters: guiders and schedules."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Frozen, hashable, unknown parameters refused. The class's `name` is how a file calls it.

    A parameter named in `lists` takes a list as one value, where for others a list is an axis. If there is
    just one, `{name: [...]}` is short for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: ClassVar[str]
    lists: ClassVar[tuple[str, ...]] = ()

    def spec(self) -> str | dict[str, Any]:
        """As a file would give it: the name, or the name with the parameters that are not at their default."""
        given = self.model_dump(mode="json", exclude_defaults=True)
        return {self.name: given} if given else self.name

    def settings(self) -> dict[str, Any]:
        """Name and every parameter, defaults too: what an experiment's id is made of."""
        return {self.name: self.model_dump(mode="json")}

    def title(self) -> str:
        """'cosine', or 'cosine k_decay=0.7'."""
        given = self.model_dump(exclude_defaults=True)
        return " ".join([self.name, *(f"{key}={compact(value)}" for key, value in given.items())])


def compact(value: Any) -> str:
    """A number with at most five digits, no trailing zeros; anything else as it is."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
