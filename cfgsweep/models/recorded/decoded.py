"""Makes pictures of the arrays that pipelines return."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import Any

import numpy as np
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.denoiser import NotFinite
from cfgsweep.models.video import DEFAULT_FPS, Picture, Video, can_be_saved
from cfgsweep.samplers import Sampling

FPS_INPUTS = ("frame_rate", "fps")  # what pipelines call the frames per second that they make


def picture_of(pixels: np.ndarray[Any, Any], fps: float) -> Picture:
    """A picture from [height, width, 3] or [frames, height, width, 3] in [0, 1], rounded as diffusers does it."""
    if not np.isfinite(pixels).all():
        raise NotFinite("decoding gave pixels that are not finite; another --dtype may do (some overflow in float16)")
    levels = (pixels * 255).round().astype("uint8")
    if levels.ndim == 3:
        return Image.fromarray(levels)
    if not can_be_saved((levels.shape[2], levels.shape[1]), len(levels)):
        raise UserError("more frames or pixels than a video can be saved with", where="call", given=levels.shape[:3])
    frames = tuple(map(Image.fromarray, levels))
    return Video(frames, fps) if len(frames) > 1 else frames[0]


def frames_per_second(parameters: Mapping[str, Parameter], sampling: Sampling) -> float:
    """What the inputs of a pipeline's call say, or their defaults. parameters: of the call."""
    given = dict(sampling.inputs)
    for name in FPS_INPUTS:
        if name in parameters:
            value = given.get(name, parameters[name].default)
            if isinstance(value, int | float) and value > 0:
                return float(value)
    return DEFAULT_FPS
