"""A sweep as a file has it."""

from __future__ import annotations

from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.sweep.call_inputs import as_mapping
from cfgsweep.sweep.lora import lora_spec
from cfgsweep.sweep.phase_settings import PhaseSettings
from cfgsweep.sweep.schema import AXES, Sweep


def as_written(sweep: Sweep) -> dict[str, Any]:
    """The fields of the sweep for YAML: a single value where an axis has one, empty fields left out."""
    written: dict[str, Any] = {}
    for field in Sweep.model_fields:
        value = getattr(sweep, field)
        if field in AXES and value is not None:
            plain = [_plain(field, one) for one in value] if value != [()] else []
            value = plain[0] if len(plain) == 1 and not (field == "lora" and isinstance(plain[0], list)) else plain
        elif field == "zip":
            value = [group.spec() for group in value]
        elif isinstance(value, PhaseSettings | LoadSettings):
            value = value.spec()
        if field == "negative_prompt" or value not in (None, [], {}):
            written[field] = value
    return written


def _plain(field: str, value: Any) -> Any:
    if isinstance(value, Parameters):
        return value.spec()
    if field == "size":
        return "native" if value is None else list(value)
    if field == "lora":
        return lora_spec(value)
    if field == "call":  # a list would be read as several values
        return {name: [one] if isinstance(one, list) else one for name, one in as_mapping(value).items()}
    return value
