"""Schedules. A module here with a named subclass of Schedule is all that a new one takes."""

from __future__ import annotations

from cfgsweep.guidance.schedules.base import Schedule
from cfgsweep.guidance.schedules.cosine import Cosine
from cfgsweep.guidance.schedules.curves import Constant
from cfgsweep.guidance.schedules.expression import Expression
from cfgsweep.guidance.schedules.from_file import FromFile
from cfgsweep.guidance.schedules.stepwise import Listed, Step

SCHEDULES = Schedule.registry

__all__ = ["SCHEDULES", "Constant", "Cosine", "Expression", "FromFile", "Listed", "Schedule", "Step"]
