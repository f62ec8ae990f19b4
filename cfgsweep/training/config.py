"""The training file: what `cfgsweep train` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cfgsweep.sweep.fields import RunName

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Channels = Annotated[tuple[Count, ...], Field(min_length=1)]  # of a network's levels, the finest first


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Strict):
    """Pictures and what they show: a data set by name, or a folder or a parquet file as Hugging Face has them."""

    name: Literal["emoji", "digits", "mnist", "fashion-mnist"] | None = Field(
        None, description="emoji: the parquet file that scripts/build_emoji.py makes; digits: scikit-learn's"
    )
    path: Path | None = Field(None, description="of mnist and fashion-mnist, a folder of IDX files; else from the hub")
    column: str | None = Field(None, description="of a folder or parquet file: `label` or `text` if not given")
    size: Annotated[int, Field(ge=8, le=512)] | None = Field(None, description="the side that pictures are made")
    held_out: Fraction = Field(0.1, description="part not to train on, where the data has none of its own")
    leave_out: list[str] = Field(default=[], description="of emoji: groups of pictures not to train on")
    composites: int = Field(0, ge=0, description="of emoji: pictures made of two, a rider above a mount")
    composite_share: Fraction = Field(0.2, description="of emoji: part of every batch that is composites")

    @model_validator(mode="after")
    def _is_there(self) -> Self:
        if self.path is None and self.name in (None, "emoji"):
            raise ValueError("give a path, or one of the names digits, mnist, fashion-mnist")
        if self.name == "digits" and self.path is not None:
            raise ValueError("digits come with scikit-learn and have no path")
        if self.name != "emoji" and (self.leave_out or self.composites):
            raise ValueError("leave_out and composites are for emoji")
        return self


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


class Noise(Strict):
    """How pictures become noise, and what is predicted of them."""

    schedule: Literal["linear", "scaled_linear", "cosine"] | None = Field(
        None, description="of the betas; scaled_linear, as Stable Diffusion has it, if not given. Not for flow"
    )
    prediction: Literal["epsilon", "v", "x0", "flow"] = Field("epsilon", description="flow: flow matching")
    steps: Count = 1000

    @model_validator(mode="after")
    def _flow_is_straight(self) -> Self:
        if self.prediction == "flow" and self.schedule is not None:
            raise ValueError("flow matching goes straight from noise to picture and has no schedule")
        return self


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
    """A U-Net with attention at every level but the first: cross attention to texts, class embeddings for labels."""

    channels: Channels = (64, 128, 144)
    layers_per_block: Count = 1
    heads: Count = 2
    groups: Count = 16
    condition_dropout: Fraction = 0.1
    velocity_weight: Fraction = Field(
        0.5, description="of predicted noise: 0: learn from its error, 1: from the velocity's"
    )
    recipe: Recipe

    @model_validator(mode="after")
    def _groups_divide(self) -> Self:
        if any(count % self.groups for count in self.channels):
            raise ValueError("every level's channels must be a multiple of `groups`")
        if self.heads > self.channels[-1]:
            raise ValueError("there are more heads than channels")
        return self


class Classifier(Strict):
    """A small ConvNeXt that tells the labels of pictures, for the metric `adherence`."""

    channels: Channels = (48, 96)
    layers_per_block: Count = 2
    shift: int = Field(1, ge=0, description="pixels by which pictures are moved about")
    pixel_noise: float = Field(0.1, ge=0, description="added to pictures on [-1, 1]")
    recipe: Recipe


class TrainConfig(Strict):
    """One training run, whole."""

    name: RunName
    seed: int = Field(0, ge=0, lt=2**32)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    condition: Literal["text", "label"] = "text"
    data: Data
    noise: Noise = Noise()
    autoencoder: Autoencoder | None = Field(None, description="of text-to-image models; others draw pixels")
    text_encoder: TextEncoder = TextEncoder()
    denoiser: Denoiser
    classifier: Classifier | None = Field(None, description="of models with labels")
    tracker: str | None = Field(None, description="tensorboard or another that `accelerate` knows")

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        labels = self.condition == "label"
        if labels and (self.autoencoder or "text_encoder" in self.model_fields_set):
            raise ValueError("a model of labels draws pixels: it has no autoencoder and no text_encoder")
        if not labels and (self.autoencoder is None or self.classifier):
            raise ValueError("a model of texts has an autoencoder, and no classifier")
        if not labels and self.noise.prediction == "flow":
            raise ValueError("flow matching is for models of labels: StableDiffusionPipeline knows no flow")
        if self.data.name and labels == (self.data.name == "emoji"):
            raise ValueError("emoji have texts, the other named data sets labels")
        return self
