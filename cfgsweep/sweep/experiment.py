"""From axes to experiments: one fully resolved cell of the grid each, with an id and a title."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass

from cfgsweep.config.parameters import Parameters
from cfgsweep.guidance import Guider
from cfgsweep.guidance.perturbations import Condition
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.models.source import scheduler_config
from cfgsweep.samplers import noise_levels
from cfgsweep.sweep.fields import Label, Size
from cfgsweep.sweep.legacy_ids import legacy_id

Conditions = tuple[Condition, Condition, Condition]


ID_SCHEMA = 1  # of what is hashed into an id; raised when that changes
ALWAYS_IN_ID = ("model", "seed", "steps", "sampler", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything that can change a picture's pixels, and nothing else.

    prompt: None where there is a label instead. size: (width, height) in pixels; None is the model's native size.
    """

    model: str
    revision: str | None = None
    prompt: str | None = None
    negative_prompt: str = ""
    seed: int
    steps: int
    sampler: str
    size: Size = None
    guider: Guider
    schedule: Schedule
    value: float
    label: Label | None = None

    @property
    def id(self) -> str:
        """16 hex digits of a hash of the settings that are not at their default.

        A field or a parameter that is added later, with a default, changes no id.
        """
        settings = {"schema": ID_SCHEMA, **{name: getattr(self, name) for name in ALWAYS_IN_ID}}
        settings |= {name: value for name, default in OPTIONAL if (value := getattr(self, name)) != default}
        text = json.dumps(settings, sort_keys=True) + _id_settings(self.guider) + _id_settings(self.schedule)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def legacy_id(self) -> str:
        """The id in run folders of version 0.1."""
        return legacy_id({field.name: getattr(self, field.name) for field in dataclasses.fields(self)})

    @property
    def conditions(self) -> Conditions:
        """What the picture is to show, what it is to be guided away from, and what says nothing."""
        return (self.prompt, self.negative_prompt, "") if self.label is None else (self.label, None, None)

    @property
    def noise_levels(self) -> tuple[float, ...]:
        """sigma / alpha at every step where the guider asks for it, else nothing: it takes torch to know."""
        return _noise_levels(self.model, self.revision, self.sampler, self.steps) if self.guider.noise_interval else ()

    def scales(self) -> list[float]:
        """The guidance scale at every step."""
        return self.schedule.values(self.value, self.steps)


OPTIONAL = [
    (field.name, field.default)
    for field in dataclasses.fields(Experiment)
    if field.name not in (*ALWAYS_IN_ID, "guider", "schedule") and field.compare
]


@functools.lru_cache(maxsize=1024)
def _noise_levels(model: str, revision: str | None, sampler: str, steps: int) -> tuple[float, ...]:
    return noise_levels(sampler, scheduler_config(model, revision), steps)


@functools.lru_cache(maxsize=1024)
def _id_settings(part: Parameters) -> str:
    return json.dumps(part.id_settings(), sort_keys=True)
