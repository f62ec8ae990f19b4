"""Runs of the engine, with observers, and with the bytes of the latents kept in the pictures."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.observer import EngineObserver, Tally
from cfgsweep.engine.plan import Plan
from cfgsweep.models.video import Picture, frames_of
from cfgsweep.samplers import Sampler
from cfgsweep.storage.png import pixels_sha256
from cfgsweep.sweep.experiment import Experiment


def run(denoiser, compute, experiments, batch_size: int = 4) -> dict[Experiment, Image.Image]:
    counted = LastTally()
    results = Engine(LatentsInPictures(denoiser), compute, batch_size).run(Plan(experiments), counted)
    pictures = {finished.experiment: finished.image for finished in results}
    assert pictures.keys() == set(experiments)
    assert counted.tally.evaluations == cost(experiments).evaluations
    return pictures


class LastTally(EngineObserver):
    """Keeps the tally of a run."""

    def __init__(self):
        self.tally = Tally()

    def batch_done(self, tally: Tally) -> None:
        self.tally = tally


class StepTraces(EngineObserver):
    """Keeps the x0 of every guided prediction."""

    traces_steps = True

    def __init__(self):
        self.x0: list[torch.Tensor] = []

    def step_guided(self, experiments, call: int, x0: torch.Tensor) -> None:
        self.x0.append(x0)


class LatentsInPictures:
    """A denoiser whose pictures have the bytes of their latents, since 256 levels do not show every bit of float32."""

    def __init__(self, denoiser):
        self.denoiser = denoiser

    def __getattr__(self, name: str):
        return getattr(self.denoiser, name)

    def decode(self, latents: torch.Tensor, sampler: Sampler) -> Picture:
        picture = self.denoiser.decode(latents, sampler)
        frames_of(picture)[0].info["latents"] = latents.cpu().numpy().tobytes()
        return picture


def hashes(pictures: dict[Experiment, Image.Image]) -> dict[Experiment, tuple[str, bytes]]:
    return {experiment: (pixels_sha256(image), image.info["latents"]) for experiment, image in pictures.items()}


def largest_difference(a: Image.Image, b: Image.Image) -> int:
    """In levels, of 256; rounding may change a level by one."""
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())
