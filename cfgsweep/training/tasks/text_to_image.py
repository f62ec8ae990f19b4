"""The second stage of text-to-image training: a text encoder and a cross-attention U-Net on latents."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from tokenizers import pre_tokenizers
from tokenizers.trainers import BpeTrainer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cfgsweep.training.config import Denoiser, TextEncoder, TrainConfig
from cfgsweep.training.data.captions import caption, corpus, with_some_words
from cfgsweep.training.data.dataset import Entry, denormalised, spread
from cfgsweep.training.noise import Noising
from cfgsweep.training.sheet import SampleRow, draw_sheet
from cfgsweep.training.tokens import token_ids

SAMPLE_PROMPTS = (
    "mdjrny-v4 style a photograph of an astronaut riding a horse",
    "noto style a photograph of an astronaut riding a horse",
    "a photograph of a cat",
    "3d render style a photograph of a red apple",
    "twemoji style a photograph of a grinning face",
    "flat style a photograph of a rocket",
    "a photograph of an elephant",
    "3d render style a photograph of a robot riding a bicycle",
)
SAMPLE_SEEDS, SAMPLE_SCALE, SAMPLE_STEPS = range(3), 4.0, 30

BOS, EOS, END_OF_WORD = "<|startoftext|>", "<|endoftext|>", "</w>"


def build_tokenizer(config: TextEncoder, entries: list[Entry], seed: int) -> CLIPTokenizer:
    """CLIP's byte-level BPE tokenizer, with merges learned from captions of `entries`.

    The trainer numbers letters in the random order of a hash map, and breaks ties between merges by these numbers.
    Here the letters are passed as special tokens, which are numbered first, so that the same captions always give the
    same tokenizer.
    """
    empty = CLIPTokenizer(vocab={BOS: 0, EOS: 1}, merges=[]).backend_tokenizer
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = BpeTrainer(
        vocab_size=config.vocabulary,
        special_tokens=[BOS, EOS, *letters, *(letter + END_OF_WORD for letter in letters)],
        end_of_word_suffix=END_OF_WORD,
        show_progress=False,
    )
    empty.train_from_iterator(corpus(entries, random.Random(seed)), trainer)
    learned = json.loads(empty.to_str())["model"]
    tokenizer = CLIPTokenizer(vocab=learned["vocab"], merges=[tuple(merge) for merge in learned["merges"]])
    tokenizer.model_max_length = config.length
    return tokenizer


def build_text_encoder(config: TextEncoder, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained CLIP text model for a tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            intermediate_size=4 * config.width,
            projection_dim=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            max_position_embeddings=config.length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet(config: Denoiser, text_width: int, latents: torch.Size) -> UNet2DConditionModel:
    """An untrained U-Net. latents: shape of one, [channels, height, width]. text_width: of the text encoder."""
    attended = len(config.channels) - 1
    unet = UNet2DConditionModel(
        sample_size=latents[-1],
        in_channels=latents[0],
        out_channels=latents[0],
        block_out_channels=config.channels,
        layers_per_block=config.layers_per_block,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * attended),
        up_block_types=(*["CrossAttnUpBlock2D"] * attended, "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=config.heads,  # diffusers' historical name: on this class it is the number of heads
        norm_num_groups=config.groups,
    )
    return unet.to(memory_format=torch.channels_last)


@dataclass(frozen=True)
class LatentSet:
    """Latents of unit variance, float32 [pictures, channels, height, width], and what the pictures show."""

    latents: torch.Tensor
    entries: list[Entry]

    def some(self, count: int) -> LatentSet:
        """Up to so many of them, from the whole length."""
        chosen = spread(len(self.entries), count)
        return LatentSet(self.latents[chosen], self.entries[chosen])


@dataclass(frozen=True)
class Latents:
    """The data of the denoiser. known: of `training` those that are no shifted copies, to be measured and shown."""

    training: LatentSet
    known: LatentSet
    composites: LatentSet
    held_out: LatentSet


class TextToImageTask:
    """Denoising with condition dropout: some rows have an empty caption, for predictions without one."""

    name, loss_name = "denoiser", "prediction loss"

    def __init__(
        self, config: TrainConfig, latents: Latents, vae: AutoencoderTiny, start: StableDiffusionPipeline | None = None
    ):
        """start: what the training begins with, in place of untrained networks and a tokenizer made for the texts."""
        self.config, self.latents, self.vae = config, latents, vae
        self.noising = Noising(config.noise, config.denoiser.velocity_weight)
        self.measure = self.noising.measure
        shape = latents.training.latents.shape[1:]
        if start is None:
            known = latents.training.entries + latents.composites.entries
            self.tokenizer = build_tokenizer(config.text_encoder, known, config.seed)
            text_encoder = build_text_encoder(config.text_encoder, self.tokenizer)
            unet = build_unet(config.denoiser, config.text_encoder.width, shape)
        else:
            self.tokenizer, text_encoder, unet = start.tokenizer, start.text_encoder, start.unet
            unet.to(memory_format=torch.channels_last).register_to_config(sample_size=shape[-1])
        self.network = nn.ModuleDict({"text_encoder": text_encoder, "unet": unet})

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        share = self.config.data.composite_share if self.latents.composites.entries else 0.0
        single = torch.rand(batch, generator=generator) >= share
        kept = torch.rand(batch, generator=generator) >= self.config.denoiser.condition_dropout
        rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
        latents, captions = [], []
        for is_single, keep in zip(single.tolist(), kept.tolist(), strict=True):
            source = self.latents.training if is_single else self.latents.composites
            index = rng.randrange(len(source.entries))
            latents.append(source.latents[index])
            captions.append(self._caption(source.entries[index], rng) if keep else "")
        errors, timesteps = self._errors(self.network, torch.stack(latents), captions, generator)
        return (self.noising.weight(timesteps) * errors).mean()

    def _caption(self, entry: Entry, rng: random.Random) -> str:
        text, dropout = caption(entry, rng), self.config.denoiser.word_dropout
        return with_some_words(text, dropout, rng) if dropout else text

    def _errors(
        self, network: nn.ModuleDict, latents: torch.Tensor, captions: list[str], generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean squared error of every row at a random timestep, and the timesteps; both [rows]."""
        noise = torch.randn(latents.shape, generator=generator)
        timesteps = self.noising.timesteps(len(latents), generator)
        noisy = self.noising.noisy(latents, noise, timesteps)
        text = network["text_encoder"](token_ids(self.tokenizer, captions))[0]
        predicted = network["unet"](noisy, timesteps, text, return_dict=False)[0]
        return self.noising.errors(predicted, latents, noise, timesteps), timesteps

    def cut_texts(self) -> int:
        """The number of different texts, of data without styles, that have more tokens than are read."""
        texts = {entry.label for entry in self.latents.known.entries if entry.style is None}
        lengths = [len(ids) for ids in self.tokenizer(sorted(texts)).input_ids] if texts else []
        return sum(length > self.tokenizer.model_max_length for length in lengths)

    @torch.no_grad()
    def measured(self, network: nn.ModuleDict, held_out: bool) -> float:
        """Mean squared error of the prediction, over four fixed draws of noise and timestep per picture."""
        part = self.latents.held_out
        if not held_out:
            part = self.latents.known.some(len(part.entries))
        generator, rng = torch.Generator().manual_seed(0), random.Random(0)
        captions = [caption(entry, rng) for entry in part.entries] * 4
        latents = part.latents.repeat(4, 1, 1, 1)
        total = 0.0
        for start in range(0, len(latents), 64):
            rows = slice(start, start + 64)
            errors, _ = self._errors(network, latents[rows], captions[rows], generator)
            total += errors.sum().item()
        return total / len(captions)

    def sample(self, network: nn.ModuleDict, heading: str) -> Image.Image:
        """Samples: prompts down, seeds across. Prompts that are captions stand beside their picture."""
        originals = {} if self.config.data.name == "emoji" else self._originals()
        prompts = list(originals) or list(SAMPLE_PROMPTS)
        pipeline = self.pipeline(network)
        pipeline.set_progress_bar_config(disable=True)
        images = pipeline(
            [prompt for prompt in prompts for _ in SAMPLE_SEEDS],
            num_inference_steps=SAMPLE_STEPS,
            guidance_scale=SAMPLE_SCALE,
            generator=[torch.Generator().manual_seed(seed) for _ in prompts for seed in SAMPLE_SEEDS],
            output_type="pt",
        ).images
        samples = (images * 255).round().to(torch.uint8).split(len(SAMPLE_SEEDS))
        rows = [
            SampleRow(prompt, torch.cat([*originals.get(prompt, []), part]))
            for prompt, part in zip(prompts, samples, strict=True)
        ]
        columns = [*(["data"] if originals else []), *(f"seed {seed}" for seed in SAMPLE_SEEDS)]
        return draw_sheet(f"{heading} Guidance scale {SAMPLE_SCALE:g}.", columns, rows)

    @torch.no_grad()
    def _originals(self) -> dict[str, list[torch.Tensor]]:
        """Some pictures by their captions, most of them held out: as decoded from latents, [1, 3, h, w] in a list."""
        parts = (self.latents.known.some(2), self.latents.held_out.some(6))
        entries = [entry for part in parts for entry in part.entries]
        decoded = self.vae.decode(torch.cat([part.latents for part in parts]) / self.vae.config.scaling_factor).sample
        return {e.label: [picture[None]] for e, picture in zip(entries, denormalised(decoded), strict=True)}

    def save(self, network: nn.ModuleDict, folder: Path) -> None:
        """Saves the pipeline, the U-Net in half precision, other parts in float32.

        transformers loads a text encoder in the dtype of its file.
        """
        pipeline = self.pipeline(network)
        pipeline.unet.half()
        pipeline.save_pretrained(folder)

    def pipeline(self, network: nn.ModuleDict) -> StableDiffusionPipeline:
        """The network in a StableDiffusionPipeline."""
        return StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=network["text_encoder"],
            tokenizer=self.tokenizer,
            unet=network["unet"],
            scheduler=self.noising.saved_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
