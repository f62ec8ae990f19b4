"""The settings that a search varies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cfgsweep.config.instances import make
from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError, did_you_mean, error_context, unknown_name
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.sweep.experiment import Experiment

PARTS = ("guider", "schedule")


@dataclass(frozen=True)
class Axis:
    """`value`, or a numeric parameter of a guider or a schedule: `guider.tnorm.start`."""

    name: str
    part: str = ""
    owner: str = ""
    parameter: str = ""

    @classmethod
    def of(cls, name: str, experiments: Sequence[Experiment]) -> Axis:
        """The axis of that name. Raises UserError where these experiments have no such number."""
        if name == "value":
            return cls(name)
        part, _, rest = name.partition(".")
        owner, _, parameter = rest.rpartition(".")
        if part not in PARTS or not owner:
            allowed = "value, guider.NAME.PARAMETER, schedule.NAME.PARAMETER"
            raise UserError("not a setting that can be searched", where="search", given=name, allowed=allowed)
        axis = cls(name, part, owner, parameter)
        for e in experiments:
            axis._check(getattr(e, part))
        return axis

    @property
    def fields(self) -> list[str]:
        """The fields of an experiment that change along the axis."""
        return [self.part or self.name]

    def _check(self, found: Parameters) -> None:
        if found.name != self.owner:
            hint = f"every {self.part} of the sweep has to be {self.owner}: leave the others out"
            raise UserError(f"the sweep has a {self.part} without it", where=self.name, given=found.spec(), hint=hint)
        numeric = _numeric(found)
        if self.parameter not in numeric:
            raise unknown_name(f"numeric parameter of {self.owner}", self.parameter, numeric, "search")

    def at(self, e: Experiment, value: float) -> Experiment:
        """The experiment with this value of the setting. Raises UserError where the setting cannot have it."""
        if not self.part:
            return dataclasses.replace(e, value=value)
        before: Parameters = getattr(e, self.part)
        given = {key: getattr(before, key) for key in before.model_fields_set} | {self.parameter: value}
        with error_context(f"{self.name} = {value:g}"):
            changed: Any = make(type(before), given)
        return dataclasses.replace(e, **{self.part: changed})


def check_name(name: str, guiders: Sequence[Parameters], schedules: Sequence[Parameters]) -> None:
    """Raises UserError, with the nearest one, where a sweep with these parts has no such setting to search."""
    parts = {"guider": guiders, "schedule": schedules}
    try:
        axis = Axis.of(name, [])
    except UserError as error:
        known = [f"{part}.{one.name}.{key}" for part, ones in parts.items() for one in ones for key in _numeric(one)]
        error.hint = did_you_mean(name, ["value", *known])
        raise
    for found in parts.get(axis.part, ()):
        axis._check(found)


@dataclass(frozen=True)
class AxisPair:
    """Two settings that are searched together."""

    across: Axis
    up: Axis

    @property
    def name(self) -> str:
        return f"{self.across.name}, {self.up.name}"

    @property
    def fields(self) -> list[str]:
        """The fields of an experiment that change along the axes."""
        return list(dict.fromkeys([*self.across.fields, *self.up.fields]))

    def at(self, e: Experiment, point: tuple[float, float]) -> Experiment:
        """The experiment with these values of the two settings."""
        return self.up.at(self.across.at(e, point[0]), point[1])


def _numeric(found: Parameters) -> list[str]:
    """The parameters that take any real number."""
    return [key for key, field in type(found).model_fields.items() if _takes_numbers(found, key, field)]


def _takes_numbers(found: Parameters, key: str, field: Any) -> bool:
    """Whether a parameter takes any real number, by its default, or by its type where it has no default."""
    if isinstance(found, GuiderBase) and key in found.numeric():
        return True
    return field.annotation is float or (isinstance(field.default, float) and not isinstance(field.default, bool))
