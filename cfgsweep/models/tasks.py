"""Image-to-image and inpainting: what is known of a pipeline's class before it is loaded, without torch."""

from __future__ import annotations

from cfgsweep.errors import UserError
from cfgsweep.samplers import IMAGE_TO_IMAGE, INPAINTING, Task

# How the names of pipelines begin whose number of steps at a strength is rounded down: those of U-Nets.
ROUND_DOWN = ("StableDiffusion", "Kolors", "LatentConsistency", "Kandinsky", "IF")
ROUND_UP = ("StableDiffusion3",)  # of those, the ones with transformers
# How the names of pipelines begin that edit a picture at all of their steps, and take no strength.
WITHOUT_STRENGTH = ("FluxKontext", "Flux2", "QwenImageEdit")
DEFAULT_STRENGTH = {IMAGE_TO_IMAGE: 0.8, INPAINTING: 1.0}


def rounds_up(pipeline: str | None) -> bool:
    """Whether the pipelines of this one's tasks round the number of steps up. pipeline: its class, None if unknown."""
    return pipeline is not None and (pipeline.startswith(ROUND_UP) or not pipeline.startswith(ROUND_DOWN))


def settled_strength(given: float | None, pipeline: str | None, task: Task) -> float | None:
    """The strength of a task, with a default. None, of pipelines that take none. Raises UserError for one for those."""
    if pipeline is None or task == INPAINTING or not pipeline.startswith(WITHOUT_STRENGTH):
        return DEFAULT_STRENGTH[task] if given is None else given
    if given is not None:
        raise UserError(f"a {pipeline} takes no strength: all of its steps are taken", given=given)
    return None
