"""Stage two: a text encoder and a cross-attention U-Net on the latents of stage one."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import (
    AutoencoderTiny,
    DDPMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers import pre_tokenizers
from tokenizers.trainers import BpeTrainer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cfgsweep.samplers import LATENT_DEFAULTS, STABLE_DIFFUSION_NOISE
from cfgsweep.training.autoencoder import sheet
from cfgsweep.training.captions import caption, corpus
from cfgsweep.training.config import Denoiser, TextEncoder, TrainConfig
from cfgsweep.training.dataset import Entry

# Stable Diffusion 1's own noise schedule, so that every sampler of that family means the same here.
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


BOS, EOS, END_OF_WORD = "<|startoftext|>", "<|endoftext|>", "</w>"


def build_tokenizer(config: TextEncoder, entries: list[Entry], seed: int) -> CLIPTokenizer:
    """CLIP's byte-level BPE, its merges learned from captions of `entries`.

    The trainer numbers letters in the random order of a hash map, and breaks ties between merges by number.
    Handed over as special tokens, the letters have their numbers beforehand, and the same captions always
    give the same tokenizer.
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
    """An untrained U-Net for latents of shape [channels, height, width]."""
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


def noise_error_weights(alphas_cumprod: torch.Tensor, power: float) -> torch.Tensor:
    """What the squared error of the noise counts for at every timestep: (1 / alphas_cumprod) ** power.

    The plain error (power 0) all but ignores the noisiest steps, where a tiny error of the noise is a large error of
    the picture, and where layout and colours are decided: colours then follow the seed and not the prompt. Power 1
    makes it the error of the velocity (Salimans & Ho 2022, arXiv 2202.00512), which leaves little for detail.
    """
    return alphas_cumprod**-power


@dataclass(frozen=True)
class LatentSet:
    """Scaled latents, float32 [n, channels, height, width], and what they show."""

    latents: torch.Tensor
    entries: list[Entry]


@dataclass(frozen=True)
class Latents:
    """What the denoiser learns from, and what it is measured on."""

    training: LatentSet
    composites: LatentSet
    held_out: LatentSet


class TextToImageTask:
    """Predict the noise (epsilon), the caption left out of some rows so that guidance has its other half."""

    name = "denoiser"

    def __init__(self, config: TrainConfig, latents: Latents, vae: AutoencoderTiny):
        self.config, self.latents, self.vae = config, latents, vae
        known = latents.training.entries + latents.composites.entries
        self.tokenizer = build_tokenizer(config.text_encoder, known, config.seed)
        self.noising = DDPMScheduler(**STABLE_DIFFUSION_NOISE)
        self.weights = noise_error_weights(self.noising.alphas_cumprod, config.denoiser.velocity_weight)
        text_encoder = build_text_encoder(config.text_encoder, self.tokenizer)
        unet = build_unet(config.denoiser, config.text_encoder.width, latents.training.latents.shape[1:])
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
            captions.append(caption(source.entries[index], rng) if keep else "")
        errors, timesteps = self._noise_errors(self.network, torch.stack(latents), captions, generator)
        return (self.weights[timesteps] * errors).mean()

    def _noise_errors(
        self, network: nn.ModuleDict, latents: torch.Tensor, captions: list[str], generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean squared error of every row at a random timestep, and the timesteps. Both [n]."""
        noise = torch.randn(latents.shape, generator=generator)
        timesteps = torch.randint(self.noising.config.num_train_timesteps, (len(latents),), generator=generator)
        noisy = self.noising.add_noise(latents, noise, timesteps)
        text = network["text_encoder"](self._tokens(captions))[0]
        predicted = network["unet"](noisy, timesteps, text, return_dict=False)[0]
        return (predicted.float() - noise).square().mean((1, 2, 3)), timesteps

    def _tokens(self, captions: list[str]) -> torch.Tensor:
        settings = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        return self.tokenizer(captions, max_length=self.tokenizer.model_max_length, **settings).input_ids

    @torch.no_grad()
    def held_out_loss(self, network: nn.ModuleDict) -> float:
        """Mean squared error of the noise, four fixed draws a picture, its style and label as the caption."""
        generator, rng = torch.Generator().manual_seed(0), random.Random(0)
        captions = [caption(entry, rng) for entry in self.latents.held_out.entries] * 4
        latents = self.latents.held_out.latents.repeat(4, 1, 1, 1)
        total = 0.0
        for start in range(0, len(latents), 64):
            rows = slice(start, start + 64)
            errors, _ = self._noise_errors(network, latents[rows], captions[rows], generator)
            total += errors.sum().item()
        return total / len(captions)

    def sample(self, network: nn.ModuleDict, path: Path) -> None:
        """Fixed prompts down, three seeds across, guidance scale 4."""
        pipeline = self.pipeline(network)
        pipeline.set_progress_bar_config(disable=True)
        seeds = range(3)
        images = pipeline(
            [prompt for prompt in SAMPLE_PROMPTS for _ in seeds],
            num_inference_steps=30,
            guidance_scale=4.0,
            generator=[torch.Generator().manual_seed(seed) for _ in SAMPLE_PROMPTS for seed in seeds],
            output_type="pt",
        ).images
        sheet((images * 255).round().to(torch.uint8), columns=2 * len(seeds)).save(path)

    def pipeline(self, network: nn.ModuleDict) -> StableDiffusionPipeline:
        """The network as an ordinary Stable Diffusion pipeline."""
        scheduler = EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE)
        scheduler.register_to_config(**LATENT_DEFAULTS)  # for whoever makes another scheduler of this one
        return StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=network["text_encoder"],
            tokenizer=self.tokenizer,
            unet=network["unet"],
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
