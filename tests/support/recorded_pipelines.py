"""Tiny pipelines as denoisers that were made by recording them, their experiments, and the pipelines by themselves."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers.guiders import ClassifierFreeGuidance
from PIL import Image

from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.guidance.schedules import Constant
from cfgsweep.models import device
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.video import Picture, frames_of
from cfgsweep.samplers import OWN_SAMPLER, PipelineInputs, Sampler, Sampling
from cfgsweep.sweep.call_inputs import frozen_inputs
from cfgsweep.sweep.experiment import Experiment
from tests.conftest import DEVICE
from tests.support import tiny_pipelines as tiny

# Pipelines that take a picture, too, or are refused: see tests/models/recorded/test_refused_pipelines.py.
NOT_OF_PROMPTS_ALONE = ("flux_kontext", "wan_i2v", "ltx_i2v")
REFUSED = ("luminanext", "prx", "sana_sprint", "latte")
NAMES = [name for name in tiny.FAMILIES if name not in (*NOT_OF_PROMPTS_ALONE, *REFUSED)]
QUICK = ("sdxl", "sd3", "flux", "qwenimage", "wan")  # of the fast tests
STEPS = 4


def slow(*values: Any) -> Any:
    """A parameter of a test that is among the slow ones."""
    return pytest.param(*values, marks=pytest.mark.slow)


def every(quick: Sequence[str] = QUICK) -> list[Any]:
    """All families as parameters of a test, of which those in `quick` are among the fast tests."""
    return [name if name in quick else slow(name) for name in NAMES]


EVERY = every()


def settings(name: str) -> tuple[tuple[int, int] | None, PipelineInputs]:
    """The size and the further inputs of the pipeline's call with which its pictures are small."""
    inputs = {key: value for key, value in tiny.INPUTS[name].items() if key != "image"}
    height, width = inputs.pop("height", None), inputs.pop("width", None)
    return (width, height) if height else None, frozen_inputs(inputs)


def tried(name: str, **changed: Any) -> Sampling:
    size, inputs = settings(name)
    return Sampling(**{"sampler": OWN_SAMPLER, "steps": STEPS, "size": size, "inputs": inputs, **changed})


def compute(dtype: str = "float32") -> device.Compute:
    return device.choose(DEVICE, dtype)


def recorded(pipeline: Any, name: str) -> RecordedPipeline:
    """A denoiser of this pipeline, checked with small pictures."""
    return checked(RecordedPipeline(name, pipeline, compute()), name)


def checked(denoiser: RecordedPipeline, name: str) -> RecordedPipeline:
    denoiser.check_sampling(tried(name))
    return denoiser


@functools.cache
def denoiser(name: str) -> RecordedPipeline:
    """A denoiser of a tiny pipeline; the same one for all tests of a process."""
    return recorded(tiny.build(name), name)


def experiment(name: str, guider: GuiderBase | None = None, **changed: Any) -> Experiment:
    """An experiment with the pipeline's own sampler and plain CFG, unless `changed` says otherwise."""
    size, inputs = settings(name)
    fields = {
        "model": name,
        "prompt": "a cat",
        "negative_prompt": "bad",
        "seed": 0,
        "steps": STEPS,
        "sampler": OWN_SAMPLER,
        "size": size,
        "guider": guider or CFG(),
        "schedule": Constant(),
        "value": 4.0,
        "call": inputs,
        "negatives_apart": True,
    }
    return Experiment(**{**fields, **changed})


class Alone(NamedTuple):
    """What a pipeline gives by itself. latents: after the last step. pixels: in [0, 1]."""

    latents: torch.Tensor
    pixels: np.ndarray


def alone(pipeline: Any, name: str, e: Experiment, scale: float | None = None, **inputs: Any) -> Alone:
    """The pipeline's own picture of an experiment. scale: of its guidance; the experiment's value if None."""
    scale = e.value if scale is None else scale
    steps: list[torch.Tensor] = []
    step = pipeline.scheduler.step

    @functools.wraps(step)
    def watched(*args: Any, **kwargs: Any) -> Any:
        following = step(*args, **kwargs)
        steps.append((following[0] if isinstance(following, tuple) else following.prev_sample).clone())
        return following

    guided = dict.fromkeys(tiny.TABLE[name].guided, scale)
    if getattr(pipeline, "guider", None) is not None:
        pipeline.guider = ClassifierFreeGuidance(guidance_scale=scale)
    vars(pipeline.scheduler)["step"] = watched
    try:
        generator = torch.Generator().manual_seed(e.seed)
        given = {"num_inference_steps": e.steps, "generator": generator, "output_type": "np", **guided, **inputs}
        result = tiny.call(pipeline, name, e.prompt, e.negative_prompt, **given)
    finally:
        del vars(pipeline.scheduler)["step"]
    return Alone(steps[-1].float(), np.asarray(result[0])[0])


class LatentsAlone:
    """A denoiser that decodes nothing: its pictures have the bytes of their latents."""

    def __init__(self, denoiser: Any):
        self.denoiser = denoiser

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoiser, name)

    def decode(self, latents: torch.Tensor, sampler: Sampler) -> Image.Image:
        picture = Image.new("L", (8, 8))
        picture.info["latents"] = latents.cpu().numpy().tobytes()
        return picture


def latents_of(picture: Picture) -> torch.Tensor:
    """The latents in the bytes of a picture, flat."""
    return torch.frombuffer(bytearray(frames_of(picture)[0].info["latents"]), dtype=torch.float32)


def relative_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference over the largest number."""
    return float((ours.flatten() - theirs.flatten()).abs().max() / theirs.abs().max())
