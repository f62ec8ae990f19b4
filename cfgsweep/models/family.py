"""The model families: the pipeline classes of diffusers that can be swept, and how each is loaded.

To add a family, write a loader like the ones below and add a row to FAMILIES. Nothing here imports torch until a
model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cfgsweep.errors import UserError
from cfgsweep.models.source import Source, find_source, read_json

if TYPE_CHECKING:
    from cfgsweep.models.device import Compute
    from cfgsweep.models.network import NetworkDenoiser

SINGLE_FILE = "StableDiffusionPipeline"  # the family of checkpoints in one file


@dataclass(frozen=True)
class Family:
    """A pipeline class of diffusers.

    conditioned_on: the key of sweep files that conditions its models. load: loads a model of the family.
    """

    conditioned_on: Literal["prompt", "label"]
    load: Callable[[Source, Compute], NetworkDenoiser]


def _load_stable_diffusion(source: Source, compute: Compute) -> NetworkDenoiser:
    from cfgsweep.models.families.stable_diffusion import StableDiffusion

    return StableDiffusion.load(source, compute)


def _load_dit(source: Source, compute: Compute) -> NetworkDenoiser:
    from cfgsweep.models.families.class_conditional import ClassConditional

    return ClassConditional.load_dit(source, compute)


def _load_class_conditional_unet(source: Source, compute: Compute) -> NetworkDenoiser:
    from cfgsweep.models.families.class_conditional import ClassConditional

    return ClassConditional.load_unet(source, compute)


# By the pipeline's class, as `_class_name` in model_index.json has it.
FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family("prompt", _load_stable_diffusion),
    "DiTPipeline": Family("label", _load_dit),
    "DDPMPipeline": Family("label", _load_class_conditional_unet),
}


def family_of(source: Source) -> Family:
    """The family of a model. Raises UserError where its pipeline class is in no row of FAMILIES."""
    name = SINGLE_FILE if source.single_file else str(read_json(source.file("model_index.json")).get("_class_name"))
    if name not in FAMILIES:
        raise UserError("not a model of a known family", where=source.name, given=name, allowed=list(FAMILIES))
    return FAMILIES[name]


def conditioned_on(name: str, revision: str | None) -> str | None:
    """'prompt' or 'label', without loading or downloading the model; None where its files are not on this machine."""
    source = find_source(name, revision)
    if source is None:
        return None
    if source.single_file:
        return FAMILIES[SINGLE_FILE].conditioned_on
    path = source.known_file("model_index.json")
    family = FAMILIES.get(str(read_json(path).get("_class_name"))) if path else None
    return family.conditioned_on if family else None
