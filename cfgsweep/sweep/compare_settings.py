"""The `compare:` block of a sweep file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from cfgsweep.config.instances import make_all
from cfgsweep.config.json_schema import reference
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.metrics.base import METRICS
from cfgsweep.metrics.spec import is_of_cells

EFFECTIVE_SCALE, EVALUATIONS, VALUE = "effective_scale", "evaluations", "value"
SETTINGS = "settings"  # of `cfgsweep compare` alone: what is not compared is equal anyway
MATCHED = (EFFECTIVE_SCALE, EVALUATIONS, VALUE)  # or the name of a metric
PLAIN = "cfg"


def _guider(given: Any) -> GuiderBase:
    if isinstance(given, GuiderBase):
        return given
    found: list[GuiderBase] = make_all(GUIDERS, given)
    if len(found) != 1:
        raise UserError("several guiders", given=given, allowed="one, such as cfg")
    if found[0].needs_noise_levels:
        raise UserError("no baseline: it follows the noise levels of a sampler", given=given, hint="take cfg")
    return found[0]


class CompareSettings(BaseModel):
    """What every cell of another guider is compared with; see `cfgsweep compare`."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    baseline: Annotated[Any, BeforeValidator(_guider), WithJsonSchema(reference("Guider"))] = Field(
        default_factory=lambda: _guider(PLAIN), description="the guider that the others are compared with"
    )
    matched: str = Field(EFFECTIVE_SCALE, description="what is equal: effective_scale, evaluations, value, or a metric")

    @property
    def baseline_is_plain(self) -> bool:
        """Whether the baseline's effective scale is its value, as of `cfg` with no parameters."""
        return bool(self.baseline == _guider(PLAIN))

    def spec(self) -> dict[str, Any]:
        """The settings as a sweep file has them."""
        return {"baseline": self.baseline.spec(), "matched": self.matched}

    def given(self, baseline: str | None, matched: str | None) -> tuple[str, str]:
        """The baseline, as titles have it, and what is equal: these settings in the place of what is None."""
        return baseline or self.baseline.title(), matched or self.matched

    def check(self, metrics: list[str], diagnostics: bool) -> None:
        """Raises UserError where the sweep does not keep, or measure, what the comparison takes."""
        if not metrics:
            error = UserError("nothing is measured that could be compared", hint="add `metrics: [contrast]`")
            raise error.at_key("compare")
        if self.matched not in (*MATCHED, *metrics):
            error = unknown_name("way to match", self.matched, (*MATCHED, *metrics))
            if self.matched in METRICS:
                error = UserError("a metric that is not measured", given=self.matched, hint="add it to `metrics`")
            raise error.at_key("compare", "matched")
        if is_of_cells(self.matched):
            problem = "a number of all pictures of a cell together, of which it cannot be said how near is near enough"
            hint = "match a metric of single pictures"
            raise UserError(problem, given=self.matched, hint=hint).at_key("compare", "matched")
        if self.matched in (EFFECTIVE_SCALE, EVALUATIONS) and not diagnostics:
            problem = "the effective scale is known only where `diagnostics` are kept"
            raise UserError(problem, given=self.matched).at_key("compare", "matched")
