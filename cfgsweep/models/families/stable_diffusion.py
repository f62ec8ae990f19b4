"""Stable Diffusion 1.x and 2.x, and models in the same diffusers layout, such as the bundled `emoji`."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import Condition
from cfgsweep.models.codecs import Latents
from cfgsweep.models.denoiser import running
from cfgsweep.models.device import Compute
from cfgsweep.models.network import NetworkDenoiser
from cfgsweep.models.source import Source, in_dtype
from cfgsweep.samplers import config_of


class StableDiffusion(NetworkDenoiser):
    """The parts of a `StableDiffusionPipeline`. Predicts epsilon or v, whichever the model was trained for."""

    conditioned_on = "prompt"
    unconditional = ""

    def __init__(self, name: str, pipeline: StableDiffusionPipeline, compute: Compute):
        self.pipeline = pipeline
        codec = Latents(pipeline.vae, pipeline.vae_scale_factor)
        super().__init__(name, pipeline.unet, codec, config_of(pipeline.scheduler), compute, [pipeline.text_encoder])

    @classmethod
    def load(cls, source: Source, compute: Compute) -> StableDiffusion:
        """Loads a hub id, a diffusers folder or a single .safetensors file; pickles only where `source` allows them.

        Raises UserError for U-Nets with other inputs than the latents, such as inpainting models.
        """
        settings: dict[str, Any] = {"safety_checker": None}
        if source.single_file:
            pipeline = StableDiffusionPipeline.from_single_file(source.place, **in_dtype(compute.dtype), **settings)
        else:
            pipeline = source.pretrained(
                StableDiffusionPipeline, compute.dtype, requires_safety_checker=False, **settings
            )
        channels = pipeline.unet.config.in_channels, pipeline.vae.config.latent_channels
        if channels[0] != channels[1]:
            raise UserError(
                "not a text-to-image model: its U-Net takes more than the latents (inpainting, or depth?)",
                where=source.name,
                given=f"{channels[0]} input channels for {channels[1]} latent channels",
            )
        _limit_length(pipeline, source.name)
        return cls(source.name, pipeline, compute)

    def encode(self, condition: Condition) -> torch.Tensor:
        """The text encoder's output for a text, [1, tokens, width]."""
        with running(self.name), torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.pipeline.encode_prompt(condition, self._device, 1, do_classifier_free_guidance=False)[0]

    def is_cut_short(self, condition: Condition) -> bool:
        tokenizer = self.pipeline.tokenizer
        with running(self.name):
            return len(tokenizer(condition).input_ids) > tokenizer.model_max_length


def _limit_length(pipeline: StableDiffusionPipeline, name: str) -> None:
    """Limits the tokenizer's length to the positions of the text encoder; some tokenizers have no limit.

    Raises UserError where the tokenizer's length leaves no room for a text.
    """
    given, positions = pipeline.tokenizer.model_max_length, pipeline.text_encoder.config.max_position_embeddings
    if not isinstance(given, int | float) or given < 3:  # a start token, an end token and one of the text
        raise UserError("not a length of texts", where=f"{name}: model_max_length of its tokenizer", given=given)
    pipeline.tokenizer.model_max_length = int(min(given, positions))
