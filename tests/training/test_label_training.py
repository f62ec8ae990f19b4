"""Training on labels: the model runs, a kill changes no weights, files that contradict themselves are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from diffusers import DDPMPipeline, DDPMScheduler
from PIL import Image
from transformers import AutoModelForImageClassification

from cfgsweep.training.config import Noise, TrainConfig
from cfgsweep.training.data.dataset import Labelled
from cfgsweep.training.noise import Noising
from cfgsweep.training.tasks.class_to_image import ClassToImageTask
from tests.support.trainings import RECIPE, assert_a_kill_changes_no_weights, label_training, weights_of


@pytest.fixture
def training_file(tmp_path: Path):
    def write(**changes: Any) -> Path:
        path = tmp_path / "train.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in label_training(**changes).items() if v is not None}))
        return path

    return write


def test_a_trained_model_runs_and_loads_as_a_diffusers_pipeline(cli, training_file, tmp_path: Path, sweep_file) -> None:
    trained = cli("train", training_file(), "--out", tmp_path / "out")
    assert trained.code == 0
    assert "held-out loss" in trained.out
    model = tmp_path / "out/model"
    assert trained.out.splitlines()[-1] == str(model)
    sweep = f"name: x\nmodel: {model}\nlabel: [0, '7']\nsteps: 2\nguider: cfg\nvalue: [0, 2]\nmetrics: adherence\n"
    done = cli("run", sweep_file(sweep), "--out", tmp_path / "run")
    assert done.code == 0
    assert "adherence by" in done.out

    assert DDPMPipeline.from_pretrained(model).unet.config.num_class_embeds == 11
    classifier = AutoModelForImageClassification.from_pretrained(model / "classifier")
    assert 0 <= classifier.config.held_out_accuracy <= 1
    assert classifier.config.id2label[7] == "7"
    card = (model / "README.md").read_text()
    assert all(word in card for word in ("scikit-learn", "CC BY 4.0", "held out", "classifier", "learning_rate"))
    assert list((tmp_path / "out").rglob("samples-*.png"))


@pytest.mark.slow
def test_weights_depend_on_the_seed_alone(cli, training_file, tmp_path: Path) -> None:
    weights = []
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert cli("train", training_file(seed=seed), "--out", tmp_path / out, "--quiet").code == 0
        weights.append(weights_of(tmp_path / out / "model"))
    first, same, other = weights
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["denoiser", "classifier"])
def test_a_killed_training_ends_in_the_same_weights(training_file, tmp_path: Path, stage: str) -> None:
    path = training_file(**{stage: {**label_training()[stage], "recipe": {**RECIPE, "steps": 60}}})
    assert_a_kill_changes_no_weights(tmp_path, stage, path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "noise",
    [
        {"schedule": "linear", "prediction": "epsilon"},
        {"schedule": "cosine", "prediction": "x0"},
        {"schedule": "scaled_linear", "prediction": "v", "steps": 300},
        {"prediction": "flow"},
    ],
)
def test_every_kind_of_noise_trains_and_runs(cli, training_file, tmp_path: Path, sweep_file, noise: dict) -> None:
    recipe = {**RECIPE, "steps": 60, "sample_every": 30}
    path = training_file(noise=noise, denoiser={**label_training()["denoiser"], "recipe": recipe}, classifier=None)
    assert cli("train", path, "--out", tmp_path / "out").code == 0
    lines = (tmp_path / "out/denoiser/log.jsonl").read_text().splitlines()
    held_out = [entry["held_out"] for entry in map(json.loads, lines) if entry["held_out"] is not None]
    assert held_out[-1] < held_out[0]
    sweep = f"name: x\nmodel: {tmp_path}/out/model\nlabel: 1\nsteps: 4\nguider: cfg\nvalue: 2\n"
    assert cli("run", sweep_file(sweep), "--out", tmp_path / "run").code == 0


@pytest.mark.parametrize("dropout", [0.0, 0.1, 1.0])
def test_labels_are_dropped_at_the_given_rate(dropout: float) -> None:
    shape = {**label_training()["denoiser"], "condition_dropout": dropout}
    config = TrainConfig.model_validate(label_training(denoiser=shape))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=generator)
    data = Labelled(pixels, torch.arange(30) % 3, ["a", "b", "c"])
    task, seen = ClassToImageTask(config, data, data), []
    task.network.class_embedding.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    task.loss(2000, generator)
    assert (seen[0] == task.null_label).float().mean() == pytest.approx(dropout, abs=0.03)
    assert sorted(set(seen[0].tolist()) - {task.null_label}) == ([0, 1, 2] if dropout < 1 else [])


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0", "flow"])
def test_a_perfect_prediction_gives_the_picture_back(prediction) -> None:
    """With a perfect prediction, one step of the saved scheduler's formula gives the picture back."""
    noising = Noising(Noise(prediction=prediction), 0.5)
    generator = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(4, 1, 8, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    timesteps = noising.timesteps(4, generator)
    noisy, target = noising.noisy(clean, noise, timesteps), noising.target(clean, noise, timesteps)
    for row, t in enumerate(timesteps):
        if prediction == "flow":
            found = noisy[row] - t / noising.steps * target[row]
        else:
            scheduler = DDPMScheduler.from_config(noising.saved_scheduler().config, clip_sample=False)
            found = scheduler.step(target[row], t, noisy[row]).pred_original_sample
        torch.testing.assert_close(found, clean[row], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"condition": "lable"}, ["condition", "label"]),
        ({"condition": "text"}, ["a model of texts has an autoencoder"]),
        ({"autoencoder": {"recipe": RECIPE}}, ["draws pixels"]),
        ({"noise": {"prediction": "flow", "schedule": "linear"}}, ["has no schedule"]),
        ({"data": {"name": "digits", "composites": 4}}, ["for emoji"]),
        ({"data": {}}, ["give a path, or one of the names"]),
        ({"classifier": {"recipe": {**RECIPE, "step": 4}}}, ["unknown key 'step'", "did you mean 'steps'?"]),
        ({"data": {"name": "digits", "size": 17}}, ["17x17", "multiples of 2"]),
        ({"data": {"name": "digits", "held_out": 0.0}}, ["no held-out picture"]),
        ({"denoiser": {"channels": [9, 16], "groups": 4, "recipe": RECIPE}}, ["multiple of `groups`"]),
        ({"tracker": "tensorbord"}, ["did you mean 'tensorboard'?"]),
        ({"tracker": "wandb"}, ["package is not installed"]),
    ],
)
def test_bad_training_files_are_explained_and_leave_nothing(
    cli, training_file, tmp_path: Path, changes: dict[str, Any], words: list[str]
) -> None:
    refused = cli("train", training_file(**changes), "--out", tmp_path / "out")
    assert refused.code == 2
    for word in words:
        assert word in refused.err
    assert not (tmp_path / "out").exists()


def test_losses_go_to_a_tracker_when_asked(cli, training_file, tmp_path: Path) -> None:
    assert cli("train", training_file(tracker="tensorboard"), "--out", tmp_path / "out", "--quiet").code == 0
    (events,) = (tmp_path / "out/tracker").rglob("*tfevents*")
    content = events.read_bytes()
    for tag in (b"denoiser/loss", b"denoiser/held_out", b"classifier/loss"):
        assert tag in content


def test_any_folder_of_labelled_pictures_trains(cli, training_file, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for n in range(16):
            values = generator.integers(0, 255, (12, 9, 3), dtype=np.uint8)
            Image.fromarray(values).save(tmp_path / "data" / label / f"{n}.png")
    path = training_file(data={"path": str(tmp_path / "data"), "size": 8, "held_out": 0.2})
    assert cli("train", path, "--out", tmp_path / "out", "--quiet").code == 0
    index = json.loads((tmp_path / "out/model/model_index.json").read_text())
    assert index["id2label"] == {"0": "cat", "1": "dog"}
    assert str(tmp_path) not in (tmp_path / "out/model/README.md").read_text()


def test_any_folder_of_pictures_with_texts_trains(cli, small_training: dict, tmp_path: Path) -> None:
    folder, recipe = tmp_path / "data", {**RECIPE, "batch": 4}
    folder.mkdir()
    names = [f"{'red' if n % 2 else 'blue'} thing {n}" for n in range(40)]
    for n in range(40):
        Image.new("RGB", (64, 64), "red" if n % 2 else "blue").save(folder / f"{n}.png")
    table = "\n".join(f"{n}.png,{name}" for n, name in enumerate(names))
    (folder / "metadata.csv").write_text(f"file_name,text\n{table}\n")
    config = {**small_training, "data": {"path": str(folder)}}
    config["denoiser"] = {**config["denoiser"], "recipe": recipe}
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump(config))
    trained = cli("train", path, "--out", tmp_path / "out", "--quiet")
    assert trained.code == 0, trained.err
    assert (tmp_path / "out/model/unet").is_dir()
