"""The stages of a training: one network after the other, then a diffusers folder with its model card."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny

from cfgsweep.models.device import training_dtype
from cfgsweep.system.display import Display, Status
from cfgsweep.system.files import make_folder
from cfgsweep.system.locks import held
from cfgsweep.system.publish import finish_publishing, publish
from cfgsweep.training.card import model_card
from cfgsweep.training.config import Recipe, TrainConfig
from cfgsweep.training.data.captioned import read_captioned
from cfgsweep.training.data.composites import compose
from cfgsweep.training.data.dataset import Pictures
from cfgsweep.training.data.labelled import read_labelled
from cfgsweep.training.folder import check, remove_temporary, write_down
from cfgsweep.training.loop import Progress, Task, fit
from cfgsweep.training.tasks.autoencoder import AutoencoderTask, encode
from cfgsweep.training.tasks.class_to_image import ClassToImageTask
from cfgsweep.training.tasks.classifier import ClassifierTask
from cfgsweep.training.tasks.text_to_image import Latents, LatentSet, TextToImageTask
from cfgsweep.training.tracking import Tracker

MODEL = "model"  # the folder of the finished model
Save = Callable[[Path], None]  # writes a part of the model into a folder


class Stages:
    """The networks that are trained one after the other in a folder. Holds the folder's lock until it is closed."""

    def __init__(self, config: TrainConfig, folder: Path, display: Display, wait: bool):
        self.config, self.folder, self.display, self.wait = config, folder, display, wait
        self.lock = ExitStack()
        self.dtype = training_dtype(config.dtype, display.notice)
        self.losses: dict[str, float] = {}  # held-out loss by task
        self.tracker = Tracker(config)

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.close()

    def fit(self, build: Callable[[], Task], recipe: Recipe) -> tuple[Any, Any]:
        """Builds a task and fits its network; returns the task and the moving average of the network.

        The initial weights depend on the seed alone. Nothing is written before the first task is built, since reading
        the data and building the network are what can be refused.
        """
        torch.manual_seed(self.config.seed)
        task = build()
        if not self.losses:
            self._begin()
        place = self.folder / task.name
        network = fit(task, recipe, place, seed=self.config.seed, dtype=self.dtype, report=self._report)
        self.losses[task.name] = task.held_out_loss(network)
        return task, network

    def _begin(self) -> None:
        """Creates and locks the folder, and checks it again, since another command may have used it until now."""
        make_folder(self.folder)
        self.lock.enter_context(held(self.folder, self.wait, self.display.notice))
        check(self.folder, self.config)
        remove_temporary(self.folder)
        finish_publishing(self.folder / MODEL)
        write_down(self.folder, self.config)
        self.tracker.begin(self.folder)

    def _report(self, progress: Progress) -> None:
        note = f"loss {progress.loss:.4f}, {progress.seconds_per_step:.2f} s a step"
        if progress.held_out is not None:
            self.display.say(f"{progress.task}: step {progress.step}, held-out loss {progress.held_out:.4f}")
        fraction = progress.step / progress.steps
        self.display.update(Status(progress.step, progress.steps, f"{progress.task} steps", fraction, note))
        self.tracker.log(progress)

    def finish(self, parts: Mapping[str, Save], sizes: Mapping[str, int]) -> Path:
        """Saves the model in a temporary folder and publishes it, so that there is always one; returns its folder.

        parts: by subfolder. sizes: number of pictures by part of the data, for the model card.
        """
        self.tracker.close()
        folder = self.folder / MODEL
        fresh = folder.with_name(folder.name + ".tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        for place, save in parts.items():
            save(fresh / place)
        (fresh / "README.md").write_text(model_card(self.config, self.losses, sizes))
        publish(fresh, folder)
        return folder


def train_on_labels(config: TrainConfig, stages: Stages) -> Path:
    """Trains a denoiser of pixels, and a classifier if the configuration has one."""
    training, held_out = read_labelled(config.data)
    sizes = {"training": len(training), "held out": len(held_out)}
    stages.display.say(
        f"{len(training)} pictures of {len(training.names)} labels to train on, {len(held_out)} held out"
    )
    parts: dict[str, Save] = {}
    task, network = stages.fit(partial(ClassToImageTask, config, training, held_out), config.denoiser.recipe)
    parts["."] = partial(task.save, network)
    if config.classifier is not None:
        build = partial(ClassifierTask, config.classifier, training, held_out)
        task, network = stages.fit(build, config.classifier.recipe)
        parts["classifier"] = partial(task.save, network)
    return stages.finish(parts, sizes)


def train_on_texts(config: TrainConfig, stages: Stages) -> Path:
    """Trains an autoencoder, then a text encoder and a denoiser on its latents."""
    assert config.autoencoder is not None  # TrainConfig refuses a model of texts without one
    training, held_out = read_captioned(config.data)
    composites = compose(training, config.data.composites, config.seed)
    sizes = {"training": len(training), "composites": len(composites), "held out": len(held_out)}
    stages.display.say(
        f"{len(training)} pictures and {len(composites)} composites to train on, {len(held_out)} held out"
    )
    build = partial(AutoencoderTask, config.autoencoder, training, held_out)
    _, vae = stages.fit(build, config.autoencoder.recipe)
    latents = _encode_all(vae, training, composites, held_out)
    task, network = stages.fit(partial(TextToImageTask, config, latents, vae), config.denoiser.recipe)
    return stages.finish({".": partial(task.save, network)}, sizes)


def _encode_all(vae: AutoencoderTiny, training: Pictures, composites: Pictures, held_out: Pictures) -> Latents:
    """Latents scaled to unit standard deviation over the training set; the scale goes into the autoencoder's config."""
    unscaled = [encode(vae, pictures.pixels) for pictures in (training, composites, held_out)]
    scale = 1 / unscaled[0].std().item()
    vae.register_to_config(scaling_factor=scale)
    entries = (training.entries, composites.entries, held_out.entries)
    return Latents(*(LatentSet(latents * scale, of) for latents, of in zip(unscaled, entries, strict=True)))
