"""What a training file leaves out, chosen from the number and the size of its pictures.

Only what is not written is chosen: a file with whole recipes means the same whatever its data are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cfgsweep.training.config import Recipe, RecipeSettings, TrainConfig, TrainingFile

# With fewer pictures with texts than this, the autoencoder is a bundled model's: it has seen more of them.
FEW_PICTURES = 2000
SOME_PICTURES = 50  # for which the usual recipes were measured
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
    "fine-tuned": Usual(1200, 16, 5e-4),
    "texts": Usual(4000, 16, 1e-3),
    "labels": Usual(1000, 32, 1e-3),
    "autoencoder": Usual(1000, 32, 2e-3, (("weight_decay", 0.0), ("ema", 0.0))),
    "classifier": Usual(400, 64, 2e-3, (("weight_decay", 0.05), ("ema", 0.99))),
}
DENOISERS: dict[str, dict[str, Any]] = {
    "fine-tuned": {},
    "texts": {"channels": [32, 64, 96], "groups": 16},
    "labels": {"channels": [32, 64, 64], "groups": 8},
    "large labels": {"channels": [32, 64, 96, 96], "groups": 8},
}
LARGE = 32  # pixels; models of labels of larger pictures have one more level


def chosen(file: TrainingFile, pictures: int, side: int) -> TrainConfig:
    """The file with everything that it leaves out. pictures: to train on. side: of one, the longer one, in pixels."""
    fields = file.model_dump(exclude_unset=True, by_alias=True)
    kind = _kind(file)
    if file.denoiser is None:
        fields["denoiser"] = dict(DENOISERS["large labels" if kind == "labels" and side > LARGE else kind])
        if kind == "labels" and "noise" not in fields:
            fields["noise"] = {"schedule": "cosine", "prediction": "v"}
    if file.condition == "text" and file.autoencoder is None:
        fields["autoencoder"] = file.from_ or ("emoji" if pictures < FEW_PICTURES else {})
    for key, usual in _usual_recipes(file).items():
        if isinstance(part := fields.get(key), dict):
            part["recipe"] = _recipe(part.get("recipe", {}), usual, pictures)
    return TrainConfig.model_validate(fields)


def _kind(file: TrainingFile) -> str:
    """The name in USUAL of the denoiser's recipe."""
    if file.from_ is not None:
        return "fine-tuned"
    return "texts" if file.condition == "text" else "labels"


def _usual_recipes(file: TrainingFile) -> dict[str, Usual]:
    """By the key of the part."""
    return {"autoencoder": USUAL["autoencoder"], "denoiser": USUAL[_kind(file)], "classifier": USUAL["classifier"]}


def _recipe(given: dict[str, Any], usual: Usual, pictures: int) -> dict[str, Any]:
    """What is given, and the usual for what is not; a sheet of samples at least every quarter of the steps."""
    given = {key: value for key, value in given.items() if value is not None}
    if given.keys() >= WHOLE:
        return given
    recipe = usual.fields(pictures) | given
    return {"sample_every": max(LEAST_BETWEEN_SHEETS, math.ceil(recipe["steps"] / SHEETS)), **recipe}


def choices(file: TrainingFile, config: TrainConfig) -> list[str]:
    """What was chosen, one line for each part of the file that left something out."""
    before, after = (_recipes(one) for one in (file, config))
    lines = []
    if config.autoencoder_of and file.autoencoder is None and file.from_ is None:
        name = config.autoencoder_of
        hint = f"`from: {name}` would begin with its other weights, too, and take fewer steps"
        lines.append(f"autoencoder: {name}, a bundled model's, since there are few pictures; {hint}")
    for key, recipe in after.items():
        if (given := before.get(key)) is None or None in (given.steps, given.batch, given.learning_rate):
            form = f", channels {list(config.denoiser.channels)}" if _is_new_form(key, file) else ""
            rate = f"learning rate {recipe.learning_rate:g}"
            lines.append(f"{key}: {recipe.steps} steps of {recipe.batch} pictures, {rate}{form}")
    return lines


def _is_new_form(key: str, file: TrainingFile) -> bool:
    return key == "denoiser" and file.denoiser is None and file.from_ is None


def _recipes(file: TrainingFile) -> dict[str, RecipeSettings]:
    """The recipes of the parts that are to be trained, by the keys of the parts."""
    parts = {key: getattr(file, key) for key in ("autoencoder", "denoiser", "classifier")}
    return {key: part.recipe for key, part in parts.items() if part is not None and not isinstance(part, str)}


def shortages(file: TrainingFile, config: TrainConfig, pictures: int) -> list[str]:
    """A warning for each part whose steps are few for so many pictures."""
    lines = []
    for key, recipe in _recipes(config).items():
        usual = _usual_recipes(file)[key].fields(pictures)
        assert isinstance(recipe, Recipe)  # those of a TrainConfig are whole
        if recipe.steps * recipe.batch < SHORT * usual["steps"] * usual["batch"]:
            few = f"{recipe.steps} steps of {recipe.batch} are few for {pictures} pictures"
            enough = f"{usual['steps']} of {usual['batch']} are usual"
            lines.append(f"{key}.recipe.steps: {few}, and the result will be coarse; {enough}")
    return lines
