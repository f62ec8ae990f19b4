"""Finds by experiment what a pipeline mixes into its latents after every step, as inpainting does."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT
from cfgsweep.models.recorded.recorder import PipelineRecorder
from cfgsweep.models.recorded.recording import Recording
from cfgsweep.samplers import Mixing, Sampling


def find_mixing(recorder: PipelineRecorder, sampling: Sampling, seed: int) -> Sequence[Mixing]:
    """For every call what happens to the latents after it; empty where nothing does.

    Two recordings in which all steps give zeros, and ones, show it for every number of the latents. That it is no more
    than a factor and a term is for the proof to find. Raises Unsupported where the pipeline returns no latents.
    """
    zeros, ones = (_after_steps(recorder, sampling, seed, value) for value in (0.0, 1.0))
    found = list[Mixing]()
    for zero, one in zip(zeros, ones, strict=True):
        factor = one - zero
        same = found and torch.equal(found[-1].factor, factor)
        found.append(Mixing(found[-1].factor if same else factor, zero))
    unchanged = all(bool((mixing.factor == 1).all()) and not mixing.added.any() for mixing in found)
    return () if unchanged else found


def _after_steps(recorder: PipelineRecorder, sampling: Sampling, seed: int, value: float) -> list[torch.Tensor]:
    """The latents that follow every step, where all steps give this value."""
    generator = torch.Generator().manual_seed(seed)
    recording = recorder.record(
        PROMPT, NEGATIVE, sampling, advance=lambda _, following: torch.full_like(following, value), generator=generator
    )
    last = last_latents(recording)
    if last is None:
        raise Unsupported("it does not return its last latents as they are")
    return [latents.float() for latents in (*recording.samples[1:], last)]


def last_latents(recording: Recording) -> torch.Tensor | None:
    """What a pipeline returned in the place of a picture; None where it is not of its latents' shape."""
    last = recording.result[0]
    return last if isinstance(last, torch.Tensor) and last.shape == recording.samples[0].shape else None
