"""What pipelines return becomes an image or a video, played as fast as the pipeline's call says."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from diffusers import LTXPipeline, WanPipeline
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.denoiser import NotFinite
from cfgsweep.models.recorded.decoded import frames_per_second, picture_of
from cfgsweep.models.video import Video
from cfgsweep.samplers import OWN_SAMPLER, Sampling


@pytest.mark.parametrize(
    ("pipeline", "inputs", "fps"),
    [(LTXPipeline, (), 25), (LTXPipeline, (("frame_rate", 12),), 12), (WanPipeline, (("num_frames", 5),), 8)],
)
def test_frames_per_second_are_those_of_the_call(pipeline: Any, inputs: tuple, fps: float) -> None:
    parameters = inspect.signature(pipeline.__call__).parameters
    assert frames_per_second(parameters, Sampling(OWN_SAMPLER, 4, inputs=inputs)) == fps


def test_one_frame_is_an_image_and_several_are_a_video() -> None:
    pixels = np.random.default_rng(0).random((3, 6, 4, 3))
    levels = (pixels * 255).round()
    for one in (pixels[0], pixels[:1]):
        image = picture_of(one, 8)
        assert isinstance(image, Image.Image)
        assert np.array_equal(np.asarray(image), levels[0])
    video = picture_of(pixels, 8)
    assert isinstance(video, Video)
    assert video.size == (4, 6)
    assert np.array_equal(np.stack(video.frames), levels)


def test_what_no_file_can_hold_is_refused() -> None:
    with pytest.raises(NotFinite):
        picture_of(np.full((2, 4, 4, 3), np.nan), 8)
    with pytest.raises(UserError, match="more frames or pixels"):
        picture_of(np.zeros((2**14 + 1, 1, 1, 3)), 8)
