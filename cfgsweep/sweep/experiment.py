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

Conditions = tuple[Condition, Condition, Condition]


@dataclass(frozen=True, slots=True)
class Experiment:
    """Everything that can change a picture's pixels, and nothing else.

    prompt: None where a label is in its place. size: None is the model's native one.
    """

    model: str
    revision: str | None
    prompt: str | None
    negative_prompt: str
    seed: int
    steps: int
    sampler: str
    size: Size
    guider: Guider
    schedule: Schedule
    value: float
    label: Label | None = None

    @property
    def id(self) -> str:
        """16 hex digits of a hash over every setting, defaults included."""
        plain = [getattr(self, field) for field in PLAIN_FIELDS]
        plain += [] if self.label is None else [self.label]
        text = json.dumps(plain) + _settings(self.guider) + _settings(self.schedule)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

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


APART = ("guider", "schedule", "label")  # the label is part of an id only where there is one


PLAIN_FIELDS = [field.name for field in dataclasses.fields(Experiment) if field.name not in APART]


@functools.lru_cache(maxsize=1024)
def _noise_levels(model: str, revision: str | None, sampler: str, steps: int) -> tuple[float, ...]:
    return noise_levels(sampler, scheduler_config(model, revision), steps)


@functools.lru_cache(maxsize=1024)
def _settings(part: Parameters) -> str:
    return json.dumps(part.settings(), sort_keys=True)
