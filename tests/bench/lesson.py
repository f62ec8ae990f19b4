"""Training and sampling digits in a notebook, against cfgsweep, in one process: `python -m tests.bench.lesson`.

The notebook is rebuilt from its description: batches of 20 through a DataLoader that turns pictures into tensors one
by one, a label dropped by a Python loop over the batch, a time embedding made by a loop over its dimensions, and 300
linear DDPM steps with one prediction after the other, ten digits at a time. Data and U-Net are ours, and of one size
in both. The table goes to LESSON.md beside this file.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from cfgsweep.config import yaml_io
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.models import device, device_memory
from cfgsweep.models.families.class_conditional import ClassConditional
from cfgsweep.samplers import config_of
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.training.config import TrainConfig
from cfgsweep.training.data.dataset import Labelled
from cfgsweep.training.data.labelled import read_labelled
from cfgsweep.training.loop import fit
from cfgsweep.training.tasks.class_to_image import ClassToImageTask, build_unet
from tests.bench.pages import publish, versions

ROOT = Path(__file__).parents[2]
BATCH, STEPS, SCALES, NULL = 20, 300, (0.0, 1.0, 2.0, 3.0, 4.0), 10
SECONDS = 10.0  # of training, each
ROUNDS = 2  # one after the other and back again: the machine's speed is not always the same


class TimeEmbedding(nn.Module):
    """A sinusoidal embedding that is computed by a loop over its dimensions."""

    def __init__(self, dimensions: int):
        super().__init__()
        self.dimensions = dimensions

    def forward(self, timesteps: torch.Tensor) -> torch.Tensor:
        embedding = torch.zeros(len(timesteps), self.dimensions)
        for i in range(0, self.dimensions, 2):
            embedding[:, i] = torch.sin(timesteps / 10000 ** (i / self.dimensions))
            embedding[:, i + 1] = torch.cos(timesteps / 10000 ** (i / self.dimensions))
        return embedding


class Digits(Dataset):
    """Single digits as torchvision's MNIST with ToTensor and Normalize returns them."""

    def __init__(self, data: Labelled):
        self.images = [Image.fromarray(pixels[0].numpy()) for pixels in data.pixels]
        self.labels = data.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        pixels = torch.from_numpy(np.array(self.images[index], np.uint8)[None]).float().div(255)
        return (pixels - 0.5) / 0.5, self.labels[index]


def notebooks_network(config: TrainConfig, shape: torch.Size) -> nn.Module:
    """The same U-Net without channels_last, and with the time embedding above."""
    network = build_unet(config.denoiser, shape, NULL).to(memory_format=torch.contiguous_format)
    network.time_proj = TimeEmbedding(config.denoiser.channels[0])
    return network


def notebook_trains(network: nn.Module, data: Labelled) -> int:
    """The number of samples that the notebook's loop trains on in SECONDS."""
    noising = DDPMScheduler(num_train_timesteps=STEPS, beta_start=1e-4, beta_end=0.02)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    started, seen = time.perf_counter(), 0
    while True:
        for images, labels in DataLoader(Digits(data), batch_size=BATCH, shuffle=True, drop_last=True):
            for i in range(len(labels)):
                if random.random() < 0.1:
                    labels[i] = NULL
            noise, timesteps = torch.randn_like(images), torch.randint(0, STEPS, (len(images),))
            predicted = network(noising.add_noise(images, noise, timesteps), timesteps, labels).sample
            loss = F.mse_loss(predicted, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            seen += BATCH
            if time.perf_counter() - started > SECONDS:
                return seen


def ours_trains(config: TrainConfig, data: Labelled, held_out: Labelled, folder: Path) -> int:
    """The same for `cfgsweep train`, including its moving average, checkpoints and logs."""

    class Enough(Exception):
        pass

    steps = 0

    def report(_: object) -> None:
        nonlocal steps
        steps += 1
        if time.perf_counter() - started > SECONDS:
            raise Enough

    task, recipe = ClassToImageTask(config, data, held_out), config.denoiser.recipe
    started = time.perf_counter()
    try:
        fit(task, recipe, folder, seed=0, dtype=torch.float32, report=report)
    except Enough:
        return steps * recipe.batch
    raise AssertionError("the training was over before the time was")


@torch.no_grad()
def notebook_samples(network: nn.Module, shape: torch.Size) -> int:
    """Samples ten digits at every scale, with both predictions at every step; returns their number."""
    scheduler = DDPMScheduler(num_train_timesteps=STEPS, beta_start=1e-4, beta_end=0.02)
    labels, none = torch.arange(10), torch.full((10,), NULL)
    for scale in SCALES:
        x = torch.randn(10, *shape)
        for t in range(STEPS - 1, -1, -1):
            timesteps = torch.full((10,), t)
            cond, uncond = network(x, timesteps, labels).sample, network(x, timesteps, none).sample
            x = scheduler.step(uncond + scale * (cond - uncond), t, x).prev_sample
    return 10 * len(SCALES)


def ours_samples(engine: Engine, experiments: list[Experiment]) -> int:
    """Computes the experiments; returns their number."""
    return len(list(engine.run(Plan(experiments))))


def rate_of(call: Callable[[], int]) -> float:
    """What `call` returns per second that it takes."""
    started = time.perf_counter()
    done = call()
    return done / (time.perf_counter() - started)


def lesson(steps: int, sampler: str) -> list[Experiment]:
    """The experiments of `configs/scales.yaml` with one sample of every digit at every scale, as in the notebook."""
    once = ["label=[0,1,2,3,4,5,6,7,8,9]", "seed=[0,1,2,3,4,5,6,7,8,9]", f"steps={steps}", f"sampler={sampler}"]
    return expand(*read_sweep(ROOT / "configs/scales.yaml", once))


def compared(size: int) -> list[str]:
    """Table rows for pictures of size x size pixels."""
    document = yaml_io.read(ROOT / "configs/train/digits.yaml")
    document.override([f"data.size={size}"])
    config = yaml_io.validate(TrainConfig, document)
    data, held_out = read_labelled(config.data)
    shape = data.pixels.shape[1:]
    network = notebooks_network(config, shape)
    compute = device.choose("cpu")
    noise = config_of(DDPMScheduler(num_train_timesteps=1000, beta_end=0.02, clip_sample=True))
    denoiser = ClassConditional.of_unet("digits", build_unet(config.denoiser, shape, NULL), noise, compute)
    engine = Engine(
        denoiser, compute, device_memory.default_batch_size(compute, denoiser.memory(denoiser.native_size)[1])
    )
    same, usual = lesson(STEPS, "ddpm"), lesson(50, "euler")
    list(engine.run(Plan(usual[:2])))  # warm up

    found: dict[str, list[float]] = {name: [] for name in ("their training", "our training", "their", "same", "usual")}
    for _ in range(ROUNDS):
        found["their training"].append(rate_of(lambda: notebook_trains(network.train(), data)))
        with tempfile.TemporaryDirectory() as folder:
            found["our training"].append(rate_of(partial(ours_trains, config, data, held_out, Path(folder))))
        found["their"].append(rate_of(lambda: notebook_samples(network.eval(), shape)))
        found["same"].append(rate_of(lambda: ours_samples(engine, same)))
        found["usual"].append(rate_of(lambda: ours_samples(engine, usual)))
    best = {name: max(values) for name, values in found.items()}
    rows = (
        ("pictures trained on", "their training", "our training"),
        (f"digits drawn, {STEPS} DDPM steps in both", "their", "same"),
        (f"digits drawn, {STEPS} DDPM steps against the 50 Euler steps of `configs/scales.yaml`", "their", "usual"),
    )
    return [
        f"| {size} x {size} | {what} | {best[theirs]:.2f} | {best[ours]:.2f} | {best[ours] / best[theirs]:.1f} |"
        for what, theirs, ours in rows
    ]


def main() -> None:
    lines = [
        "# Training and sampling digits, in a notebook and in cfgsweep",
        "",
        f"`python -m tests.bench.lesson`, {device.cores()} cores, float32, {versions()}; the best of {ROUNDS} rounds. "
        "The U-Net of `configs/train/digits.yaml` in both, "
        "on scikit-learn's digits in their own size (8 x 8) and in that of the bundled model (16 x 16).",
        "",
        "| pixels | a second | notebook | cfgsweep | times |",
        "| --- | --- | --- | --- | --- |",
        *(row for size in (8, 16) for row in compared(size)),
    ]
    publish("LESSON", lines)


if __name__ == "__main__":
    main()
