"""A sweep as a file has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.config.ranges import as_range
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.samplers import TEXT_TO_IMAGE, PictureFile
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.call_inputs import as_mapping
from cfgsweep.sweep.compare_settings import CompareSettings
from cfgsweep.sweep.guider_axis import written as written_guiders
from cfgsweep.sweep.lora import lora_spec
from cfgsweep.sweep.phase_settings import PhaseSettings
from cfgsweep.sweep.schedule_files import schedule_spec
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.step_cache import cache_spec
from cfgsweep.sweep.turns import turn_spec

# Axes where nothing is given.
EMPTY: dict[str, list[Any]] = {"call": [()], "lora": [()], "cache": [None], "fork": [None], "start": [None]}


def as_written(sweep: Sweep, places: Mapping[Any, str] | None = None) -> dict[str, Any]:
    """The fields of the sweep for YAML: a single value or a range where an axis is one, empty fields left out.

    So is `diagnostics` where it is true, and `previews` where there are none.

    places: the paths of pictures and of schedules' files; those that the sweep has if None.
    """
    written: dict[str, Any] = {}
    for field in Sweep.model_fields:
        value = getattr(sweep, field)
        if field in AXES and value is not None:
            value = written_axis(field, value, places)
        elif field == "vars":
            value = {name: as_range(values) or values for name, values in value.items()}
        elif field == "previews":
            value = value or None
        elif field in ("zip", "metrics"):
            value = [group.spec() for group in value]
        elif isinstance(value, PhaseSettings | LoadSettings | CompareSettings):
            value = value.spec()
        if field == "negative_prompt" or (value not in (None, [], {}, TEXT_TO_IMAGE) and value is not True):
            written[field] = value
    return written


def written_axis(field: str, values: Sequence[Any], places: Mapping[Any, str] | None = None) -> Any:
    """The values of an axis for YAML: a single one by itself, a range where they are one. places: as `as_written`."""
    if field == "guider":
        specs = written_guiders(values)
        return specs if len(specs) > 1 else specs[0]
    plain = [plain_value(field, one, places or {}) for one in values] if values != EMPTY.get(field) else []
    plain = [given] if (given := as_range(plain)) else plain
    return plain[0] if len(plain) == 1 and not (field == "lora" and isinstance(plain[0], list)) else plain


def plain_value(field: str, value: Any, places: Mapping[Any, str]) -> Any:
    if isinstance(value, Schedule):
        return schedule_spec(value, places)
    if isinstance(value, Parameters):
        return value.spec()
    if isinstance(value, PictureFile):
        return places.get(value, value.path)
    if field == "size":
        return "native" if value is None else list(value)
    if field == "lora":
        return lora_spec(value)
    if field == "cache":
        return cache_spec(value)
    if field in ("fork", "start"):
        return turn_spec(value, places)
    if field == "call":  # a list would be read as several values
        return {name: [one] if isinstance(one, list) else one for name, one in as_mapping(value).items()}
    return value
