"""Previews: the pictures that guided predictions on the way stood for, x0, evenly spread over the calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from cfgsweep.engine.preview_calls import preview_calls
from cfgsweep.engine.trace import GuidanceTrace
from cfgsweep.engine.trajectory import PendingStep, Trajectory
from cfgsweep.models.denoiser import Denoiser, NotFinite
from cfgsweep.models.video import Picture, Video, middle_frame

PER_SECOND = 4.0  # previews, when they are played


def is_previewed(step: PendingStep, count: int) -> bool:
    """Whether a picture that the step leads to has a preview of it."""
    call = step.parent.node.call
    ways = {(len(trace), trace.own_calls) for trace, _ in step.node.members}
    return any(call - (length - own) in preview_calls(own, count) for length, own in ways)


def previews(trajectory: Trajectory, denoiser: Denoiser, count: int) -> Picture | None:
    """Frames of a finished trajectory's previews; of videos the middle frames. None where there is none.

    denoiser: decodes them.
    """
    trace, _ = trajectory.node.members[0]
    frames = [middle_frame(picture) for picture in _decoded(_kept(trajectory, trace, count), trajectory, denoiser)]
    return Video(tuple(frames), PER_SECOND) if len(frames) > 1 else frames[0] if frames else None


def _kept(trajectory: Trajectory, trace: GuidanceTrace, count: int) -> list[torch.Tensor]:
    calls = trajectory.history.calls[-trace.own_calls :] if trajectory.history else []
    chosen = [calls[number].x0 for number in preview_calls(len(calls), count)]
    return [x0 for x0 in chosen if x0 is not None]


def _decoded(x0: Sequence[torch.Tensor], trajectory: Trajectory, denoiser: Denoiser) -> Iterator[Picture]:
    """The picture of each; a prediction that is not finite has none."""
    for latents in x0:
        try:
            yield denoiser.decode(latents, trajectory.sampler)
        except NotFinite:
            continue
