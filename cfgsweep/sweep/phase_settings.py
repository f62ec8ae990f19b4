"""The `phase:` block of a sweep file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from cfgsweep.config.parameters import Number, Whole

MOST_POINTS = 1000


def _listed(given: Any) -> Any:
    return given if isinstance(given, list) else [given]


def _one_or_two(kind: str) -> WithJsonSchema:
    several = {"type": "array", "items": {"type": kind}, "minItems": 1, "maxItems": 2}
    return WithJsonSchema({"anyOf": [{"type": kind}, several]})


# One number, or two where a map is searched.
OneOrTwo = Annotated[list[Number], BeforeValidator(_listed), Field(min_length=1, max_length=2), _one_or_two("number")]
Counts = Annotated[
    list[Annotated[Whole, Field(ge=5, le=MOST_POINTS)]],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=2),
    _one_or_two("integer"),
]


class PhaseSettings(BaseModel):
    """The range of a search, the points of its first scan, its tolerance and its distance."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: OneOrTwo | None = Field(None, description="where the range begins; the axis' lowest value if not given")
    high: OneOrTwo | None = Field(None, description="where it ends")
    scan: Counts = Field([33], description="values of the first look, evenly spread")
    tolerance: OneOrTwo | None = Field(None, description="how exactly to know a transition; 1/1000 of the range")
    distance: str = Field("layout", description="what makes two pictures different: see `cfgsweep phase --help`")
    max_evaluations: Annotated[Whole, Field(ge=1)] | None = Field(None, description="stop before more than that")

    def spec(self) -> dict[str, Any]:
        """The settings as a sweep file has them."""
        given = self.model_dump(exclude_none=True)
        return {key: one[0] if isinstance(one, list) and len(one) == 1 else one for key, one in given.items()}
