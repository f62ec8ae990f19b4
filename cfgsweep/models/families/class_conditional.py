"""Class-conditional models: diffusers' DiT, and a UNet2DModel with class embeddings, such as the bundled `digits`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DDPMPipeline, DiTPipeline
from torch import nn

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance.perturbations import Condition
from cfgsweep.models.codecs import Latents, Pixels
from cfgsweep.models.device import Compute
from cfgsweep.models.network import NetworkDenoiser
from cfgsweep.models.source import Source, read_json
from cfgsweep.samplers import config_of


class ClassConditional(NetworkDenoiser):
    """A network that is conditioned on the number of a class. The number after the last class is the null label.

    names: of the classes, from `id2label` in the model's model_index.json; several names of a class are separated by
    commas.
    """

    conditioned_on = "label"
    unconditional = None

    names: Mapping[int, str] = {}

    @classmethod
    def load_dit(cls, source: Source, compute: Compute) -> ClassConditional:
        """Loads a `DiTPipeline` such as facebook/DiT-XL-2-256. Peebles and Xie 2022, arXiv 2212.09748."""
        pipeline = source.pretrained(DiTPipeline, compute.dtype)
        codec = Latents(pipeline.vae, 2 ** (len(pipeline.vae.config.block_out_channels) - 1))
        denoiser = cls(source.name, pipeline.transformer, codec, config_of(pipeline.scheduler), compute)
        denoiser.names = _names_in(source)
        return denoiser

    @classmethod
    def load_unet(cls, source: Source, compute: Compute) -> ClassConditional:
        """Loads a `DDPMPipeline` whose U-Net has class embeddings, as `cfgsweep train` writes it.

        Raises UserError where the U-Net has none.
        """
        pipeline = source.pretrained(DDPMPipeline, compute.dtype)
        classes = pipeline.unet.config.num_class_embeds
        if not classes or classes < 2:
            problem = "an unconditional model: without labels, and one that stands for none, there is nothing to guide"
            raise UserError(problem, where=source.name)
        denoiser = cls.of_unet(source.name, pipeline.unet, config_of(pipeline.scheduler), compute)
        denoiser.names = _names_in(source)
        return denoiser

    @classmethod
    def of_unet(cls, name: str, unet: Any, scheduler_config: Mapping[str, Any], compute: Compute) -> ClassConditional:
        """The denoiser of a UNet2DModel on pixels."""
        return cls(name, unet, Pixels(unet.config.in_channels, compute.device), scheduler_config, compute)

    @property
    def null_label(self) -> int:
        """The number after the last class. A UNet2DModel counts it among its embeddings, a DiT does not."""
        config = self.network.config
        return config.num_class_embeds - 1 if "num_class_embeds" in config else config.num_embeds_ada_norm

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the classes by each of their names."""
        several = ((number, (names, *names.split(","))) for number, names in self.names.items())
        return {name.strip(): number for number, names in several for name in names}

    def encode(self, condition: Condition) -> torch.Tensor:
        """The number of a label, [1]. Raises UserError where the model has no such label."""
        number = self.null_label if condition is None else self.numbers.get(str(condition), condition)
        if not isinstance(number, int) or not (number < self.null_label or condition is None):
            named = sorted(self.numbers) if isinstance(condition, str) and self.numbers else None
            raise unknown_name(
                f"label of {self.name}", str(condition), named or [f"0 to {self.null_label - 1}"], "label"
            )
        return torch.tensor([number], device=self._device)

    def is_cut_short(self, condition: Condition) -> bool:
        return False

    def _call(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        return super()._call(latents, timesteps, conditions)[:, : self.codec.channels]  # DiT predicts a variance, too

    @property
    def _activations(self) -> int:
        if hasattr(self.network.config, "block_out_channels"):
            return super()._activations
        config = self.network.config
        return 16 * config.num_attention_heads * config.attention_head_dim // config.patch_size**2

    @property
    def _middle(self) -> nn.Module:
        if hasattr(self.network, "mid_block"):
            return super()._middle
        blocks = self.network.transformer_blocks
        return blocks[len(blocks) // 2]


def _names_in(source: Source) -> dict[int, str]:
    names = read_json(source.file("model_index.json")).get("id2label") or {}
    return {int(number): str(name) for number, name in names.items()}
