"""What a page shows beside a large picture."""

from __future__ import annotations

import functools
from collections.abc import Container
from typing import Any

from cfgsweep.config.absent import AbsentCode
from cfgsweep.engine.preview_calls import preview_calls
from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.pages.copies import Copies
from cfgsweep.pages.numbers import finite
from cfgsweep.samplers import SAMPLERS
from cfgsweep.storage.png import diagnostics_in
from cfgsweep.storage.previews import preview_count
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment

SCALE_DIGITS = 6


def detail_of(
    run: RunFolder, e: Experiment, record: Record, copies: Copies, previews: Container[str]
) -> dict[str, Any]:
    """previews: the ids of the pictures that have some."""
    return {
        "record": finite(record.as_json()),
        "schedule": _scales(e.schedule, e.value, e.performed_steps, e.noise_levels),
        "diagnostics": _diagnostics(run, record),
        "hasPreviews": record.id in previews,
        "previewSteps": _preview_steps(run, e, record) if record.id in previews else None,
        "copies": copies.of(e, record),
    }


@functools.lru_cache(maxsize=4096)
def _scales(schedule: Schedule, value: float, steps: int, levels: tuple[float, ...]) -> list[float | None] | None:
    """The guidance scale at every step; None of a schedule whose code is not at hand."""
    if isinstance(schedule, AbsentCode):
        return None
    try:
        numbers = schedule.values(value, steps, levels)
    except UserError:
        return None
    return [finite(float(number), SCALE_DIGITS) for number in numbers]


def _diagnostics(run: RunFolder, record: Record) -> dict[str, list[float | None]] | None:
    """The numbers of guidance inside a picture, by their names; None where it has none, or is not there."""
    found = diagnostics_in(run.image_path(record.id)) if isinstance(record, DoneRecord) else None
    return {name: found.column(name) for name in found.fields} if found else None


def _preview_steps(run: RunFolder, e: Experiment, record: Record) -> list[int] | None:
    """The steps, from 1, of whose x0 the previews of a picture are; None where that is not known."""
    if e.start:
        return None
    try:
        count = preview_count(run, record.id)
    except OSError:
        return None
    steps = SAMPLERS[e.sampler].steps_of_calls(e.performed_steps)
    return [steps[call] + 1 for call in preview_calls(len(steps), count)]
