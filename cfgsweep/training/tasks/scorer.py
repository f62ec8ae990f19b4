"""Training of a small CLIP model on the denoiser's data, for the metric `text_score`."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig

from cfgsweep.training.config import Scorer
from cfgsweep.training.data.captions import article, caption
from cfgsweep.training.data.dataset import Pictures, normalised, shifted, spread
from cfgsweep.training.sheet import SampleRow, draw_sheet
from cfgsweep.training.tokens import token_ids

SHOWN = 8  # pictures in a row of the sheet


def build(config: Scorer, text_encoder: CLIPTextModel, side: int) -> CLIPModel:
    """A CLIP model (Radford et al. 2021, arXiv 2103.00020) that begins with this text encoder.

    Its vision transformer, for pictures of side x side pixels, is untrained.
    """
    vision = CLIPVisionConfig(
        image_size=side,
        patch_size=config.patch,
        hidden_size=config.width,
        intermediate_size=4 * config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        projection_dim=config.projection,
    )
    text = {key: value for key, value in text_encoder.config.to_dict().items() if key != "_name_or_path"}
    settings = CLIPConfig(
        text_config=text | {"projection_dim": config.projection},
        vision_config=vision.to_dict(),
        projection_dim=config.projection,
    )
    network = CLIPModel(settings)
    network.text_model.load_state_dict(text_encoder.state_dict())
    return network


class ScorerTask:
    """Contrastive learning: every picture finds its caption in the batch, and every caption its picture."""

    name, loss_name, measure = "scorer", "contrastive loss", "fraction of pictures that another text fits better"

    def __init__(
        self,
        config: Scorer,
        pictures: tuple[Pictures, Pictures, Pictures],
        text: tuple[CLIPTokenizer, CLIPTextModel],
        composite_share: float = 0.0,
    ):
        """pictures: to train on, composites, held out. text: the tokenizer, and what the text tower begins with.

        composite_share: expected fraction of composites in a batch.
        """
        self.config = config
        self.training, self.composites, self.held_out = pictures
        self.share = composite_share if len(self.composites) else 0.0
        self.tokenizer, encoder = text
        self.network = build(config, encoder, self.training.pixels.shape[-1])

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
        pixels, captions, labels = [], [], []
        for _ in range(batch):
            source = self.composites if rng.random() < self.share else self.training
            index = rng.randrange(len(source))
            pixels.append(source.pixels[index])
            captions.append(caption(source.entries[index], rng))
            labels.append(source.entries[index].label)
        seen = self._augmented(torch.stack(pixels), generator)
        logits = self.network(input_ids=token_ids(self.tokenizer, captions), pixel_values=seen).logits_per_image
        logits = logits.float().masked_fill(_alike(labels), float("-inf"))
        right = torch.arange(batch)
        return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2

    def _augmented(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Shifted pictures in [-1, 1], some of them blurred, with noise: as a small model draws them, more or less."""
        clean = shifted(normalised(pixels), self.config.shift, generator)
        blurred = F.interpolate(F.avg_pool2d(clean, 2), scale_factor=2, mode="bilinear")
        is_blurred = torch.rand(len(clean), 1, 1, 1, generator=generator) < self.config.blurred
        noise = torch.randn(clean.shape, generator=generator)
        return torch.where(is_blurred, blurred, clean) + self.config.pixel_noise * noise

    def measured(self, network: Any, held_out: bool) -> float:
        """The fraction of pictures for which another of the part's labels has a higher score than their own."""
        part = self._part(held_out)
        return 1 - (self._ranks(network, part) < 1).float().mean().item()

    def _part(self, held_out: bool) -> Pictures:
        """The held-out pictures, or some that are trained on, of as many different labels."""
        if held_out:
            return self.held_out
        count = len({entry.label for entry in self.held_out.entries})
        labels = sorted({entry.label for entry in self.training.entries})
        chosen = set(labels[spread(len(labels), count)])
        places = [n for n, entry in enumerate(self.training.entries) if entry.label in chosen]
        return Pictures(self.training.pixels[places], [self.training.entries[n] for n in places])

    @torch.no_grad()
    def _ranks(self, network: Any, part: Pictures) -> torch.Tensor:
        """How many other labels of the part have a higher score than a picture's own, [pictures]."""
        labels = sorted({entry.label for entry in part.entries})
        texts = token_ids(self.tokenizer, [_text(label) for label in labels])
        scores = [
            network(input_ids=texts, pixel_values=normalised(pixels)).logits_per_image
            for pixels in part.pixels.split(256)
        ]
        found = torch.cat(scores)
        own = torch.tensor([labels.index(entry.label) for entry in part.entries])
        return (found > found.gather(1, own[:, None])).sum(1)

    def sample(self, network: Any, heading: str) -> Image.Image:
        """Held-out pictures by the rank of their own label among those of all held-out pictures."""
        ranks = self._ranks(network, self.held_out)
        rows = []
        for title, chosen in (
            ("first", ranks == 0),
            ("second to fifth", (ranks > 0) & (ranks < 5)),
            ("later", ranks > 4),
        ):
            if chosen.any():
                rows.append(SampleRow(f"own label {title}", self.held_out.pixels[chosen][:SHOWN]))
        return draw_sheet(heading, [], rows)

    def save(self, network: Any, folder: Path) -> None:
        """Saves a transformers folder in half precision; its configuration has the accuracies on held-out pictures."""
        ranks, labels = self._ranks(network, self.held_out), {entry.label for entry in self.held_out.entries}
        network.config.held_out_labels = len(labels)
        network.config.held_out_accuracy = (ranks < 1).float().mean().item()
        network.config.held_out_accuracy_of_5 = (ranks < 5).float().mean().item()
        network.half().save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        side, grey = self.training.pixels.shape[-1], [0.5] * 3
        size = {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}
        CLIPImageProcessorPil(**size, image_mean=grey, image_std=grey).save_pretrained(folder)


def _text(label: str) -> str:
    return f"a picture of {article(label)}"


def _alike(labels: list[str]) -> torch.Tensor:
    """Which pairs show the same thing, though they are two pictures: neither is a wrong answer for the other."""
    numbers = torch.tensor([labels.index(label) for label in labels])
    return (numbers[:, None] == numbers[None]) & ~torch.eye(len(labels), dtype=torch.bool)
