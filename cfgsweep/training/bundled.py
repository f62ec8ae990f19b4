"""Bundled models of texts as what a training begins with, or whose autoencoder it takes as it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline

from cfgsweep.models.source import Source
from cfgsweep.training.config import BundledTextModel


@dataclass(frozen=True)
class Bundled:
    """A bundled model in float32. Its autoencoder is not trained."""

    name: BundledTextModel
    pipeline: StableDiffusionPipeline

    @property
    def vae(self) -> AutoencoderTiny:
        return self.pipeline.vae


def load(name: BundledTextModel) -> Bundled:
    """Loads a bundled model for training."""
    pipeline = Source.bundled(name).pretrained(StableDiffusionPipeline, torch.float32)
    pipeline.vae.requires_grad_(False)
    return Bundled(name, pipeline)
