"""The schema of training files, which `cfgsweep train` reads.

Of each part there are two classes: its settings, as a file gives them, and those of a training, in which nothing is
left to be chosen. `training/choice.py` makes the second from the first, once the number of pictures is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from cfgsweep.config.yaml_io import UNION
from cfgsweep.errors import UserError
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
            hint = "a folder of pictures with a metadata file, or a parquet file"
            raise UserError("give a path, or one of the names digits, mnist, fashion-mnist", hint=hint)
        if self.name == "digits" and self.path is not None:
            hint = "leave out the path, or the name"
            raise UserError("digits come with scikit-learn and have no path", hint=hint).at_key("path")
        for key in ("leave_out", "composites"):
            if self.name != "emoji" and getattr(self, key):
                raise UserError("leave_out and composites are for emoji", hint="leave it out").at_key(key)
        return self


class RecipeSettings(Strict):
    """How a network is optimised: AdamW with linear warm-up, a constant rate, and linear decay at the end."""

    steps: Count | None = Field(None, description="chosen from the number of pictures where not given")
    batch: Count | None = Field(None, description="pictures in a step; chosen where not given")
    learning_rate: float | None = Field(None, gt=0, description="chosen where not given")
    warmup: int = Field(100, ge=0)
    decay: UnitInterval = Field(0.3, description="last fraction of the steps, over which the rate falls to 0")
    weight_decay: float = Field(0.01, ge=0)
    ema: UnitInterval = 0.999
    checkpoint_every: Count = 200
    sample_every: Count = 1000


class Recipe(RecipeSettings):
    steps: Count
    batch: Count
    learning_rate: float = Field(gt=0)


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
            problem = "flow matching goes straight from noise to picture and has no schedule"
            raise UserError(problem, hint="leave it out").at_key("schedule")
        return self


class AutoencoderSettings(Strict):
    """diffusers' AutoencoderTiny with two levels, each of half the resolution."""

    channels: Count = 48
    latent_channels: Count = 4
    encoder_blocks: tuple[int, int, int] = (0, 2, 2)
    decoder_blocks: tuple[int, int, int] = (2, 2, 1)
    latent_noise: float = Field(
        0.05, ge=0, description="standard deviation of noise on the latents, which makes the decoder robust"
    )
    centring: float = Field(0.1, ge=0, description="weight of the squared mean of the latent channels in the loss")
    recipe: RecipeSettings = RecipeSettings()


class Autoencoder(AutoencoderSettings):
    recipe: Recipe


class TextEncoder(Strict):
    """A CLIP text model and its byte-level BPE tokenizer, both trained from scratch."""

    vocabulary: Count = 3072
    length: Count = 24
    width: Count = 128
    layers: Count = 3
    heads: Count = 4


class DenoiserSettings(Strict):
    """A U-Net with attention at every level but the first: cross attention to texts, class embeddings for labels."""

    channels: Channels = (64, 128, 144)
    layers_per_block: Count = 1
    heads: Count = 2
    groups: Count = 16
    condition_dropout: UnitInterval = 0.1
    velocity_weight: UnitInterval = Field(
        0.5, description="of epsilon models: 0: the loss is the error of epsilon, 1: the error of v"
    )
    word_dropout: UnitInterval | None = Field(
        None, description="of texts: fraction of the words that are left out of every other one"
    )
    shift: int | None = Field(
        None, ge=0, description="of texts: augmentation: pictures are also seen shifted by up to so many pixels"
    )
    recipe: RecipeSettings = RecipeSettings()

    @model_validator(mode="after")
    def _groups_divide(self) -> Self:
        if any(count % self.groups for count in self.channels):
            problem = "every level's channels must be a multiple of `groups`"
            hint = f"groups is {self.groups}"
            raise UserError(problem, given=list(self.channels), hint=hint).at_key("channels")
        if self.heads > self.channels[-1]:
            allowed = f"up to {self.channels[-1]}"
            raise UserError("there are more heads than channels", given=self.heads, allowed=allowed).at_key("heads")
        return self


class Denoiser(DenoiserSettings):
    recipe: Recipe


class ClassifierSettings(Strict):
    """A small ConvNeXt that classifies pictures by label, for the metric `adherence`."""

    channels: Channels = (48, 96)
    layers_per_block: Count = 2
    shift: int = Field(1, ge=0, description="augmentation: pictures are shifted by up to so many pixels")
    pixel_noise: float = Field(
        0.1, ge=0, description="standard deviation of noise that is added to pictures in [-1, 1]"
    )
    recipe: RecipeSettings = RecipeSettings()


class Classifier(ClassifierSettings):
    recipe: Recipe


class ScorerSettings(Strict):
    """A small CLIP model that tells how well texts fit pictures, for the metric `text_score`.

    Its text tower begins with the text encoder of the denoiser.
    """

    patch: Count = Field(8, description="side in pixels of what a token of the vision transformer sees")
    width: Count = 96
    layers: Count = 3
    heads: Count = 4
    projection: Count = 64
    shift: int = Field(4, ge=0, description="augmentation: pictures are shifted by up to so many pixels")
    blurred: UnitInterval = Field(0.3, description="augmentation: fraction of the pictures that are blurred")
    pixel_noise: float = Field(0.1, ge=0, description="standard deviation of noise that is added to pictures")
    recipe: RecipeSettings = RecipeSettings()


class Scorer(ScorerSettings):
    recipe: Recipe


BundledTextModel = Literal["emoji"]  # a bundled model that can be trained further, and whose autoencoder can be used
BY_NAME, BY_SETTINGS = Tag(f"{UNION}name"), Tag(f"{UNION}settings")


def _name_or_settings(given: Any) -> str:
    """Which of the two a value is taken for, so that an error is about that one alone."""
    return (BY_NAME if isinstance(given, str) else BY_SETTINGS).tag


class TrainingFile(Strict):
    """What a training file says. What it leaves out is chosen from its data."""

    model_config = ConfigDict(title="cfgsweep training file")

    name: RunName = Field(description="also the name of the folder")
    seed: int = Field(0, ge=0, lt=2**32)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    condition: Literal["text", "label"] = "text"
    from_: BundledTextModel | None = Field(
        None, alias="from", description="a bundled model of texts whose weights the training begins with"
    )
    data: Data
    noise: Noise = Noise()
    autoencoder: (
        Annotated[
            Annotated[BundledTextModel, BY_NAME] | Annotated[AutoencoderSettings, BY_SETTINGS],
            Discriminator(_name_or_settings),
        ]
        | None
    ) = Field(None, description="of models of texts: a bundled model's, as it is, or settings of one to be trained")
    text_encoder: TextEncoder = TextEncoder()
    denoiser: DenoiserSettings | None = None
    classifier: ClassifierSettings | None = Field(None, description="of models of labels")
    scorer: ScorerSettings | None = Field(None, description="of models of texts")
    only: Literal["scorer"] | None = Field(
        None, description="train nothing but the scorer, which begins with the text encoder of `from`"
    )
    tracker: str | None = Field(None, description="tensorboard or another tracker of `accelerate`")

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        _check_labels(self) if self.condition == "label" else _check_texts(self)
        if self.data.name and (self.condition == "label") == (self.data.name == "emoji"):
            hint = f"condition: {'text' if self.data.name == 'emoji' else 'label'}"
            problem = "emoji have texts, the other named data sets labels"
            raise UserError(problem, given=self.condition, hint=hint).at_key("condition")
        return self

    @property
    def autoencoder_of(self) -> BundledTextModel | None:
        """The bundled model whose autoencoder is taken as it is."""
        return self.from_ or (self.autoencoder if isinstance(self.autoencoder, str) else None)


class TrainConfig(TrainingFile):
    """The settings of a training, in which nothing is left to be chosen."""

    autoencoder: (
        Annotated[
            Annotated[BundledTextModel, BY_NAME] | Annotated[Autoencoder, BY_SETTINGS], Discriminator(_name_or_settings)
        ]
        | None
    ) = None
    denoiser: Denoiser
    classifier: Classifier | None = None
    scorer: Scorer | None = None


FIELDS_OF_TEXTS = {"from": "from_", **{name: name for name in ("autoencoder", "text_encoder", "scorer", "only")}}


def _check_labels(file: TrainingFile) -> None:
    """Raises UserError where a model of labels has parts of models of texts."""
    for key, field in FIELDS_OF_TEXTS.items():
        if field in file.model_fields_set and getattr(file, field) is not None:
            problem = "a model of labels draws pixels: it has no autoencoder, text_encoder or scorer"
            raise UserError(problem, hint="leave it out, or give condition: text").at_key(key)


def _check_texts(file: TrainingFile) -> None:
    """Raises UserError where a model of texts has a part that it cannot have, or that `from` has given it already."""
    if file.classifier is not None:
        problem = "a model of texts has an autoencoder, and no classifier"
        raise UserError(problem, hint="leave it out, or give condition: label").at_key("classifier")
    if file.noise.prediction == "flow":
        problem = "flow matching is for models of labels: StableDiffusionPipeline does not support it"
        raise UserError(problem, given="flow", allowed="epsilon, v, x0").at_key("noise", "prediction")
    if file.from_ is not None:
        _check_fine_tuning(file)
    if file.only is not None and (file.scorer is None or file.from_ is None):
        hint = "give `scorer: {}` and `from`"
        raise UserError("there is no scorer to train, or no model that it is of", hint=hint).at_key("only")
    if file.only is not None and file.denoiser is not None and not isinstance(file, TrainConfig):
        raise UserError("`only` says that it is not trained", hint="leave it out").at_key("denoiser")


def _check_fine_tuning(file: TrainingFile) -> None:
    """Raises UserError where a file gives another form to what `from` takes as it is."""
    given: list[tuple[str, ...]] = [(key,) for key in ("text_encoder", "noise") if key in file.model_fields_set]
    given += [("denoiser", key) for key in FORM if file.denoiser and key in file.denoiser.model_fields_set]
    if file.autoencoder not in (None, file.from_):
        given.append(("autoencoder",))
    for key in given:
        raise UserError(f"is that of {file.from_}, which `from` names", hint="leave it out, or `from`").at_key(*key)


FORM = ("channels", "layers_per_block", "heads", "groups")  # of a denoiser: what decides the shapes of its weights
