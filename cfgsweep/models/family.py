"""The model families: the pipeline classes of diffusers, and how each is loaded.

Those with a denoiser of their own are rows of FAMILIES; any other pipeline is recorded (`models/recorded/`). Nothing
here imports torch until a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from cfgsweep.errors import UserError
from cfgsweep.models.source import SINGLE_FILE, Source, read_json
from cfgsweep.samplers import TEXT_TO_IMAGE

if TYPE_CHECKING:
    from cfgsweep.models.denoiser import Denoiser
    from cfgsweep.models.device import Compute


@dataclass(frozen=True)
class Family:
    """A pipeline class of diffusers.

    network: the folder of the network, None where it can be any. autoencoder: whether it predicts latents.
    conditioned_on: the key of sweep files that conditions its models. load: loads a model of the family.
    """

    network: Literal["unet", "transformer"] | None
    autoencoder: bool
    conditioned_on: Literal["prompt", "label"]
    load: Callable[[Source, Compute], Denoiser]


def _load_stable_diffusion(source: Source, compute: Compute) -> Denoiser:
    from cfgsweep.models.families.stable_diffusion import StableDiffusion

    return StableDiffusion.load(source, compute)


def _load_dit(source: Source, compute: Compute) -> Denoiser:
    from cfgsweep.models.families.class_conditional import ClassConditional

    return ClassConditional.load_dit(source, compute)


def _load_class_conditional_unet(source: Source, compute: Compute) -> Denoiser:
    from cfgsweep.models.families.class_conditional import ClassConditional

    return ClassConditional.load_unet(source, compute)


def _load_any_pipeline(source: Source, compute: Compute) -> Denoiser:
    from cfgsweep.models.recorded.load import load_pipeline

    return load_pipeline(source, compute)


# By the pipeline's class, as `_class_name` in model_index.json has it.
FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family("unet", True, "prompt", _load_stable_diffusion),
    "DiTPipeline": Family("transformer", True, "label", _load_dit),
    "DDPMPipeline": Family("unet", False, "label", _load_class_conditional_unet),
}
ANY_PIPELINE = Family(None, True, "prompt", _load_any_pipeline)


def family_of(source: Source) -> Family:
    """The family of a model, by its pipeline class. Other tasks than text-to-image are those of recorded pipelines.

    Raises UserError for a task of a model of labels.
    """
    family = FAMILIES.get(source.pipeline_class(), ANY_PIPELINE)
    if source.task == TEXT_TO_IMAGE and not source.recorded:
        return family
    if family.conditioned_on == "label":
        raise UserError(f"models of labels have no {source.task}", where="task", given=source.name)
    return ANY_PIPELINE


def recorded_where_possible(source: Source) -> Source:
    """The source from which a model is loaded for LoRA, or further inputs of its pipeline's call.

    The denoiser of Stable Diffusion takes neither, and its pipeline is recorded then.
    """
    try:
        own = FAMILIES.get(source.pipeline_class())
    except Exception:  # its files cannot be had: what loads the model says so
        return source
    return replace(source, recorded=True) if own is not None and own.conditioned_on == "prompt" else source


def known_family(source: Source | None) -> Family | None:
    """The family of a model, without loading or downloading it; None where its files are not on this machine."""
    name = known_pipeline_class(source)
    return None if name is None else FAMILIES.get(name, ANY_PIPELINE)


def known_pipeline_class(source: Source | None) -> str | None:
    """The name of a model's pipeline class; None where its files are not on this machine."""
    if source is None:
        return None
    configuration = source.configuration
    if configuration is None or (source.single_file and configuration.of_stable_diffusion):
        return SINGLE_FILE
    path = configuration.known_file("model_index.json")
    return str(read_json(path).get("_class_name")) if path else None


def native_size(source: Source, family: Family) -> tuple[int, int] | None:
    """Width and height of the pictures that the model makes by itself, in pixels.

    None where its files do not say so, are damaged, or are not on this machine.
    """
    if family.network is None:
        return None
    side, factor = _known_config(source, family.network).get("sample_size"), 1
    if family.autoencoder:
        levels = _known_config(source, "vae").get("block_out_channels")
        if not isinstance(levels, list) or not levels:
            return None
        factor = 2 ** (len(levels) - 1)
    height, width = side if isinstance(side, list) and len(side) == 2 else (side, side)
    return (width * factor, height * factor) if isinstance(height, int) and isinstance(width, int) else None


def _known_config(source: Source, part: str) -> dict[str, Any]:
    """The configuration of a part of the model; empty where it is damaged, or not on this machine."""
    configuration = source.configuration
    path = configuration.known_file(f"{part}/config.json") if configuration else None
    try:
        return read_json(path) if path else {}
    except UserError:
        return {}
