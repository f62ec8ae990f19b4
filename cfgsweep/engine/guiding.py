"""Makes guided predictions of complete steps, in calls of a fixed shape for all rows that have one formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from cfgsweep.config.user_code import errors_of
from cfgsweep.engine.batching import pad
from cfgsweep.engine.trajectory import PendingStep
from cfgsweep.guidance.apply import zero_init_prediction
from cfgsweep.guidance.context import StepContext
from cfgsweep.guidance.interface import GUIDED_ROWS, GuiderBase, Memory
from cfgsweep.samplers import PictureLayout, PredictionKind

Guided = tuple[PendingStep, torch.Tensor, Memory]


def guide_steps(steps: Sequence[PendingStep], prediction: PredictionKind, own_formula: str) -> Iterator[Guided]:
    """For every step its guided prediction [1, channels, height, width] and the guider's memory after it.

    prediction: the kind that the model predicts, and that the result is of. own_formula: of the model's pipeline.
    """
    for guider, alike in _by_formula(steps):
        size = GUIDED_ROWS if guider is None else guider.rows_per_call
        for start in range(0, len(alike), size):
            part = alike[start : start + size]
            guided, memories = _guide(guider, pad(part, size), prediction, own_formula)
            yield from zip(part, guided, memories, strict=False)  # what padding gives is dropped


def _by_formula(steps: Sequence[PendingStep]) -> Iterator[tuple[GuiderBase | None, list[PendingStep]]]:
    groups: dict[tuple[GuiderBase | None, tuple[str, ...], torch.Size], list[PendingStep]] = {}
    for step in steps:
        key = step.operation.guider, step.operation.names, step.parent.latents.shape
        groups.setdefault(key, []).append(step)
    for (guider, *_), alike in groups.items():
        yield guider, alike


def _guide(
    guider: GuiderBase | None, steps: Sequence[PendingStep], prediction: PredictionKind, own_formula: str
) -> tuple[Sequence[torch.Tensor], Sequence[Memory]]:
    """The guided predictions and memories of one call's rows."""
    memories = [step.parent.memory for step in steps]
    if guider is not None:
        with errors_of(type(guider)):
            context = replace(_context(guider, steps), own_formula=own_formula)
            guided, memories_after = guider.guide_rows(context, memories, prediction)
        layout, like = _layout(guider, steps), steps[0].parent.latents
        return torch.split(guided if layout is None else layout.as_latents(guided, like), 1), memories_after
    if steps[0].operation.passes:
        return [step.parent.predictions[step.operation.passes[0]] for step in steps], memories
    return torch.split(zero_init_prediction(_context(None, steps), prediction), 1), memories


def _layout(guider: GuiderBase | None, steps: Sequence[PendingStep]) -> PictureLayout | None:
    """The layout into which latents and predictions are brought for a guider; None leaves them as they are."""
    return None if guider is None or guider.in_model_layout else steps[0].parent.sampler.layout


def _context(guider: GuiderBase | None, steps: Sequence[PendingStep]) -> StepContext:
    """The context of steps with one formula, one row per step."""
    parents, names = [step.parent for step in steps], steps[0].operation.names
    layout = _layout(guider, steps)

    def rows(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
        joined = torch.cat(list(tensors))
        return joined if layout is None else layout.as_picture(joined)

    latents = rows(parent.model_latents for parent in parents)
    sigmas = [parent.sigmas for parent in parents]

    def column(values: Iterable[float]) -> torch.Tensor:
        tensor = torch.tensor(list(values), dtype=torch.float64).float()
        return tensor.to(latents.device).view(-1, *[1] * (latents.ndim - 1))

    def predicted(index: int) -> torch.Tensor:
        return rows(step.parent.predictions[step.operation.passes[index]] for step in steps)

    numbers = zip(*(step.operation.numbers for step in steps), strict=True)
    return StepContext(
        predictions={name: predicted(index) for index, name in enumerate(names)},
        numbers=dict(zip(guider.number_names(), map(column, numbers), strict=True)) if guider else {},
        latents=latents,
        sigma=column(sigma for sigma, _ in sigmas),
        next_sigma=column(next_sigma for _, next_sigma in sigmas),
    )
