"""Compares a denoiser that was made by recordings with its pipeline, step by step, without running the network."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cfgsweep.guidance.own_formulas import OWN_FORMULAS
from cfgsweep.guidance.perturbations import NegativePrompt
from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded.arguments import leaves
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT, Learnt
from cfgsweep.models.recorded.mixing import last_latents
from cfgsweep.models.recorded.pipeline_call import RECORDED_SCALE
from cfgsweep.models.recorded.recording import NetworkCall, Recording
from cfgsweep.models.recorded.rows import RecordedRow, RecordedRows
from cfgsweep.samplers import SAMPLERS, Sampler, Sampling, direction_of

LARGEST_DIFFERENCE = 1e-4  # of predictions of size 1, in the sums of which float32 has 7 digits
HALF_PRECISION = 32  # times the spacing of numbers at 1, which is what is left of differences in half precision


@dataclass(frozen=True)
class Proof:
    """How the pipeline's own guidance was reproduced.

    formula: a name of OWN_FORMULAS, or "none" for a pipeline without guidance. difference: see `difference`.
    """

    formula: str
    difference: float


def prove(denoiser: RecordedRows, sampling: Sampling) -> Proof:
    """Raises Unsupported where no formula gives what the pipeline gives when it samples so."""
    stand_ins = _stand_ins(denoiser)
    tried = {formula: difference(denoiser, sampling, formula, stand_ins) for formula in _formulas(denoiser.learnt)}
    formula = min(tried, key=lambda name: tried[name])
    if not tried[formula] <= _allowed(denoiser):
        raise Unsupported(f"its own guidance is not reproduced: off by {tried[formula]:.2g} with {formula!r}")
    return Proof(formula, tried[formula])


def _allowed(denoiser: RecordedRows) -> float:
    spacing = max(
        torch.finfo(p.dtype).eps for network in denoiser.recorder.networks.values() for p in network.parameters()
    )
    return max(LARGEST_DIFFERENCE, HALF_PRECISION * spacing)


def _formulas(learnt: Learnt) -> list[str]:
    return list(OWN_FORMULAS) if "uncond" in learnt.places else ["none"]


def difference(
    denoiser: RecordedRows, sampling: Sampling, formula: str, networks: Mapping[str, Callable[..., Any]]
) -> float:
    """The largest difference between the pipeline and our rows over all steps, in predictions and in latents.

    It is relative to the largest number where that is above 1. Every step begins with the pipeline's own latents, which
    it may round to half precision.

    networks: functions in the place of the pipeline's networks, for both. formula: of the pipeline's own guidance.
    """

    def answer(recording: Recording, call: NetworkCall) -> Any:
        return networks[call.network](**call.arguments)[0]

    theirs = denoiser.recorder.record(PROMPT, NEGATIVE, sampling, answer, generator=torch.Generator().manual_seed(0))
    ours = denoiser.with_networks(lambda _: networks)
    calls = len(SAMPLERS[sampling.sampler].steps_of_calls(sampling.performed_steps))
    if len(theirs.samples) != calls:
        taken = f"its scheduler takes {len(theirs.samples)} steps at {sampling.steps} steps of {sampling.sampler!r}"
        raise Unsupported(f"{taken}, not {calls}")
    negative = NegativePrompt(NEGATIVE if denoiser.recorder.call.takes_negative else "")
    latents, sampler = ours.start(sampling, torch.Generator().manual_seed(0))
    largest = 0.0
    for call, (sample, prediction) in enumerate(zip(theirs.samples, theirs.predictions, strict=True)):
        rows = [ours.inputs(text, sampler, call) for text in (PROMPT, negative)]
        guided = _guided(ours, rows, sampler.model_input(sample.float(), call), formula)
        predicted = direction_of(sampler.scheduler) * prediction.float()
        largest = max(largest, _largest(latents, sample), _largest(guided, predicted))
        latents = sampler.step(predicted, sample.float(), call)
    if sampling.begins_with is not None:
        _compare_timesteps(sampler, theirs)
        last = last_latents(theirs)
        largest = max(largest, 0.0 if last is None else _largest(latents, last))
    return largest


def _compare_timesteps(sampler: Sampler, theirs: Recording) -> None:
    """Raises Unsupported where the pipeline begins at another place of the schedule."""
    for call, timestep in enumerate(theirs.timesteps):
        if float(timestep) != float(sampler.timestep(call)):
            given = f"call {call} is at timestep {float(timestep):g}, not {float(sampler.timestep(call)):g}"
            raise Unsupported(f"it takes other steps of its schedule than the last ones: {given}")


def _guided(denoiser: RecordedRows, rows: Sequence[RecordedRow], latents: torch.Tensor, formula: str) -> torch.Tensor:
    """The prediction that the formula makes of our rows, both of which are in one batch where they can be."""
    if formula == "none":
        return denoiser.predict_rows(latents, rows[:1])
    if rows[0].key == rows[1].key:
        cond, uncond = denoiser.predict_rows(torch.cat([latents, latents]), rows).split(1)
    else:
        cond, uncond = (denoiser.predict_rows(latents, [row]) for row in rows)
    return OWN_FORMULAS[formula](cond, uncond, torch.tensor(RECORDED_SCALE))


def _largest(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, relative where numbers are above 1; infinite where anything is not finite."""
    theirs = theirs.float()
    largest = float((ours - theirs).abs().max()) / max(1.0, float(theirs.abs().max()))
    return largest if math.isfinite(largest) else math.inf


def _stand_ins(denoiser: RecordedRows) -> Mapping[str, Callable[..., Any]]:
    """For every network a function of its output's shape that changes with every one of its arguments."""
    learnt = denoiser.learnt

    def stand_in(name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            like = denoiser.recorder.shapes.like(NetworkCall(name, arguments, 0))
            count = learnt.axes.rows(arguments, learnt.input.name)
            rows = [_row_output(learnt, learnt.axes.row(arguments, row), like[0]) for row in range(count)]
            return (rows if isinstance(like, list) else torch.stack(rows),)

        return call

    return {name: stand_in(name) for name in denoiser.recorder.networks}


def _row_output(learnt: Learnt, row: dict[str, Any], like: torch.Tensor) -> torch.Tensor:
    """One row's output: a wave in its latents, moved by a number made of all other arguments."""
    value = row[learnt.input.name]
    latents = (value[0] if isinstance(value, list) else value).double().flatten()
    moved = sum(_number(leaf) for path, leaf in leaves(row) if path[0] != learnt.input.name)
    tiled = latents.repeat(-(-like.numel() // latents.numel()))[: like.numel()]
    return torch.sin(1.3 * tiled + moved).reshape(like.shape).to(like)


def _number(leaf: Any) -> float:
    """A number that changes with every element of a tensor, and with plain numbers."""
    if isinstance(leaf, torch.Tensor):
        flat = leaf.detach().double().flatten().cpu()
        return float((flat * _weights(len(flat))).sum() / max(1, len(flat)) ** 0.5)
    return float(leaf) if isinstance(leaf, int | float) else 0.0


@functools.lru_cache(maxsize=8)
def _weights(count: int) -> torch.Tensor:
    """Different factors for so many numbers."""
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64))
