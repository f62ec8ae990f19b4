"""Rows of a recorded pipeline: their arguments at every call, first latents, and predictions."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from cfgsweep.guidance.perturbations import Condition, NegativePrompt
from cfgsweep.models.denoiser import CacheSlot, running
from cfgsweep.models.recorded.arguments import equal
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT, Learnt, Role, Texts, learn
from cfgsweep.models.recorded.mixing import find_mixing
from cfgsweep.models.recorded.picture_layout import find_layout, token_grid
from cfgsweep.models.recorded.recorder import NATIVE, PipelineRecorder
from cfgsweep.models.recorded.recording import Recording
from cfgsweep.models.recorded.stand_in import random_latents
from cfgsweep.models.transformer_blocks import Shape
from cfgsweep.samplers import SAMPLERS, WHITE, Loras, Mixing, PictureLayout, Sampler, Sampling, StepCache

Networks = Mapping[str, Callable[..., Any]]  # by their names in the pipeline


@dataclass(frozen=True)
class RecordedRow:
    """The arguments of one row at one call, with the place of the latents open. See `RowInputs`.

    grid: (height, width), or (frames, height, width), of the latents or their tokens.
    loras: with which it is predicted. cache, calls: with which step cache it can be, and of how many calls this is one.
    slot: the state of that cache; None where it is predicted without.
    """

    key: Hashable
    network: str
    arguments: dict[str, Any]
    grid: Shape
    loras: Loras = ()
    cache: StepCache | None = None
    calls: int = 0
    slot: CacheSlot | None = None

    def cached(self, slot: CacheSlot) -> RecordedRow:
        return replace(self, key=(self.key, slot), slot=slot)


class RecordedRows:
    """The part of a denoiser that makes rows of what a pipeline hands to its network, and predicts them.

    Where the pipeline takes no negative prompt, its row for the negative prompt is that of a prompt.

    tried: the way of sampling with which things are tried out.
    """

    restarts = False
    tried: Sampling = NATIVE
    takes_loras = True  # not where it predicts in the place of another model, whose they are

    def __init__(self, name: str, recorder: PipelineRecorder):
        self.name, self.recorder = name, recorder
        self._networks: Callable[[Shape], Networks] = lambda _: recorder.networks
        self._rows: dict[tuple[Condition, Sampling, int], list[RecordedRow]] = {}
        self._layouts: dict[Sampling, PictureLayout | None] = {}

    @functools.cached_property
    def learnt(self) -> Learnt:
        """How the pipeline calls its network, found out with `tried`. Raises Unsupported."""
        advance = random_latents()

        def recorded(prompt: Texts, negative: Texts | None) -> Recording:
            return self.recorder.record(prompt, negative, self.tried, advance=advance, copies=True)

        learnt = learn(recorded)
        if "uncond" not in learnt.places:  # what is called a guidance scale is an input of the network
            self.recorder.call.scale = None
        return learnt

    def start(self, sampling: Sampling, generator: torch.Generator) -> tuple[torch.Tensor, Sampler]:
        with running(self.name):
            plain = replace(sampling, loras=(), cache=None)  # they change no first latents
            recording = self.recorder.record(PROMPT, NEGATIVE, plain, take_steps=False, generator=generator)
            latents = recording.samples[0].float()
            layout = self._layout(sampling, latents)
            mixed_in = self._mixing(plain, generator.initial_seed())
        first = _first_call(recording, sampling)
        return latents, Sampler(
            recording.scheduler, generator, sampling, recording.step_options, layout, first, mixed_in
        )

    def _mixing(self, sampling: Sampling, seed: int) -> Sequence[Mixing]:
        masked = sampling.begins_with is not None and sampling.begins_with.mask is not None
        return find_mixing(self.recorder, sampling, seed) if masked else ()

    def _layout(self, sampling: Sampling, latents: torch.Tensor) -> PictureLayout | None:
        few = shortened(sampling)
        if few not in self._layouts:
            self._layouts[few] = find_layout(self.recorder, few, latents)
        return self._layouts[few]

    def inputs(self, condition: Condition, sampler: Sampler, call: int) -> RecordedRow:
        assert sampler.sampling is not None
        sampling = sampler.sampling if self.takes_loras else replace(sampler.sampling, loras=())
        key = condition, replace(sampling, cache=None), self._seed_of_rows(sampler)
        if key not in self._rows:
            with running(self.name), torch.inference_mode():
                self._rows[key] = self._recorded_rows(*key)
        row = self._rows[key][call]
        return replace(row, cache=sampling.cache, calls=len(self._rows[key])) if sampling.cache else row

    def _seed_of_rows(self, sampler: Sampler) -> int:
        """Beside the latents, inpainting networks are given an encoded picture, which is drawn at random."""
        assert sampler.sampling is not None
        drawn = sampler.sampling.begins_with is not None and self.learnt.input.way == "first"
        return sampler.generator.initial_seed() if drawn else 0

    def _recorded_rows(self, condition: Condition, sampling: Sampling, seed: int) -> list[RecordedRow]:
        """The condition's row at every call. Arguments that stay the same from call to call are kept once."""
        role, prompt, negative = self._texts(condition)
        generator = torch.Generator().manual_seed(seed)
        recording = self.recorder.record(prompt, negative, sampling, generator=generator)
        latents, rows = recording.samples[0], list[RecordedRow]()
        grid = token_grid(latents, self._layout(sampling, latents))
        for step in range(len(recording.samples)):
            network, arguments = self.learnt.row(recording, step, role)
            before = rows[-1].arguments if rows else {}
            arguments = {k: before[k] if k in before and equal(before[k], v) else v for k, v in arguments.items()}
            key = self.learnt.axes.key(network, arguments), sampling.loras
            rows.append(RecordedRow(key, network, arguments, grid, sampling.loras))
        return rows

    @property
    def takes_negative(self) -> bool:
        """Whether the pipeline has a row of its own for a negative prompt."""
        return "uncond" in self.learnt.places and self.recorder.call.takes_negative

    def _texts(self, condition: Condition) -> tuple[Role, str, str | None]:
        """Which row of which recording is the condition's: its role, the prompt, and the negative prompt."""
        if isinstance(condition, NegativePrompt) and self.takes_negative:
            return "uncond", PROMPT, condition.text
        return "cond", str(condition), NEGATIVE

    def predict_rows(self, latents: torch.Tensor, rows: Sequence[RecordedRow]) -> torch.Tensor:
        """Rows with a step cache are predicted one at a time, as their states are: the others are padding."""
        with running(self.name), torch.inference_mode():
            first = rows[0]
            if first.slot is not None and first.cache is not None:
                latents, arguments = latents[:1], self.call_arguments(latents[:1], rows[:1])
                with self.recorder.calling(first.loras, cached=True):
                    caches = self.recorder.caches
                    outputs = caches.call(first.network, arguments, first.cache, first.calls, first.slot)[0]
            else:
                arguments = self.call_arguments(latents, rows)
                network = self._networks(first.grid)[first.network]
                with self.recorder.calling(first.loras):
                    outputs = network(**arguments)[0]
            return torch.cat([self.learnt.output.prediction(one, latents) for one in outputs])

    def first_row(self, sampling: Sampling) -> tuple[torch.Tensor, RecordedRow]:
        """The network's input at the first call, and the row of a prompt for it."""
        latents, sampler = self.start(sampling, torch.Generator().manual_seed(0))
        return sampler.model_input(latents, 0), self.inputs(PROMPT, sampler, 0)

    def call_arguments(self, latents: torch.Tensor, rows: Sequence[RecordedRow]) -> dict[str, Any]:
        """The network's arguments for rows of one key with these latents."""
        placed = self.learnt.input
        filled = [placed.filled(row.arguments, one[None]) for row, one in zip(rows, latents, strict=True)]
        return self.learnt.axes.joined(filled)

    def with_networks(self, networks: Callable[[Shape], Networks]) -> Self:
        """This denoiser with other networks of the same arguments. networks: gives them for a grid."""
        twin = copy.copy(self)
        twin._networks = networks
        return twin


def _first_call(recording: Recording, sampling: Sampling) -> int:
    """The place of the first call among the scheduler's timesteps: the last ones are taken of a picture."""
    if sampling.begins_with is None:
        return 0
    calls = SAMPLERS[sampling.sampler].steps_of_calls(sampling.performed_steps)
    return max(0, len(recording.scheduler.timesteps) - len(calls))


def shortened(sampling: Sampling) -> Sampling:
    """The same with as few steps as every sampler takes, all of them on all of the picture, no LoRA and no cache.

    It is for where it does not matter what happens in the steps.
    """
    begins = sampling.begins_with
    if begins is not None:
        strength, mask = begins.strength and 1.0, begins.mask and WHITE
        begins = replace(begins, strength=strength, mask=mask)
    return replace(sampling, steps=2, loras=(), begins_with=begins, cache=None)


def of_few_steps(sampling: Sampling) -> Sampling:
    """The same without LoRA and cache, in as few steps that two are taken, and more where all are."""
    taken = min(2, sampling.performed_steps)
    counts = range(min(NATIVE.steps, sampling.steps), sampling.steps + 1)
    some = (replace(sampling, steps=steps, loras=(), cache=None) for steps in counts)
    return next(few for few in some if few.performed_steps >= taken)
