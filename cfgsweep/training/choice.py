"""What a training file leaves out, chosen from the number and the size of its pictures.

Only what is not written is chosen: a file with whole recipes means the same whatever its data are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cfgsweep.training.config import FORM, BundledTextModel, Recipe, RecipeSettings, TrainConfig, TrainingFile

FEW_PICTURES = 2000  # with texts; with fewer, a training begins with what a bundled model has learned from more
BUNDLED: BundledTextModel = "emoji"
SOME_PICTURES = 50  # for which the usual recipes were measured, see tests/bench/SHAPES.md
SHEETS, LEAST_BETWEEN_SHEETS = 4, 50  # sheets of samples in a stage, and steps from one to the next
SHORT = 1 / 4  # of the pictures that the usual steps take; below it a training is told to be short
WHOLE = {"steps", "batch", "learning_rate"}  # a recipe with these leaves nothing to be chosen


@dataclass(frozen=True)
class Usual:
    """A recipe for SOME_PICTURES pictures. The number of steps grows with the square root of the number of pictures."""

    steps: int
    batch: int
    learning_rate: float
    further: tuple[tuple[str, float], ...] = ()

    def fields(self, pictures: int) -> dict[str, Any]:
        """The fields of a recipe for so many pictures."""
        steps = int(round(self.steps * max(1.0, math.sqrt(pictures / SOME_PICTURES)), -2))
        return {"steps": steps, "batch": self.batch, "learning_rate": self.learning_rate, **dict(self.further)}


USUAL = {
    "fine-tuned": Usual(800, 16, 1e-3),
    "texts": Usual(4000, 16, 1e-3),
    "labels": Usual(1000, 32, 1e-3),
    "autoencoder": Usual(1000, 32, 2e-3, (("weight_decay", 0.0), ("ema", 0.0))),
    "classifier": Usual(400, 64, 2e-3, (("weight_decay", 0.05), ("ema", 0.99))),
    "scorer": Usual(130, 96, 2e-3, (("weight_decay", 0.05), ("ema", 0.99))),
}
DENOISERS: dict[str, dict[str, Any]] = {
    "fine-tuned": {},
    "texts": {"channels": [32, 64, 96], "groups": 16},
    "labels": {"channels": [32, 64, 64], "groups": 8},
    "large labels": {"channels": [32, 64, 96, 96], "groups": 8},
}
# Of few pictures with texts: without, they are learned by heart, and a text that is new means one of them.
AUGMENTATION = {"word_dropout": 0.3, "shift": 2}
LARGE = 32  # pixels; models of labels of larger pictures have one more level


def chosen(file: TrainingFile, pictures: int, side: int) -> TrainConfig:
    """The file with everything that it leaves out. pictures: to train on. side: of one, the longer one, in pixels."""
    fields = file.model_dump(exclude_unset=True, by_alias=True)
    few = file.condition == "text" and pictures < FEW_PICTURES
    if few and _is_open(file):
        fields["from"] = BUNDLED
    kind = _kind(file.condition, fields.get("from"))
    if not _is_whole(fields.get("denoiser", {})):
        form = DENOISERS["large labels" if kind == "labels" and side > LARGE else kind]
        chosen_too = {**(AUGMENTATION if few else {}), **({} if _has_form(file) else form)}
        fields["denoiser"] = chosen_too | fields.get("denoiser", {})
        if kind == "labels" and "noise" not in fields:
            fields["noise"] = {"schedule": "cosine", "prediction": "v"}
    if file.condition == "text" and file.autoencoder is None:
        fields["autoencoder"] = fields.get("from") or (BUNDLED if few else {})
    for key, usual in _usual_recipes(kind).items():
        if isinstance(part := fields.get(key), dict):
            part["recipe"] = _recipe(_given(part.get("recipe", {})), usual, pictures)
    return TrainConfig.model_validate(fields)


def _is_open(file: TrainingFile) -> bool:
    """Whether a file says nothing of the weights that it begins with, nor of the form of its networks."""
    return not _has_form(file) and not file.model_fields_set & {"from_", "autoencoder", "text_encoder", "noise"}


def _has_form(file: TrainingFile) -> bool:
    return file.denoiser is not None and bool(file.denoiser.model_fields_set & set(FORM))


def _is_whole(part: dict[str, Any]) -> bool:
    """Whether the recipe of a part leaves nothing to be chosen."""
    return _given(part.get("recipe", {})).keys() >= WHOLE


def _kind(condition: str, start: str | None) -> str:
    """The name in USUAL of the denoiser's recipe. start: the bundled model whose weights it begins with."""
    if start is not None:
        return "fine-tuned"
    return "texts" if condition == "text" else "labels"


def _usual_recipes(kind: str) -> dict[str, Usual]:
    """By the key of the part."""
    return {"denoiser": USUAL[kind], **{key: USUAL[key] for key in ("autoencoder", "classifier", "scorer")}}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _recipe(given: dict[str, Any], usual: Usual, pictures: int) -> dict[str, Any]:
    """What is given, and the usual for what is not; a sheet of samples at least every quarter of the steps."""
    if given.keys() >= WHOLE:
        return given
    recipe = usual.fields(pictures) | given
    return {"sample_every": max(LEAST_BETWEEN_SHEETS, math.ceil(recipe["steps"] / SHEETS)), **recipe}


def choices(file: TrainingFile, config: TrainConfig) -> list[str]:
    """What was chosen, one line for each part of the file that left something out."""
    before, after = (_recipes(one) for one in (file, config))
    lines = []
    if config.from_ != file.from_:
        lines.append(f"from: {config.from_}, a bundled model (`from: null` begins with random weights)")
    elif config.autoencoder_of != file.autoencoder_of:
        lines.append(f"autoencoder: {config.autoencoder_of}, a bundled model's (`autoencoder: {{}}` trains one)")
    for key, recipe in after.items():
        if (given := before.get(key)) is None or None in (given.steps, given.batch, given.learning_rate):
            of_form = key == "denoiser" and not _has_form(file) and config.from_ is None
            form = f", channels {list(config.denoiser.channels)}" if of_form else ""
            further = f"learning rate {recipe.learning_rate:g}{form}{_augmentation(key, config)}"
            lines.append(f"{key}: {recipe.steps} steps of {recipe.batch} pictures, {further}")
    return lines


def _augmentation(key: str, config: TrainConfig) -> str:
    settings = {name: getattr(config.denoiser, name) for name in AUGMENTATION if key == "denoiser"}
    return "".join(f", {name} {value:g}" for name, value in settings.items() if value)


def _recipes(file: TrainingFile) -> dict[str, RecipeSettings]:
    """The recipes of the parts that are to be trained, by the keys of the parts."""
    keys = ("autoencoder", "denoiser", "classifier", "scorer") if file.only is None else (file.only,)
    parts = {key: getattr(file, key) for key in keys}
    return {key: part.recipe for key, part in parts.items() if part is not None and not isinstance(part, str)}


def shortages(config: TrainConfig, pictures: int) -> list[str]:
    """A warning for each part whose steps are few for so many pictures."""
    lines = []
    for key, recipe in _recipes(config).items():
        usual = _usual_recipes(_kind(config.condition, config.from_))[key].fields(pictures)
        assert isinstance(recipe, Recipe)  # those of a TrainConfig are whole
        if recipe.steps * recipe.batch < SHORT * usual["steps"] * usual["batch"]:
            few = f"{recipe.steps} steps of {recipe.batch} are few for {pictures} pictures"
            enough = f"{usual['steps']} of {usual['batch']} are usual"
            lines.append(f"{key}.recipe.steps: {few}, and the result will be coarse; {enough}")
    return lines
