"""Training of a small classifier on the denoiser's data, for the metric `adherence`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from transformers import ConvNextConfig, ConvNextForImageClassification

from cfgsweep.storage.png import save_png
from cfgsweep.training.config import Classifier
from cfgsweep.training.data.dataset import Labelled, normalised
from cfgsweep.training.tasks.autoencoder import sheet


def build(config: Classifier, pictures: torch.Size, names: list[str]) -> ConvNextForImageClassification:
    """An untrained ConvNeXt (Liu et al. 2022, arXiv 2201.03545) for pictures [channels, height, width]."""
    channels, height, _ = pictures
    return ConvNextForImageClassification(
        ConvNextConfig(
            num_channels=channels,
            image_size=height,
            patch_size=2,
            num_stages=len(config.channels),
            hidden_sizes=list(config.channels),
            depths=[config.layers_per_block] * len(config.channels),
            layer_scale_init_value=1.0,
            id2label=dict(enumerate(names)),
            label2id={name: number for number, name in enumerate(names)},
        )
    )


class ClassifierTask:
    """Classification of pictures that are shifted by a few pixels and slightly noised."""

    name = "classifier"

    def __init__(self, config: Classifier, training: Labelled, held_out: Labelled):
        self.config, self.training, self.held_out = config, training, held_out
        self.network = build(config, training.pixels.shape[1:], training.names)

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(len(self.training), (batch,), generator=generator)
        pixels = self._shifted(normalised(self.training.pixels[chosen]), generator)
        pixels = pixels + self.config.pixel_noise * torch.randn(pixels.shape, generator=generator)
        return F.cross_entropy(self.network(pixels).logits.float(), self.training.labels[chosen])

    def _shifted(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Every picture shifted by a random number of pixels; pixels at the edge are repeated."""
        reach = self.config.shift
        height, width = pixels.shape[-2:]
        around = F.pad(pixels, (reach,) * 4, mode="replicate")
        places = torch.randint(2 * reach + 1, (len(pixels), 2), generator=generator).tolist()
        return torch.stack([p[:, y : y + height, x : x + width] for p, (y, x) in zip(around, places, strict=True)])

    @torch.no_grad()
    def held_out_loss(self, network: Any) -> float:
        """The fraction of held-out pictures that are classified wrongly."""
        return 1 - self._is_right(network).float().mean().item()

    def _is_right(self, network: Any) -> torch.Tensor:
        """Whether each held-out picture is classified correctly, [pictures]."""
        predicted = [network(normalised(part)).logits.argmax(1) for part in self.held_out.pixels.split(256)]
        return torch.cat(predicted) == self.held_out.labels

    @torch.no_grad()
    def sample(self, network: Any, path: Path) -> None:
        """An image of the held-out pictures that are classified wrongly, or of the first ones if there is none."""
        wrong = self.held_out.pixels[~self._is_right(network)]
        save_png(sheet((wrong if len(wrong) else self.held_out.pixels)[:40], columns=10), path)

    def save(self, network: Any, folder: Path) -> None:
        """Saves a transformers folder, with the accuracy on held-out pictures in its configuration."""
        network.config.held_out_accuracy = 1 - self.held_out_loss(network)
        network.save_pretrained(folder)
