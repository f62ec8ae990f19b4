"""Schedules, by the name a sweep file calls them."""

from __future__ import annotations

from cfgsweep.guidance.schedules.base import Schedule
from cfgsweep.guidance.schedules.cosine import Cosine, InverseCosine
from cfgsweep.guidance.schedules.curves import Beta, ClampLinear, Constant, Exponential, Linear, PowerCosine, Sawtooth
from cfgsweep.guidance.schedules.stepwise import Interval, Listed, Piecewise, Step

SCHEDULES: dict[str, type[Schedule]] = {
    schedule.name: schedule
    for schedule in (
        Constant,
        Linear,
        Cosine,
        InverseCosine,
        ClampLinear,
        PowerCosine,
        Step,
        Interval,
        Exponential,
        Beta,
        Sawtooth,
        Listed,
        Piecewise,
    )
}

__all__ = ["SCHEDULES", "Constant", "Cosine", "Listed", "Schedule", "Step"]
