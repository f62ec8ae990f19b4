"""The schema of training files, which `cfgsweep train` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cfgsweep.samplers import MOST_TRAINING_STEPS
from cfgsweep.sweep.fields import RunName

UnitInterval = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Channels = Annotated[tuple[Count, ...], Field(min_length=1)]  # of a network's levels, from the finest to the coarsest


class Strict(BaseModel):
    """Frozen; unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Strict):
    """Pictures with labels or texts: a data set by name, or a folder or parquet file in the layout of Hugging Face."""

    name: Literal["emoji", "digits", "mnist", "fashion-mnist"] | None = Field(
        None, description="emoji: the parquet file that scripts/build_emoji.py makes; digits: scikit-learn's"
    )
    path: Path | None = Field(None, description="of mnist and fashion-mnist, a folder of IDX files; else from the hub")
    column: str | None = Field(
        None, description="of a folder or parquet file, with the labels or texts; default `label` or `text`"
    )
    size: Annotated[int, Field(ge=8, le=512)] | None = Field(
        None, description="side in pixels that pictures are resized to"
    )
    held_out: UnitInterval = Field(
        0.1, description="fraction that is not trained on, where the data has no test part of its own"
    )
    leave_out: list[str] = Field(default=[], description="of emoji: groups of pictures that are not trained on")
    composites: int = Field(0, ge=0, description="of emoji: number of pictures composed of two, a rider above a mount")
    composite_share: UnitInterval = Field(0.2, description="of emoji: expected fraction of composites in a batch")

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
    """How a network is optimised: AdamW with linear warm-up, a constant rate, and linear decay at the end."""

    steps: Count
    batch: Count
    learning_rate: float = Field(gt=0)
    warmup: int = Field(100, ge=0)
    decay: UnitInterval = Field(0.3, description="last fraction of the steps, over which the rate falls to 0")
    weight_decay: float = Field(0.01, ge=0)
    ema: UnitInterval = 0.999
    checkpoint_every: Count = 200
    sample_every: Count = 1000


class Noise(Strict):
    """The noise schedule, and what the network predicts."""

    schedule: Literal["linear", "scaled_linear", "cosine"] | None = Field(
        None, description="of the betas; default scaled_linear, as in Stable Diffusion. Not for flow"
    )
    prediction: Literal["epsilon", "v", "x0", "flow"] = Field("epsilon", description="flow: flow matching")
    steps: int = Field(1000, ge=1, le=MOST_TRAINING_STEPS)

    @model_validator(mode="after")
    def _flow_is_straight(self) -> Self:
        if self.prediction == "flow" and self.schedule is not None:
            raise ValueError("flow matching goes straight from noise to picture and has no schedule")
        return self


class Autoencoder(Strict):
    """diffusers' AutoencoderTiny with two levels, each of half the resolution."""

    channels: Count = 48
    latent_channels: Count = 4
    encoder_blocks: tuple[int, int, int] = (0, 2, 2)
    decoder_blocks: tuple[int, int, int] = (2, 2, 1)
    latent_noise: float = Field(
        0.05, ge=0, description="standard deviation of noise on the latents, which makes the decoder robust"
    )
    centring: float = Field(0.1, ge=0, description="weight of the squared mean of the latent channels in the loss")
    recipe: Recipe


class TextEncoder(Strict):
    """A CLIP text model and its byte-level BPE tokenizer, both trained from scratch."""

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
    condition_dropout: UnitInterval = 0.1
    velocity_weight: UnitInterval = Field(
        0.5, description="of epsilon models: 0: the loss is the error of epsilon, 1: the error of v"
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
    """A small ConvNeXt that classifies pictures by label, for the metric `adherence`."""

    channels: Channels = (48, 96)
    layers_per_block: Count = 2
    shift: int = Field(1, ge=0, description="augmentation: pictures are shifted by up to so many pixels")
    pixel_noise: float = Field(
        0.1, ge=0, description="standard deviation of noise that is added to pictures in [-1, 1]"
    )
    recipe: Recipe


class TrainConfig(Strict):
    """A training file."""

    name: RunName
    seed: int = Field(0, ge=0, lt=2**32)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    condition: Literal["text", "label"] = "text"
    data: Data
    noise: Noise = Noise()
    autoencoder: Autoencoder | None = Field(
        None, description="of text-to-image models; models of labels work on pixels"
    )
    text_encoder: TextEncoder = TextEncoder()
    denoiser: Denoiser
    classifier: Classifier | None = Field(None, description="of models of labels")
    tracker: str | None = Field(None, description="tensorboard or another tracker of `accelerate`")

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        labels = self.condition == "label"
        if labels and (self.autoencoder or "text_encoder" in self.model_fields_set):
            raise ValueError("a model of labels draws pixels: it has no autoencoder and no text_encoder")
        if not labels and (self.autoencoder is None or self.classifier):
            raise ValueError("a model of texts has an autoencoder, and no classifier")
        if not labels and self.noise.prediction == "flow":
            raise ValueError("flow matching is for models of labels: StableDiffusionPipeline does not support it")
        if self.data.name and labels == (self.data.name == "emoji"):
            raise ValueError("emoji have texts, the other named data sets labels")
        return self
