"""The files that schedules of a sweep were read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfgsweep.guidance.schedules import FromFile, Schedule
from cfgsweep.sweep.guider_axis import as_entry
from cfgsweep.sweep.schema import Sweep


def schedules_from_files(sweep: Sweep) -> list[FromFile]:
    """The schedules of the sweep and of its guiders' parameters that were read from files."""
    guiders = (as_entry(one).guider for one in sweep.guider)
    parameters = (value for guider in guiders for value in guider.values_by_name().values())
    return [one for one in (*sweep.schedule, *parameters) if isinstance(one, FromFile)]


def schedule_spec(schedule: Schedule, places: Mapping[Any, str]) -> Any:
    """As a sweep file has it. places: the paths of copies; without one, the numbers are written, too."""
    if not isinstance(schedule, FromFile):
        return schedule.spec()
    if schedule in places:
        return schedule.spec_at(places[schedule])
    return schedule.spec_at(schedule.path, with_numbers=True)
