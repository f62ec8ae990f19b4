"""The inputs of a pipeline's call, by the names that its signature has."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from PIL.Image import Image

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.models.recorded.pictures import PicturesOfFiles
from cfgsweep.models.set_inputs import SET_ELSEWHERE
from cfgsweep.samplers import INPAINTING, WHITE, FromPicture, PipelineInputs, Sampling, Task, thawed

# The scale of the pipeline's own guidance while it is recorded: any at which it asks for both predictions.
RECORDED_SCALE = 4.0
SCALES = ("true_cfg_scale", "guidance_scale")  # the second is an input of the network where there is the first


NOT_PLAIN = ("Tensor", "Image", "Callable", "dict", "Dict")  # in annotations


class PipelineCall:
    """Makes the inputs of a pipeline's call from texts and the way of sampling.

    scale: the input that sets the scale of the pipeline's own guidance; None where it has no guidance of its own, or
    gives it to a guider among its components.
    """

    def __init__(self, pipeline: Any):
        self.parameters = inspect.signature(type(pipeline).__call__).parameters
        self.scale = next((name for name in SCALES if name in self.parameters), None)
        self._pictures = PicturesOfFiles()
        self.takes_negative = "negative_prompt" in self.parameters

    @property
    def plain_inputs(self) -> set[str]:
        """The inputs that are numbers, texts, switches or lists of them, and are not set by cfgsweep itself."""
        return {
            name
            for name, parameter in self.parameters.items()
            if name not in ("self", self.scale, *SET_ELSEWHERE)
            and parameter.kind is not inspect.Parameter.VAR_KEYWORD
            and not any(kind in str(parameter.annotation) for kind in NOT_PLAIN)
        }

    def white(self, task: Task) -> FromPicture:
        """A white picture, all of which is made anew, for what can be tried with any picture."""
        strength = 1.0 if "strength" in self.parameters else None
        return FromPicture(WHITE, strength, WHITE if task == INPAINTING else None)

    def check(self, inputs: PipelineInputs) -> None:
        """Raises UserError for inputs that the pipeline does not take, and for the scale, which is not one of them."""
        for name, value in inputs:
            if name == self.scale:
                raise UserError(f"{name} is the guidance scale: `value` sets it", where="call", given={name: value})
            if name not in self.parameters:
                raise unknown_name("input of the pipeline", name, self.plain_inputs, "call")

    def inputs(
        self, prompt: str | list[str], negative: str | list[str] | None, sampling: Sampling, **others: Any
    ) -> dict[str, Any]:
        """The keyword arguments of the call. negative: None leaves it out."""
        inputs: dict[str, Any] = {
            "prompt": prompt,
            "num_inference_steps": sampling.steps,
            "output_type": "latent",
            "generator": torch.Generator().manual_seed(0),
        }
        if self.scale is not None:
            inputs[self.scale] = RECORDED_SCALE
        if self.takes_negative and negative is not None:
            inputs["negative_prompt"] = negative
        takes_size = "width" in self.parameters and "height" in self.parameters
        if sampling.size is not None and takes_size:
            inputs |= dict(zip(("width", "height"), sampling.size, strict=True))
        if sampling.begins_with is not None:
            pictures = self._pictures.inputs(sampling.begins_with, None if takes_size else sampling.size)
            inputs |= _for_each(prompt, pictures) if "strength" in self.parameters else pictures
        return inputs | {name: thawed(value) for name, value in sampling.inputs} | others


def _for_each(prompt: str | list[str], pictures: dict[str, Any]) -> dict[str, Any]:
    """The pictures as often as there are prompts."""
    if isinstance(prompt, str):
        return pictures
    return {name: [one] * len(prompt) if isinstance(one, Image) else one for name, one in pictures.items()}
