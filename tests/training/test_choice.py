"""What a training file leaves out is chosen from its data; what it says, and whole files, stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cfgsweep.config import yaml_io
from cfgsweep.errors import UserError
from cfgsweep.models.source import BUNDLED_FOLDER
from cfgsweep.training.choice import FEW_PICTURES, choices, chosen, shortages
from cfgsweep.training.config import TrainConfig, TrainingFile
from cfgsweep.training.folder import SETTINGS_FILE, check, settings_of, write_down
from tests.support.trainings import label_training

TRAININGS = Path(__file__).parents[2] / "configs/train"
SHAPES = {"name": "shapes", "data": {"path": "shapes", "size": 64}}


def settings(config: TrainingFile) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("pictures", [2, 50, 5000])
@pytest.mark.parametrize("name", ["digits", "emoji"])
def test_nothing_is_chosen_for_a_file_with_whole_recipes(name: str, pictures: int) -> None:
    document = yaml_io.read(TRAININGS / f"{name}.yaml")
    file = yaml_io.validate(TrainingFile, document)
    config = chosen(file, pictures, 64)
    assert settings(config) == settings(TrainConfig.model_validate(document.data))
    assert choices(file, config) == []


@pytest.mark.parametrize("name", ["digits", "emoji"])
def test_a_shipped_file_still_means_the_recipe_in_the_card_of_its_model(name: str) -> None:
    """The cards were written when the models were trained, with all defaults of then."""
    card = (BUNDLED_FOLDER / name / "README.md").read_text()
    trained = yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])
    now = settings(chosen(yaml_io.validate(TrainingFile, yaml_io.read(TRAININGS / f"{name}.yaml")), 5000, 64))
    trained["data"].pop("path", None)
    assert _differences(trained, now) == []


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The keys of `before` that are otherwise in `now`."""
    found = [
        [f"{key}.{inner}" for inner in _differences(value, now[key])]
        if isinstance(value, dict)
        else [key] * (value != now[key])
        for key, value in before.items()
    ]
    return [key for keys in found for key in keys]


def test_three_lines_are_a_training() -> None:
    config = chosen(TrainingFile.model_validate(SHAPES), 50, 64)
    assert config.from_ == config.autoencoder == "emoji"
    assert config.denoiser.word_dropout
    assert config.denoiser.shift
    assert all((config.denoiser.recipe.steps, config.denoiser.recipe.batch, config.denoiser.recipe.learning_rate))


def test_more_pictures_take_more_steps_and_an_autoencoder_of_their_own() -> None:
    file = TrainingFile.model_validate(SHAPES)
    few, many = (chosen(file, count, 64) for count in (FEW_PICTURES - 1, FEW_PICTURES))
    assert few.from_ == few.autoencoder == "emoji"
    assert many.from_ is None
    assert many.autoencoder is not None
    assert many.autoencoder != "emoji"
    assert many.denoiser.shift is None
    assert few.denoiser.recipe.steps > chosen(file, 50, 64).denoiser.recipe.steps


@pytest.mark.parametrize(
    "says",
    [
        {"from": None},
        {"autoencoder": "emoji"},
        {"denoiser": {"channels": [16, 32]}},
        {"text_encoder": {"width": 32}},
        {"noise": {"prediction": "v"}},
    ],
)
def test_a_file_that_says_how_it_begins_is_no_fine_tuning(says: dict[str, Any]) -> None:
    config = chosen(TrainingFile.model_validate({**SHAPES, **says}), 50, 64)
    assert config.from_ is None
    assert config.autoencoder == "emoji"


def test_whole_recipes_are_not_augmented() -> None:
    recipe = {"steps": 8, "batch": 8, "learning_rate": 0.002}
    file = TrainingFile.model_validate({**SHAPES, "from": "emoji", "denoiser": {"recipe": recipe}})
    found = chosen(file, 50, 64).denoiser
    assert (found.word_dropout, found.shift) == (None, None)


@pytest.mark.parametrize("name", ["digits", "emoji"])
def test_a_folder_of_before_is_gone_on_with(name: str, tmp_path: Path) -> None:
    """Its settings have no fields that came later."""
    file = yaml_io.validate(TrainingFile, yaml_io.read(TRAININGS / f"{name}.yaml"))
    config = chosen(file, 50, 64)
    recorded = settings_of(config)
    del recorded["from"], recorded["denoiser"]["word_dropout"], recorded["denoiser"]["shift"]
    (tmp_path / SETTINGS_FILE).write_text(json.dumps(recorded))
    check(tmp_path, file)
    check(tmp_path, config)
    with pytest.raises(UserError, match="trained otherwise"):
        check(tmp_path, config.model_copy(update={"seed": 77}))


@pytest.mark.parametrize("changes", [{"from": None}, {"condition": "label", "data": {"name": "digits"}}])
def test_another_number_of_steps_is_the_same_training_but_for_the_steps(changes: dict[str, Any]) -> None:
    steps = {"denoiser": {"recipe": {"steps": 400}}}
    one, other = (
        settings(chosen(TrainingFile.model_validate({**SHAPES, **changes, **more}), 50, 64)) for more in ({}, steps)
    )
    assert set(_differences(one, other)) == {"denoiser.recipe.steps", "denoiser.recipe.sample_every"}


@pytest.mark.parametrize(
    "says", [{}, {"from": None}, {"autoencoder": {}}, {"condition": "label"}, {"denoiser": {"recipe": {"steps": 9}}}]
)
def test_the_file_goes_on_with_what_was_chosen_for_it(tmp_path: Path, says: dict[str, Any]) -> None:
    file = TrainingFile.model_validate({**SHAPES, **says})
    write_down(tmp_path, chosen(file, 50, 64))
    check(tmp_path, file)
    check(tmp_path, chosen(file, 50, 64))
    with pytest.raises(UserError, match="trained otherwise"):
        check(tmp_path, TrainingFile.model_validate({**SHAPES, **says, "seed": 3}))


def test_other_choices_for_other_data_are_refused_in_the_same_folder(tmp_path: Path) -> None:
    file = TrainingFile.model_validate(SHAPES)
    write_down(tmp_path, chosen(file, 50, 64))
    with pytest.raises(UserError, match="trained otherwise"):
        check(tmp_path, chosen(file, 500, 64))


def test_what_a_file_says_is_kept_and_the_rest_is_chosen() -> None:
    recipe = {"steps": 400, "ema": 0.5}
    config = chosen(TrainingFile.model_validate({**SHAPES, "denoiser": {"heads": 4, "recipe": recipe}}), 50, 64)
    found = config.denoiser
    assert (found.heads, found.recipe.steps, found.recipe.ema, found.recipe.sample_every) == (4, 400, 0.5, 100)
    assert found.channels == TrainConfig.model_fields["denoiser"].annotation.model_fields["channels"].default


def test_labels_have_a_denoiser_of_pixels_by_the_size_of_their_pictures() -> None:
    file = TrainingFile.model_validate({"name": "x", "condition": "label", "data": {"name": "digits"}})
    small, large = (chosen(file, 50, side) for side in (16, 64))
    assert len(large.denoiser.channels) == len(small.denoiser.channels) + 1
    assert small.autoencoder is None
    assert small.classifier is None
    assert small.noise.prediction == "v"
    whole = chosen(TrainingFile.model_validate({**label_training(), "noise": {}}), 50, 16)
    assert whole.noise.prediction == "epsilon"  # as a file with a denoiser has always meant it


def test_the_same_file_again_is_what_was_chosen() -> None:
    """The card has the settings of the training: given as a file they mean the same for any data."""
    config = chosen(TrainingFile.model_validate({**SHAPES, "from": "emoji"}), 50, 64)
    again = chosen(TrainingFile.model_validate(config.model_dump(by_alias=True, exclude_unset=True)), 7, 32)
    assert settings(again) == settings(config)


def test_choices_are_told() -> None:
    file = TrainingFile.model_validate(SHAPES)
    first, second = choices(file, chosen(file, 50, 64))
    assert first.startswith("from: emoji, a bundled model (`from: null`")
    assert second.startswith("denoiser: ")
    assert all(word in second for word in ("steps of", "word_dropout", "shift"))
    file = TrainingFile.model_validate({**SHAPES, "from": "emoji"})
    assert choices(file, chosen(file, 50, 64)) == [second]
    file = TrainingFile.model_validate({**SHAPES, "from": None})
    first, second = choices(file, chosen(file, 50, 64))
    assert first.startswith("autoencoder: emoji")
    assert "channels" in second


def test_few_steps_are_told_with_the_usual_number() -> None:
    file = TrainingFile.model_validate({**SHAPES, "denoiser": {"recipe": {"steps": 20}}})
    (line,) = shortages(chosen(file, 50, 64), 50)
    usual = chosen(TrainingFile.model_validate(SHAPES), 50, 64).denoiser.recipe
    assert line.startswith("denoiser.recipe.steps: 20 steps")
    assert f"{usual.steps} of {usual.batch} are usual" in line
    for name, pictures in (("digits", 1620), ("emoji", 9235)):
        file = yaml_io.validate(TrainingFile, yaml_io.read(TRAININGS / f"{name}.yaml"))
        assert shortages(chosen(file, pictures, 64), pictures) == []
