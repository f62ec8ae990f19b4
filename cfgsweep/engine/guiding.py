"""Makes guided predictions of complete steps, in calls of a fixed shape for all rows that have one formula."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from cfgsweep.config.user_code import errors_of
from cfgsweep.engine.batching import pad
from cfgsweep.engine.call_numbers import call_numbers
from cfgsweep.engine.diagnostics import FIELDS
from cfgsweep.engine.trace import UNGUIDED
from cfgsweep.engine.trajectory import PendingStep
from cfgsweep.guidance.apply import zero_init_prediction
from cfgsweep.guidance.context import StepContext
from cfgsweep.guidance.interface import GUIDED_ROWS, GuiderBase, Memory
from cfgsweep.samplers import PictureLayout, PredictionKind


class Guided(NamedTuple):
    """A step with its guided prediction, [1, channels, height, width].

    memory: the guider's after the step. numbers: see `call_numbers`; None where they are not asked for.
    """

    step: PendingStep
    prediction: torch.Tensor
    memory: Memory
    numbers: torch.Tensor | None


def guide_steps(
    steps: Sequence[PendingStep], prediction: PredictionKind, own_formula: str, x0_range: float | None = None
) -> Iterator[Guided]:
    """Every step with its guided prediction.

    prediction: the kind that the model predicts, and that the result is of. own_formula: of the model's pipeline.
    x0_range: the magnitude beyond which x0 counts as saturated; None where no numbers of the steps are asked for.
    """
    for guider, alike in _by_formula(steps):
        size = GUIDED_ROWS if guider is None else guider.rows_per_call
        for start in range(0, len(alike), size):
            part = alike[start : start + size]
            padded = pad(part, size) if _computes(part[0]) else part
            context = replace(_context(guider, padded), own_formula=own_formula)
            guided, memories = _guide(guider, context, padded, prediction)
            numbers: Sequence[torch.Tensor | None] = [None] * len(part)
            if x0_range is not None:
                numbers = _numbers(context, guided, part, prediction, x0_range).unbind()
            latents = torch.split(_as_latents(guided, guider, padded), 1)
            # What padding gives is dropped.
            yield from itertools.starmap(Guided, zip(part, latents, memories, numbers, strict=False))


def _by_formula(steps: Sequence[PendingStep]) -> Iterator[tuple[GuiderBase | None, list[PendingStep]]]:
    groups: dict[tuple[object, ...], list[PendingStep]] = {}
    for step in steps:
        key = step.operation.guider, step.operation.names, step.parent.latents.shape, unguided_branch(step)
        groups.setdefault(key, []).append(step)
    for alike in groups.values():
        yield alike[0].operation.guider, alike


def _computes(step: PendingStep) -> bool:
    """Whether the guided prediction is another one than the only one that was made."""
    return step.operation.guider is not None or not step.operation.passes


def unguided_branch(step: PendingStep) -> str | None:
    """The one prediction that is taken as it is: "cond" or "uncond"; None where it is another, or none or several."""
    operation, (trace, _) = step.operation, step.node.members[0]
    cond, uncond = trace.conditions[:2]
    if operation.guider is not None or not operation.passes or cond == uncond:
        return None
    (only,) = operation.passes
    named = {cond: "cond", uncond: "uncond"}
    return named.get(only.condition) if only.perturbation is None else None


def _guide(
    guider: GuiderBase | None, context: StepContext, steps: Sequence[PendingStep], prediction: PredictionKind
) -> tuple[torch.Tensor, Sequence[Memory]]:
    """The guided predictions in the layout of the context, and the memories, of one call's rows."""
    memories = [step.parent.memory for step in steps]
    if guider is not None:
        with errors_of(type(guider)):
            return guider.guide_rows(context, memories, prediction)
    if steps[0].operation.passes:
        return context.predictions[UNGUIDED], memories
    return zero_init_prediction(context, prediction), memories


def _numbers(
    context: StepContext,
    guided: torch.Tensor,
    steps: Sequence[PendingStep],
    prediction: PredictionKind,
    x0_range: float,
) -> torch.Tensor:
    """See `call_numbers`. Where one prediction is taken as it is, that is a scale of 1, or of 0 without the prompt."""
    branch, guided = unguided_branch(steps[0]), guided[: len(steps)]
    context = context.first_rows(len(steps))
    if branch is None:
        return call_numbers(context, guided, prediction, x0_range)
    found = call_numbers(replace(context, predictions={branch: guided}), guided, prediction, x0_range)
    found[:, FIELDS.index("effective_scale")] = float(branch == "cond")
    found[:, FIELDS.index("off_direction")] = 0.0
    return found


def _as_latents(guided: torch.Tensor, guider: GuiderBase | None, steps: Sequence[PendingStep]) -> torch.Tensor:
    layout = _layout(guider, steps)
    return guided if layout is None else layout.as_latents(guided, steps[0].parent.latents)


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
