"""Makes guided predictions of complete steps, in calls of a fixed shape for all rows that have one formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from cfgsweep.config.user_code import errors_of
from cfgsweep.engine.batching import pad
from cfgsweep.engine.trajectory import PendingStep
from cfgsweep.guidance.apply import zero_init_prediction
from cfgsweep.guidance.context import StepContext
from cfgsweep.guidance.interface import GUIDED_ROWS, GuiderBase, Memory
from cfgsweep.samplers import PredictionKind

Guided = tuple[PendingStep, torch.Tensor, Memory]


def guide_steps(steps: Sequence[PendingStep], prediction: PredictionKind) -> Iterator[Guided]:
    """For every step its guided prediction [1, channels, height, width] and the guider's memory after it.

    prediction: the kind that the model predicts, and that the result is of.
    """
    for guider, alike in _by_formula(steps):
        size = GUIDED_ROWS if guider is None else guider.rows_per_call
        for start in range(0, len(alike), size):
            part = alike[start : start + size]
            guided, memories = _guide(guider, pad(part, size), prediction)
            yield from zip(part, guided, memories, strict=False)  # what padding gives is dropped


def _by_formula(steps: Sequence[PendingStep]) -> Iterator[tuple[GuiderBase | None, list[PendingStep]]]:
    groups: dict[tuple[GuiderBase | None, tuple[str, ...], torch.Size], list[PendingStep]] = {}
    for step in steps:
        key = step.operation.guider, step.operation.names, step.parent.latents.shape
        groups.setdefault(key, []).append(step)
    for (guider, *_), alike in groups.items():
        yield guider, alike


def _guide(
    guider: GuiderBase | None, steps: Sequence[PendingStep], prediction: PredictionKind
) -> tuple[Sequence[torch.Tensor], Sequence[Memory]]:
    """The guided predictions and memories of one call's rows."""
    memories = [step.parent.memory for step in steps]
    if guider is not None:
        with errors_of(type(guider)):
            guided, memories_after = guider.guide_rows(_context(guider, steps), memories, prediction)
        layout, like = steps[0].parent.sampler.layout, steps[0].parent.latents
        return torch.split(guided if layout is None else layout.as_latents(guided, like), 1), memories_after
    if steps[0].operation.passes:
        return [step.parent.predictions[step.operation.passes[0]] for step in steps], memories
    context = _context(None, steps, in_layout=False)
    return torch.split(zero_init_prediction(context, prediction), 1), memories


def _context(guider: GuiderBase | None, steps: Sequence[PendingStep], in_layout: bool = True) -> StepContext:
    """The context of steps with one formula, one row per step.

    in_layout: whether latents and predictions are brought into the layout of a picture.
    """
    parents, names = [step.parent for step in steps], steps[0].operation.names
    layout = parents[0].sampler.layout if in_layout else None

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
