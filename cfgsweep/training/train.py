"""The whole of `cfgsweep train`: autoencoder, then text encoder and U-Net, then a diffusers folder with its card."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import nn

from cfgsweep.device import training_dtype
from cfgsweep.display import Display, Status
from cfgsweep.training.autoencoder import AutoencoderTask, encode
from cfgsweep.training.card import model_card
from cfgsweep.training.composites import compose
from cfgsweep.training.config import TrainConfig
from cfgsweep.training.dataset import Pictures, read_pictures
from cfgsweep.training.optimise import Progress, fit
from cfgsweep.training.text_to_image import Latents, LatentSet, TextToImageTask


def train(config: TrainConfig, folder: Path, display: Display) -> Path:
    """Train in `folder`, going on from its checkpoints; return the finished model's folder.

    Same configuration, same machine: same weights, however often it was killed on the way.
    """
    training, held_out = read_pictures(config.data)
    composites = compose(training, config.data.composites, config.seed)
    display.say(f"{len(training)} pictures and {len(composites)} composites to train on, {len(held_out)} held out")
    folder.mkdir(parents=True, exist_ok=True)
    dtype = training_dtype(config.dtype)
    report = _Reporter(display)

    torch.manual_seed(config.seed)
    first = AutoencoderTask(config.autoencoder, training, held_out)
    recipe = config.autoencoder.recipe
    vae = fit(first, recipe, folder / first.name, seed=config.seed, dtype=dtype, report=report)

    latents = _encode_all(vae, training, composites, held_out)
    torch.manual_seed(config.seed)
    second = TextToImageTask(config, latents, vae)
    recipe = config.denoiser.recipe
    network = fit(second, recipe, folder / second.name, seed=config.seed, dtype=dtype, report=report)

    losses = {task.name: _held_out_loss(folder / task.name) for task in (first, second)}
    sizes = {"training": len(training), "composites": len(composites), "held out": len(held_out)}
    return _save(second, network, model_card(config, losses, sizes), folder / "model")


def _encode_all(vae: AutoencoderTiny, training: Pictures, composites: Pictures, held_out: Pictures) -> Latents:
    """Latents scaled to unit standard deviation over the training set; the scale goes into the autoencoder's config."""
    unscaled = [encode(vae, pictures.pixels) for pictures in (training, composites, held_out)]
    scale = 1 / unscaled[0].std().item()
    vae.register_to_config(scaling_factor=scale)
    entries = (training.entries, composites.entries, held_out.entries)
    return Latents(*(LatentSet(latents * scale, of) for latents, of in zip(unscaled, entries, strict=True)))


class _Reporter:
    """Training progress on a display."""

    def __init__(self, display: Display):
        self.display = display

    def __call__(self, progress: Progress) -> None:
        note = f"loss {progress.loss:.4f}, {progress.seconds_per_step:.2f} s a step"
        if progress.held_out is not None:
            self.display.say(f"{progress.task}: step {progress.step}, held-out loss {progress.held_out:.4f}")
        fraction = progress.step / progress.steps
        self.display.update(Status(progress.step, progress.steps, f"{progress.task} steps", fraction, note))


def _held_out_loss(folder: Path) -> float:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return next(entry["held_out"] for entry in map(json.loads, reversed(lines)) if entry["held_out"] is not None)


def _save(task: TextToImageTask, network: nn.ModuleDict, card: str, folder: Path) -> Path:
    """The U-Net in half precision, the rest in float32: transformers loads a text encoder in the dtype it finds."""
    fresh = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    pipeline = task.pipeline(network)
    pipeline.unet.half()
    pipeline.save_pretrained(fresh)
    (fresh / "README.md").write_text(card)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(fresh, folder)
    return folder
