"""The training file: what `cfgsweep train` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Strict):
    """Captioned pictures: a parquet file with image, label, tags, style, group and codepoints."""

    path: Path
    leave_out: list[str] = Field(default=[], description="groups of pictures not to train on")
    composites: int = Field(4000, ge=0, description="pictures made of two: a rider above a mount")
    composite_share: Fraction = Field(0.2, description="part of every batch that is composites")


class Recipe(Strict):
    """How one network is optimised: AdamW, warm-up, constant rate, linear decay at the end."""

    steps: Count
    batch: Count
    learning_rate: float = Field(gt=0)
    warmup: int = Field(100, ge=0)
    decay: Fraction = Field(0.3, description="last part of the steps, over which the rate falls to 0")
    weight_decay: float = Field(0.01, ge=0)
    ema: Fraction = 0.999
    checkpoint_every: Count = 200
    sample_every: Count = 1000


class Autoencoder(Strict):
    """diffusers' AutoencoderTiny, two 2x levels."""

    channels: Count = 48
    latent_channels: Count = 4
    encoder_blocks: tuple[int, int, int] = (0, 2, 2)
    decoder_blocks: tuple[int, int, int] = (2, 2, 1)
    latent_noise: float = Field(0.05, ge=0, description="noise on the latents, so that the decoder forgives")
    centring: float = Field(0.1, ge=0, description="weight of the squared mean of every latent channel")
    recipe: Recipe


class TextEncoder(Strict):
    """A CLIP text model and its byte-level BPE tokenizer, both from scratch."""

    vocabulary: Count = 3072
    length: Count = 24
    width: Count = 128
    layers: Count = 3
    heads: Count = 4


class Denoiser(Strict):
    """A UNet2DConditionModel with cross attention at every level but the first."""

    channels: tuple[int, ...] = (64, 128, 144)
    layers_per_block: Count = 1
    heads: Count = 2
    groups: Count = 16
    condition_dropout: Fraction = 0.1
    velocity_weight: Fraction = Field(0.5, description="0: learn from the error of the noise, 1: of the velocity")
    recipe: Recipe


class TrainConfig(Strict):
    """One training run, whole."""

    name: str
    seed: int = Field(0, ge=0)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    data: Data
    autoencoder: Autoencoder
    text_encoder: TextEncoder = TextEncoder()
    denoiser: Denoiser
