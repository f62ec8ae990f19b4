"""What the engine yields: a picture of every experiment, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from cfgsweep.engine.diagnostics import Diagnostics
from cfgsweep.engine.previews import previews
from cfgsweep.engine.trace import UNGUIDED
from cfgsweep.engine.trajectory import Trajectory
from cfgsweep.models.denoiser import Denoiser, NotFinite
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.video import AnyPicture, Picture
from cfgsweep.samplers import SAMPLERS
from cfgsweep.sweep.experiment import Experiment

P = TypeVar("P", bound=AnyPicture, covariant=True)


@dataclass(frozen=True)
class Finished(Generic[P]):
    """The picture of one experiment.

    diagnostics: the numbers of its calls. previews: x0 of some of them. None where they were not asked for.
    made_on: the kind of device, where it is not this process's.
    """

    experiment: Experiment
    image: P
    diagnostics: Diagnostics | None = None
    previews: P | None = None
    made_on: DeviceKind | None = None


@dataclass(frozen=True)
class Failed:
    """The reason why one experiment has no picture."""

    experiment: Experiment
    reason: str


def decode(trajectory: Trajectory, denoiser: Denoiser, count: int = 0) -> Iterator[Finished[Picture] | Failed]:
    """The results of all experiments that a finished trajectory serves; those of one autoencoder have the same pixels.

    count: of previews.

    Latents are decoded one at a time, so that no picture depends on what else is decoded.
    """
    experiments = [experiment for _, experiment in trajectory.node.members]
    reason = _why_not_finite(trajectory, experiments[0])
    if reason is not None:
        yield from (Failed(experiment, reason) for experiment in experiments)
        return
    diagnostics = _diagnostics(trajectory)
    for vae in dict.fromkeys(experiment.vae for experiment in experiments):
        members = [experiment for experiment in experiments if experiment.vae == vae]
        decoder = denoiser if vae is None else denoiser.with_vae(vae)
        try:
            image = decoder.decode(trajectory.latents, trajectory.sampler)
        except NotFinite as error:
            yield from (Failed(experiment, str(error)) for experiment in members)
        else:
            shown = previews(trajectory, decoder, count) if count else None
            yield from (Finished(experiment, image, diagnostics, shown) for experiment in members)


def _diagnostics(trajectory: Trajectory) -> Diagnostics | None:
    """Of the calls from noise, or from a U-turn, to the picture."""
    trace, _ = trajectory.node.members[0]
    calls = trajectory.history.calls[-trace.own_calls :] if trajectory.history else []
    rows = [call.numbers for call in calls]
    known = [row for row in rows if row is not None]
    return Diagnostics.of(torch.stack(known).tolist()) if known else None  # read from the device at once


def _why_not_finite(trajectory: Trajectory, experiment: Experiment) -> str | None:
    found = trajectory.history.first_not_finite() if trajectory.history else None
    if found is not None:
        call, name = found
        place = trajectory.node.members[0][0].place(call)
        step = SAMPLERS[experiment.sampler].steps_of_calls(experiment.performed_steps)[place]
        which = "the prediction" if name == UNGUIDED else f"the prediction {name!r}"
        return f"step {step}: {which} is not finite"
    if not bool(trajectory.latents.isfinite().all()):
        return "guidance led to latents that are not finite"
    return None
