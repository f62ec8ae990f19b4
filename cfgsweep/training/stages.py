"""The stages of a training: one network after the other, then a diffusers folder with its model card."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.device import training_dtype
from cfgsweep.storage.png import save_png
from cfgsweep.system.display import Display, Status
from cfgsweep.system.files import make_folder, open_atomic
from cfgsweep.system.locks import held
from cfgsweep.system.publish import finish_publishing, publish
from cfgsweep.training.bundled import Bundled, load
from cfgsweep.training.card import model_card
from cfgsweep.training.choice import choices, chosen, shortages
from cfgsweep.training.config import Autoencoder, Recipe, TrainConfig, TrainingFile
from cfgsweep.training.data.captioned import read_captioned
from cfgsweep.training.data.composites import compose
from cfgsweep.training.data.dataset import Pictures, with_shifts
from cfgsweep.training.data.labelled import read_labelled
from cfgsweep.training.folder import check, remove_temporary, write_down
from cfgsweep.training.loop import Progress, Task, fit, measures, samples_file
from cfgsweep.training.tasks.autoencoder import AutoencoderTask, encode, reconstruction_error, reconstructions
from cfgsweep.training.tasks.class_to_image import ClassToImageTask
from cfgsweep.training.tasks.classifier import ClassifierTask
from cfgsweep.training.tasks.scorer import ScorerTask
from cfgsweep.training.tasks.text_to_image import Latents, LatentSet, TextToImageTask
from cfgsweep.training.tracking import Tracker

MODEL = "model"  # the folder of the finished model
FIRST_STEPS = 5  # of a stage, from which its time is estimated
DIVISOR = 8  # of width and height in StableDiffusionPipeline
POOR_RECONSTRUCTION = 0.1  # mean absolute error on [-1, 1]
Save = Callable[[Path], None]  # writes a part of the model into a folder


def duration(seconds: float) -> str:
    """'40 s', '7 min', '2.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Stages:
    """The networks that are trained one after the other in a folder. Holds the folder's lock until it is closed."""

    def __init__(self, file: TrainingFile, folder: Path, display: Display, wait: bool):
        self.file, self.folder, self.display, self.wait = file, folder, display, wait
        self.lock = ExitStack()
        self.dtype = training_dtype(file.dtype, display.notice)
        self.losses: dict[str, float] = {}  # measure on held-out data by task
        self.steps_here: Counter[str] = Counter()  # by task, in this process
        self.begun = False
        self.tracker = Tracker(file)

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.close()

    def choose(self, pictures: int, side: int) -> TrainConfig:
        """The settings of the training, whose choices and shortages are told. To be called before the first `fit`."""
        self.config = chosen(self.file, pictures, side)
        for line in choices(self.file, self.config):
            self.display.say(f"chosen for {pictures} pictures: {line}")
        for line in shortages(self.config, pictures):
            self.display.notice(line)
        return self.config

    def fit(self, build: Callable[[], Task], recipe: Recipe) -> tuple[Any, Any]:
        """Builds a task and fits its network; returns the task and the moving average of the network.

        The initial weights depend on the seed alone. Nothing is written before the first task is built, since reading
        the data and building the network are what can be refused.
        """
        torch.manual_seed(self.config.seed)
        task = build()
        self.begin()
        place = self.folder / task.name
        network = fit(task, recipe, place, seed=self.config.seed, dtype=self.dtype, report=partial(self._report, task))
        self.losses[task.name] = task.measured(network, held_out=True)
        self.show(task.name, place / samples_file(recipe.steps))
        return task, network

    def begin(self) -> None:
        """Creates and locks the folder, and checks it again, since another command may have used it until now."""
        if self.begun:
            return
        make_folder(self.folder)
        self.lock.enter_context(held(self.folder, self.wait, self.display.notice))
        check(self.folder, self.config)
        remove_temporary(self.folder)
        finish_publishing(self.folder / MODEL)
        write_down(self.folder, self.config)
        self.tracker.begin(self.folder)
        self.begun = True

    def show(self, name: str, sheet: Path | Image.Image) -> None:
        """Puts the last sheet of a stage into the training's folder, and tells where it is."""
        place = self.folder / f"{name}.png"
        if isinstance(sheet, Image.Image):
            save_png(sheet, place)
        elif sheet.is_file():
            with open_atomic(place) as file:
                file.write(sheet.read_bytes())
        self.display.say(f"samples of the {name}: {place}")

    def _report(self, task: Task, progress: Progress) -> None:
        self.steps_here[task.name] += 1
        left = progress.steps - progress.step
        if self.steps_here[task.name] == FIRST_STEPS and left:
            rate = progress.seconds_per_step
            self.display.say(f"{task.name}: {left} steps at {rate:.2f} s, about {duration(left * rate)}")
        if progress.held_out is not None:
            self.display.say(f"{task.name}: step {progress.step}: {measures(task, progress)}")
        note = f"{task.loss_name} {progress.loss:.4f}, {progress.seconds_per_step:.2f} s a step"
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


def train_on_labels(file: TrainingFile, stages: Stages) -> Path:
    """Trains a denoiser of pixels, and a classifier if the file has one."""
    training, held_out = read_labelled(file.data)
    sizes = {"training": len(training), "held out": len(held_out)}
    stages.display.say(
        f"{len(training)} pictures of {len(training.names)} labels to train on, {len(held_out)} held out"
    )
    config = stages.choose(len(training), max(training.pixels.shape[-2:]))
    parts: dict[str, Save] = {}
    task, network = stages.fit(partial(ClassToImageTask, config, training, held_out), config.denoiser.recipe)
    parts["."] = partial(task.save, network)
    if config.classifier is not None:
        build = partial(ClassifierTask, config.classifier, training, held_out)
        task, network = stages.fit(build, config.classifier.recipe)
        parts["classifier"] = partial(task.save, network)
    return stages.finish(parts, sizes)


def train_on_texts(file: TrainingFile, stages: Stages) -> Path:
    """Trains a text encoder and a denoiser on the latents of an autoencoder, which is trained first or a bundled one's.

    With `from`, they begin with the weights of a bundled model.
    """
    training, held_out = read_captioned(file.data)
    composites = compose(training, file.data.composites, file.seed)
    sizes = {"training": len(training), "composites": len(composites), "held out": len(held_out)}
    if not len(composites):
        del sizes["composites"]
    added = f" and {len(composites)} composites" if len(composites) else ""
    stages.display.say(f"{len(training)} pictures{added} to train on, {len(held_out)} held out")
    _check_sides(training)
    config = stages.choose(len(training) + len(composites), max(training.pixels.shape[-2:]))
    bundled = load(config.autoencoder_of) if config.autoencoder_of else None
    if config.only is not None:
        assert bundled is not None
        text = (bundled.pipeline.tokenizer, bundled.pipeline.text_encoder)
        return stages.finish(_scorer(config, stages, (training, composites, held_out), text), sizes)
    vae = _trained_autoencoder(config, stages, training, held_out) if bundled is None else bundled.vae
    if bundled is not None:
        _show_autoencoder(bundled, stages, held_out)
    latents = _encode_all(config, vae, training, composites, held_out)
    start = bundled.pipeline if bundled is not None and config.from_ else None
    task, network = stages.fit(partial(_denoiser_of_texts, stages, config, latents, vae, start), config.denoiser.recipe)
    text = (task.tokenizer, network["text_encoder"])
    scorer = _scorer(config, stages, (training, composites, held_out), text)
    return stages.finish({".": partial(task.save, network), **scorer}, sizes)


def _scorer(
    config: TrainConfig, stages: Stages, pictures: tuple[Pictures, Pictures, Pictures], text: tuple[Any, Any]
) -> dict[str, Save]:
    """Trains the scorer, if there is to be one; pictures and text are as ScorerTask takes them."""
    if config.scorer is None:
        return {}
    build = partial(ScorerTask, config.scorer, pictures, text, config.data.composite_share)
    task, network = stages.fit(build, config.scorer.recipe)
    return {"scorer": partial(task.save, network)}


def _denoiser_of_texts(stages: Stages, *parts: Any) -> TextToImageTask:
    task = TextToImageTask(*parts)
    if cut := task.cut_texts():
        length = task.tokenizer.model_max_length
        problem = f"{cut} texts have more than the {length} tokens that are read; the end of them has no effect"
        stages.display.notice(problem)
    return task


def _check_sides(pictures: Pictures) -> None:
    """Raises UserError where StableDiffusionPipeline does not draw pictures of this size."""
    height, width = pictures.pixels.shape[-2:]
    if height % DIVISOR or width % DIVISOR:
        problem, given, allowed = "a size that is not drawn", f"{width}x{height}", f"multiples of {DIVISOR}"
        raise UserError(problem, given=given, allowed=allowed, hint="give data.size").at_key("data", "size")


def _trained_autoencoder(config: TrainConfig, stages: Stages, training: Pictures, held_out: Pictures) -> Any:
    assert isinstance(config.autoencoder, Autoencoder)  # `chosen` gives every model of texts an autoencoder
    build = partial(AutoencoderTask, config.autoencoder, training, held_out)
    return stages.fit(build, config.autoencoder.recipe)[1]


def _show_autoencoder(bundled: Bundled, stages: Stages, held_out: Pictures) -> None:
    """Measures a bundled autoencoder on the held-out pictures, and draws what it makes of them."""
    error = reconstruction_error(bundled.vae, held_out.pixels)
    told = f"{AutoencoderTask.measure} {error:.4f} on held-out pictures"
    stages.display.say(f"autoencoder of {bundled.name}, not trained here: {told}")
    if error > POOR_RECONSTRUCTION:
        hint = "`autoencoder: {}` trains one on your pictures"
        stages.display.notice(f"the autoencoder of {bundled.name} reconstructs these pictures poorly; {hint}")
    stages.begin()
    stages.losses[AutoencoderTask.name] = error
    heading = f"autoencoder of {bundled.name}: {told}."
    stages.show(AutoencoderTask.name, reconstructions(bundled.vae, held_out, heading))


def _encode_all(
    config: TrainConfig, vae: AutoencoderTiny, training: Pictures, composites: Pictures, held_out: Pictures
) -> Latents:
    """Latents scaled to unit standard deviation over the training set; the scale goes into the autoencoder's config.

    With `from` the scale is the one that is there, of the denoiser that the training begins with.
    """
    augmented = with_shifts(training, config.denoiser.shift, config.seed) if config.denoiser.shift else training
    unscaled = [encode(vae, pictures.pixels) for pictures in (augmented, composites, held_out)]
    if config.from_ is None:
        vae.register_to_config(scaling_factor=1 / unscaled[0].std().item())
    entries = (augmented.entries, composites.entries, held_out.entries)
    scale, count = vae.config.scaling_factor, len(training)
    first, *others = (LatentSet(latents * scale, of) for latents, of in zip(unscaled, entries, strict=True))
    return Latents(first, LatentSet(first.latents[:count], first.entries[:count]), *others)
