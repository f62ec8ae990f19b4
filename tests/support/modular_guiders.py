"""cfgsweep's guiders for modular pipelines."""

from __future__ import annotations

from typing import Any

from cfgsweep.engine.diffusers_modular import ModularGuider
from cfgsweep.guidance import GUIDERS

SCALE = 4.0


def ours(pipeline: Any, name: str, schedule: Any = None, value: float | None = SCALE, **parameters: Any) -> Any:
    """The guider of this name for the pipeline."""
    return ModularGuider(GUIDERS[name](**parameters), pipeline.scheduler, schedule, value)
