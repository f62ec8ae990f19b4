"""The training loop: one network, one loss, and checkpoints from which training resumes to the same weights.

All random numbers of step k come from a generator that is seeded with (seed, k). A checkpoint therefore needs no
generator state, and an interrupted run ends with the same weights as an uninterrupted one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cfgsweep.errors import RunFailed, UserError
from cfgsweep.storage.png import save_png
from cfgsweep.system.files import append, make_folder, open_atomic
from cfgsweep.training.config import Recipe


class Task(Protocol):
    """A network to be optimised, its loss on a random batch, and its measure on data.

    loss_name: of what is minimised, which may weight or add up several errors. measure: of what is compared between
    held-out data and data that it is trained on.
    """

    name: str
    loss_name: str
    measure: str
    network: Any  # an nn.Module of the task's own kind

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        """The loss of `self.network` on a random batch of so many rows, a scalar."""
        ...

    def measured(self, network: Any, held_out: bool) -> float:
        """The measure on held-out data, or on about as much of the training data; the random numbers are fixed."""
        ...

    def sample(self, network: Any, heading: str) -> Image.Image:
        """A sheet of the network's outputs, for people to judge the training by. heading: the beginning of its own."""
        ...


@dataclass(frozen=True)
class Progress:
    """A report after a step.

    loss: smoothed over steps. seconds_per_step: since this process began. held_out, training: the task's measure, at
    steps that have it.
    """

    task: str
    step: int
    steps: int
    loss: float
    seconds_per_step: float
    held_out: float | None = None
    training: float | None = None


def learning_rate(recipe: Recipe, step: int) -> float:
    """The learning rate at a step: linear warm-up, constant, then linear decay to 0 over the last `decay` of steps."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    left = (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps)
    return recipe.learning_rate * warm * min(1.0, left)


def fit(
    task: Task, recipe: Recipe, folder: Path, *, seed: int, dtype: torch.dtype, report: Callable[[Progress], object]
) -> Any:
    """Optimises `task.network`, resuming from a checkpoint in `folder`; returns its exponential moving average.

    dtype: of matrix products (autocast); weights are float32. report: called after every step. Raises UserError where
    the checkpoint is damaged, RunFailed where the loss is no longer finite.
    """
    make_folder(folder)
    network = task.network
    average = AveragedModel(network, multi_avg_fn=_warm_average(recipe.ema))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay, fused=True
    )
    checkpoint = Checkpoint(folder / "checkpoint.pt", network, average, optimizer)
    smooth, started = None, time.monotonic()
    first = checkpoint.load()
    for step in range(first, recipe.steps):
        loss = _optimise(task, recipe, optimizer, step, seed, dtype)
        average.update_parameters(network)
        if not math.isfinite(loss):
            raise _diverged(task, step)
        smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
        done = step + 1
        seconds = (time.monotonic() - started) / (done - first)
        progress = Progress(task.name, done, recipe.steps, smooth, seconds)
        last = done == recipe.steps
        if last or done % recipe.sample_every == 0:
            before = time.monotonic()
            progress = _measured(task, average.module, progress)
            heading = f"{task.name}, step {done} of {recipe.steps}: {measures(task, progress)}."
            save_png(task.sample(average.module, heading), folder / samples_file(done))
            started += time.monotonic() - before  # which is no part of a step
        report(progress)
        if last or done % recipe.checkpoint_every == 0:
            _log(folder / "log.jsonl", progress)
            checkpoint.save(done)
    return average.module


def samples_file(step: int) -> str:
    """The name of the sheet of samples after so many steps."""
    return f"samples-{step:06d}.png"


def measures(task: Task, progress: Progress) -> str:
    """The measure on held-out data beside that on training data, in words."""
    return f"held-out loss {progress.held_out:.4f}, on training pictures {progress.training:.4f} ({task.measure})"


def _measured(task: Task, network: Any, progress: Progress) -> Progress:
    """The same report with the task's measures. Raises RunFailed where one is not finite."""
    held_out, training = (task.measured(network, part) for part in (True, False))
    if not (math.isfinite(held_out) and math.isfinite(training)):
        raise _diverged(task, progress.step - 1)
    return replace(progress, held_out=held_out, training=training)


def _optimise(
    task: Task, recipe: Recipe, optimizer: torch.optim.Optimizer, step: int, seed: int, dtype: torch.dtype
) -> float:
    """One update of the network's weights; returns the loss before it."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        loss = task.loss(recipe.batch, generator)
    loss.backward()
    nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _diverged(task: Task, step: int) -> RunFailed:
    hint = "a lower learning rate may do; the last checkpoint is from before"
    return RunFailed("the loss is not finite: the training has diverged", where=f"{task.name}, step {step}", hint=hint)


def _warm_average(decay: float) -> Callable[..., None]:
    """An exponential moving average with a smaller decay at first, so that the initial weights leave no trace in it.

    The decay after n updates is min(decay, (1 + n) / (10 + n)).
    """

    def update(averages: list[torch.Tensor], currents: list[torch.Tensor], averaged: torch.Tensor) -> None:
        done = int(averaged)
        get_ema_multi_avg_fn(min(decay, (1 + done) / (10 + done)))(averages, currents, averaged)

    return update


class Checkpoint:
    """The state that training resumes from, in one file that is written atomically."""

    def __init__(self, path: Path, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer):
        self.path = path
        self.parts: dict[str, nn.Module | torch.optim.Optimizer] = {
            "network": network,
            "average": average,
            "optimizer": optimizer,
        }

    def load(self) -> int:
        """Restores the state; returns the number of steps done, 0 where there is no checkpoint.

        Raises UserError where the file is damaged or of another network.
        """
        if not self.path.exists():
            return 0
        try:
            saved = torch.load(self.path, weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(saved[name])
            numbers = [x for name in ("network", "average") for x in saved[name].values() if x.is_floating_point()]
            if not (isinstance(saved["step"], int) and all(x.isfinite().all() for x in numbers)):
                raise ValueError
        except Exception:  # torch raises many kinds of exceptions for damaged files
            hint = "delete it, and this network is trained from its beginning"
            raise UserError("damaged, or of another network", where=str(self.path), hint=hint) from None
        return saved["step"]

    def save(self, step: int) -> None:
        """Writes the state after so many steps."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        with open_atomic(self.path) as file:
            torch.save({"step": step, **state}, file)


def _log(path: Path, progress: Progress) -> None:
    append(path, (json.dumps(vars(progress)) + "\n").encode())
