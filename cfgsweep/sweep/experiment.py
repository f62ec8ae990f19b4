"""An experiment: one fully resolved cell of the grid, and its id."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.guidance.perturbations import Condition, NegativePrompt
from cfgsweep.guidance.schedules import Schedule
from cfgsweep.samplers import (
    SAMPLERS,
    TEXT_TO_IMAGE,
    Fork,
    FromPicture,
    Loras,
    PictureFile,
    PipelineInputs,
    StepCache,
    Task,
    UTurn,
)
from cfgsweep.sweep.fields import Label, Size
from cfgsweep.sweep.legacy_ids import legacy_id
from cfgsweep.sweep.variables import Variables

Conditions = tuple[Condition, Condition, Condition]


VAE_PREFIX = "vae:"  # of the names of autoencoders among those of models
ID_SCHEMA = 1  # of what is hashed into an id; raised when that changes
ALWAYS_IN_ID = ("model", "seed", "steps", "sampler", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything that can change a picture's pixels, and nothing else.

    prompt: None where there is a label instead.
    negative_prompt: None leaves it out, which is not the same as "" to some pipelines.
    size: (width, height) in pixels; None is the model's native size.
    image, mask: the pictures that it is made from, of image-to-image and inpainting. strength: see `FromPicture`.
    rounds_up: whether the model's pipeline rounds the number of steps up that it takes at a strength.
    call: further inputs of the pipeline's call. lora: the LoRA files that are used, with their scales.
    cache: by which steps reuse what earlier ones computed.
    fork, start: where the way of the latents is split, and a U-turn of the finished picture; see `Fork` and `UTurn`.
    vae: an autoencoder in the place of the model's own. load: settings of loading that can change pixels.
    native_size: the model's, where its files are on this machine; no part of the id.
    negatives_apart: whether the model's pipeline may encode a negative prompt otherwise than a prompt.
    vars: the variables of the prompt with their values; template: the prompt with their names, where it has any. They
        are in the prompt, and no part of the id.
    noise_levels: sigma / alpha at every step, where the guider or the schedule needs them. They follow from model,
        sampler and steps, and are no part of the id.
    """

    model: str
    revision: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = ""
    seed: int
    steps: int
    sampler: str
    size: Size = None
    guider: GuiderBase
    schedule: Schedule
    value: float
    label: Label | None = None
    task: Task = TEXT_TO_IMAGE
    image: PictureFile | None = None
    mask: PictureFile | None = None
    strength: float | None = None
    call: PipelineInputs = ()
    lora: Loras = ()
    cache: StepCache | None = None
    vae: str | None = None
    fork: Fork | None = None
    start: UTurn | None = None
    load: tuple[tuple[str, str], ...] = ()
    vars: Variables = field(default=(), compare=False, repr=False)
    template: str | None = field(default=None, compare=False, repr=False)
    rounds_up: bool = field(default=False, compare=False, repr=False)
    native_size: Size = field(default=None, compare=False, repr=False)
    negatives_apart: bool = field(default=False, compare=False, repr=False)
    noise_levels: tuple[float, ...] = field(default=(), compare=False, repr=False)
    _id: list[str] = field(default_factory=list, init=False, compare=False, repr=False)  # once it was asked for

    def value_of(self, axis: str) -> Any:
        """The value of an axis; None of a variable that this experiment does not have."""
        if axis in SETTINGS:
            return getattr(self, axis)
        return next((value for name, value in self.vars if name == axis), None)

    @property
    def id(self) -> str:
        """16 hex digits of a hash of the settings that are not at their default.

        A field or a parameter that is added later, with a default, changes no id.
        """
        if not self._id:
            self._id.append(self._hash())
        return self._id[0]

    def _hash(self) -> str:
        settings = {"schema": ID_SCHEMA, **{name: getattr(self, name) for name in ALWAYS_IN_ID}}
        settings |= {name: value for name, default in OPTIONAL if (value := getattr(self, name)) != default}
        if self._latents_moved_before():
            settings["zero_init"] = 2
        text = json.dumps(settings, sort_keys=True, default=_sha256)
        text += _id_settings(self.guider) + _id_settings(self.schedule)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def legacy_id(self) -> str | None:
        """The id in run folders of version 0.1; None where other pictures have been made of these settings since."""
        changed = self.guider.formula_changed or self.schedule.formula_changed or self._latents_moved_before()
        added = (self.image, self.call, self.lora, self.cache, self.vae, self.load, self.fork, self.start)
        if changed or any(added):
            return None
        return legacy_id({each.name: getattr(self, each.name) for each in dataclasses.fields(self)})

    def _latents_moved_before(self) -> bool:
        """Whether earlier versions moved the latents in steps that should have left them as they were."""
        return self.guider.zero_steps > 0 and SAMPLERS[self.sampler].higher_order

    @property
    def other_ids(self) -> tuple[str, ...]:
        """Other ids under which a folder can have this picture.

        They are that of version 0.1, and, since the native size of a model is not known on every machine, those with
        it given in pixels for an experiment of native size, or without a size for one of a size in pixels.
        """
        ids = [self.legacy_id]
        if self.image is None and (self.size is None) != (self.native_size is None):
            twin = dataclasses.replace(self, size=self.native_size)
            ids += [twin.id, twin.legacy_id]
        return tuple(name for name in ids if name is not None)

    @property
    def other_weights(self) -> tuple[str, ...]:
        """Names of files beside the models' that decide the picture, as records have their hashes."""
        return (*(lora.file for lora in self.lora), *([f"{VAE_PREFIX}{self.vae}"] if self.vae else []))

    @property
    def conditions(self) -> Conditions:
        """The condition of the picture, the one that guidance leads away from, and the empty one."""
        if self.label is not None:
            return self.label, None, None
        if self.negatives_apart or self.negative_prompt is None:
            return self.prompt, NegativePrompt(self.negative_prompt), NegativePrompt("")
        return self.prompt, self.negative_prompt, ""

    @property
    def begins_with(self) -> FromPicture | None:
        """The picture that this one is made from; None for one that is made of noise alone."""
        if self.image is None:
            return None
        return FromPicture(self.image, self.strength, self.mask, self.rounds_up)

    @property
    def origin(self) -> Experiment | None:
        """The experiment without its U-turn, or else without its fork; None where it has neither."""
        if self.start is not None:
            return dataclasses.replace(self, start=None)
        return None if self.fork is None else dataclasses.replace(self, fork=None)

    @property
    def performed_steps(self) -> int:
        """How many of the steps are taken; guidance and its schedules are over these."""
        found = self.begins_with
        return self.steps if found is None else found.performed_steps(self.steps)

    def scales(self) -> list[float]:
        """The guidance scale at every step that is taken."""
        return self.schedule.values(self.value, self.performed_steps, self.noise_levels)


SETTINGS = frozenset(each.name for each in dataclasses.fields(Experiment))
OPTIONAL = [
    (each.name, each.default)
    for each in dataclasses.fields(Experiment)
    if each.name not in (*ALWAYS_IN_ID, "guider", "schedule") and each.compare
]


def _sha256(picture: PictureFile) -> str:
    return picture.sha256


@functools.lru_cache(maxsize=1024)
def _id_settings(part: Parameters) -> str:
    return json.dumps(part.id_settings(), sort_keys=True)
