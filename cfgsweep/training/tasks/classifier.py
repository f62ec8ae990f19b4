"""Training of a small classifier on the denoiser's data, for the metric `adherence`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F
from transformers import ConvNextConfig, ConvNextForImageClassification

from cfgsweep.training.config import Classifier
from cfgsweep.training.data.dataset import Labelled, normalised, shifted
from cfgsweep.training.sheet import SampleRow, draw_sheet


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

    name, loss_name, measure = "classifier", "cross-entropy", "fraction classified wrongly"

    def __init__(self, config: Classifier, training: Labelled, held_out: Labelled):
        self.config, self.training, self.held_out = config, training, held_out
        self.network = build(config, training.pixels.shape[1:], training.names)

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(len(self.training), (batch,), generator=generator)
        pixels = shifted(normalised(self.training.pixels[chosen]), self.config.shift, generator)
        pixels = pixels + self.config.pixel_noise * torch.randn(pixels.shape, generator=generator)
        return F.cross_entropy(self.network(pixels).logits.float(), self.training.labels[chosen])

    def measured(self, network: Any, held_out: bool) -> float:
        """The fraction of pictures that are classified wrongly."""
        part = self.held_out if held_out else self.training.some(len(self.held_out))
        return 1 - _is_right(network, part).float().mean().item()

    def sample(self, network: Any, heading: str) -> Image.Image:
        """The held-out pictures that are classified wrongly, or the first ones if there is none."""
        wrong = self.held_out.pixels[~_is_right(network, self.held_out)]
        shown = (wrong if len(wrong) else self.held_out.pixels)[:40]
        kind = "classified wrongly" if len(wrong) else "none is classified wrongly"
        rows = [SampleRow(kind if not number else "", part) for number, part in enumerate(shown.split(10))]
        return draw_sheet(heading, [], rows)

    def save(self, network: Any, folder: Path) -> None:
        """Saves a transformers folder, with the accuracy on held-out pictures in its configuration."""
        network.config.held_out_accuracy = 1 - self.measured(network, held_out=True)
        network.save_pretrained(folder)


@torch.no_grad()
def _is_right(network: Any, pictures: Labelled) -> torch.Tensor:
    """Whether each picture is classified correctly, [pictures]."""
    predicted = [network(normalised(part)).logits.argmax(1) for part in pictures.pixels.split(256)]
    return torch.cat(predicted) == pictures.labels
