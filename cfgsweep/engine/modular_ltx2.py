"""What LTX-2's pipelines do in their own way: a video and its sound have a guider each, which is given x0.

Both guiders are given predictions of the same passes of one network, in which the video's guider alone has a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


class Sound:
    """The sound in one call of the network: tokens [rows, time, channels], of which guiders get [rows, channels, time].

    The methods are those of `NetworkInput`.
    """

    def __init__(self, latents: Tensor):
        self.latents = latents

    def picture(self, prediction: Tensor) -> Tensor:
        return prediction.transpose(1, 2)

    def like(self, _: Tensor) -> Tensor:
        return self.latents.transpose(1, 2)

    def as_predicted(self, guided: Tensor, prediction: Tensor) -> Tensor:
        return guided.transpose(1, 2).to(prediction.dtype)


def are_x0(data: Sequence[Any]) -> bool:
    """Whether predictions are those of an LTX-2 pipeline. data: one entry per pass."""
    return hasattr(data[0], "video_pred")


def are_sound(data: Sequence[Any]) -> bool:
    """Whether the guider is that of the sound."""
    return are_x0(data) and data[0].noise_pred is data[0].audio_pred
