"""A guider for a given number of steps: which predictions it needs at each call of the denoiser. No torch."""

from __future__ import annotations

import functools
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cfgsweep.guidance.context import COND, Branch
from cfgsweep.samplers import SAMPLERS

if TYPE_CHECKING:
    from cfgsweep.guidance.base import GuiderBase


class GuiderAtStep(NamedTuple):
    """The guider that is used at a step, with the values of its numbers there except the guidance scale.

    Equal for all guiders that do the same at a step, so that experiments which differ in other steps alone share it.
    """

    guider: GuiderBase
    others: tuple[float, ...]

    def numbers(self, scale: float) -> dict[str, float]:
        """The numbers of the step by their names."""
        return dict(zip(self.guider.number_names(), (scale, *self.others), strict=True))


class CompiledGuider:
    """What is known of a guider's steps before any of them: all experiments with this guider and step count share it.

    guided_steps, zero_steps: the steps at which guidance is on; the number of first steps that leave the latents as
        they are. window, zero_calls: the same in calls of the denoiser, of which some samplers make two per step.
    special_scales: scales at which fewer branches may be needed than at others.
    varies: whether anything but the scale changes from step to step.
    """

    def __init__(
        self,
        steps_of_calls: Sequence[int],
        guided_steps: range,
        zero_steps: int,
        special_scales: tuple[float, ...],
        at_steps: Sequence[GuiderAtStep],
    ):
        self.guided_steps, self.zero_steps, self.special_scales = guided_steps, zero_steps, special_scales
        self.window = range(*(bisect_left(steps_of_calls, step) for step in (guided_steps.start, guided_steps.stop)))
        self.zero_calls = bisect_left(steps_of_calls, zero_steps)
        self.variants = list(dict.fromkeys(at_steps))
        self.varies = len(self.variants) > 1
        self._at_calls = [at_steps[step] for step in steps_of_calls] if self.varies else [at_steps[0]]
        self._known_branches: dict[tuple[float, GuiderAtStep], tuple[Branch, ...]] = {}

    def at_call(self, call: int) -> GuiderAtStep:
        """The guider at a call of the denoiser."""
        return self._at_calls[call if self.varies else 0]

    def branches(self, scale: float, at_step: GuiderAtStep) -> tuple[Branch, ...]:
        """The predictions needed at a step. A scale of NaN stands for every scale that is not special."""
        key = (scale if scale in self.special_scales else math.nan, at_step)
        if key not in self._known_branches:
            numbers = at_step.numbers(key[0])
            self._known_branches[key] = _with_rescaling(at_step.guider.branches(numbers), numbers)
        return self._known_branches[key]


def _with_rescaling(branches: tuple[Branch, ...], numbers: Mapping[str, float]) -> tuple[Branch, ...]:
    """Rescaling compares with the conditional prediction, which the formula itself may not need."""
    return (COND, *branches) if numbers.get("guidance_rescale") and COND not in branches else branches


@functools.lru_cache(maxsize=4096)
def compile_guider(guider: GuiderBase, steps: int, sampler: str, noise_levels: tuple[float, ...]) -> CompiledGuider:
    """The guider compiled for a sampler, by its name, and a number of steps.

    noise_levels: sigma at every step, needed where the guider has a noise interval.

    Raises UserError where the window contains no step, or a parameter's schedule leaves its bounds.
    """
    return guider.compile(steps, SAMPLERS[sampler].steps_of_calls(steps), noise_levels)


@functools.lru_cache(maxsize=4096)
def interned(guider: GuiderBase) -> GuiderBase:
    """The first of all equal guiders: traces compare guiders often, and identical objects compare fastest."""
    return guider
