"""What will be computed, before it is: experiments as programs, programs as a tree of shared prefixes.

A program is the guidance of an experiment, one Operation per call of the denoiser. Experiments that start alike
(same root) share every prediction up to the first call at which their operations differ, that call included:
its predictions are the same, only what is made of them is not. No tensors here, and no torch.
"""

from __future__ import annotations

import functools
import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cfgsweep.guidance import COND, Branch, Guider
from cfgsweep.guidance.perturbations import BlurredInput, Condition, Perturbation
from cfgsweep.samplers import SAMPLERS
from cfgsweep.sweep.experiment import Conditions, Experiment


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """One prediction a guider needs: the denoiser under this condition, harmed or whole."""

    condition: Condition
    perturbation: Perturbation | None = None

    @property
    def needs(self) -> ForwardPass | None:
        """The prediction that has to be there before this one can be asked for."""
        return ForwardPass(self.condition) if isinstance(self.perturbation, BlurredInput) else None


class GuidanceOp(NamedTuple):
    """What guidance does at one call.

    guider None: the only branch's prediction is taken as it is; without a branch, the latents stand still.
    numbers: those of `Guider.number_names`.
    names: what the guider calls the predictions of the passes.
    """

    guider: Guider | None
    numbers: tuple[float, ...]
    names: tuple[str, ...]
    passes: tuple[ForwardPass, ...]


ZERO_STEP = GuidanceOp(None, (), (), ())


class GuidanceTrace(Sequence[GuidanceOp]):
    """An experiment's operation at every call, reduced to what it really does there; worked out when asked for.

    A hundred thousand programs of fifty calls have to fit into memory, so all that is kept is the scales; the rest
    is shared by all that have a guider and a number of steps in common.
    """

    __slots__ = ("conditions", "formula", "idle", "scales", "window", "zero")

    def __init__(self, e: Experiment):
        self.formula = compile_guider(e.guider, e.steps, e.sampler, e.noise_levels)
        calls = SAMPLERS[e.sampler].steps_of_calls(e.steps)
        scales = e.scales()
        self.scales = array("d", scales if len(calls) == len(scales) else [scales[step] for step in calls])
        self.window, self.zero = self.formula.window, self.formula.zero
        self.conditions = e.conditions
        self.idle = e.conditions[0] == e.conditions[1] and e.guider.differences_only

    def __len__(self) -> int:
        return len(self.scales)

    def __getitem__(self, call: Any) -> Any:
        if not 0 <= call < len(self):
            raise IndexError(call)
        if call < self.zero:
            return ZERO_STEP
        if call not in self.window or self.idle:
            return _alone(COND, self.conditions)
        scale, variation = self.scales[call], self.formula.at(call)
        branches = self.formula.branches(scale, variation)
        if len(branches) == 1:
            return _alone(branches[0], self.conditions)
        names, passes = _branches(branches, self.conditions)
        return GuidanceOp(variation.guider, (scale, *variation.others), names, passes)

    @property
    def is_idle(self) -> bool:
        """Is the conditional prediction all there is, at every step?"""
        alone = _alone(COND, self.conditions)
        return self.zero == 0 and all(operation == alone for operation in self)

    def evaluations_from(self, call: int) -> int:
        """Predictions needed from this call on, by this program alone."""
        first = max(call, self.zero)
        guided = range(max(first, self.window.start), self.window.stop)
        if self.idle or not guided:
            return max(0, len(self) - first)
        return max(0, len(self) - first - len(guided)) + self._guided_evaluations(guided)

    def _guided_evaluations(self, calls: range) -> int:
        """Where only the scale varies, calls are counted by its special values and not looked at one by one."""
        if self.formula.varies:
            return sum(len(set(self[call].passes)) for call in calls)
        ordinary, fewer = self.formula.distinct(self.conditions)
        total = ordinary * len(calls)
        for scale, saved in fewer:
            total -= saved * self.scales[calls.start : calls.stop].count(scale)
        return total


class GuiderAtStep(NamedTuple):
    """A guider's numeric parameters at a step, and the plainest guider that does the same with them."""

    guider: Guider
    others: tuple[float, ...]  # all numbers but the scale

    @classmethod
    def of(cls, guider: Guider, numbers: dict[str, float]) -> GuiderAtStep:
        plain, numbers = guider.simplified(numbers)
        return cls(_interned(plain.batch_key()), tuple(numbers.values()))


class CompiledGuider:
    """What programs with one guider and one number of steps share."""

    def __init__(self, guider: Guider, steps: int, sampler: str, noise_levels: tuple[float, ...]):
        calls = SAMPLERS[sampler].steps_of_calls(steps)
        window, values = guider.window(steps, noise_levels), guider.parameter_values(steps)
        self.window = range(bisect_left(calls, window.start), bisect_left(calls, window.stop))
        self.zero = bisect_left(calls, guider.zero_steps)
        self.special_scales = guider.special_scales
        rows = list(zip(*values.values(), strict=True))
        self.varies = len(set(rows)) > 1
        kinds = {row: GuiderAtStep.of(guider, dict(zip(values, row, strict=True))) for row in set(rows)}
        self.variations = [kinds[rows[step]] for step in calls] if self.varies else [kinds[rows[0]]]
        self._known_branches: dict[tuple[float, GuiderAtStep], tuple[Branch, ...]] = {}
        self._distinct: dict[Conditions, tuple[int, list[tuple[float, int]]]] = {}

    def at(self, call: int) -> GuiderAtStep:
        """The guider as it is at a call."""
        return self.variations[call if self.varies else 0]

    def branches(self, scale: float, variation: GuiderAtStep) -> tuple[Branch, ...]:
        """The predictions needed. Rescaling needs the conditional one whatever the formula needs."""
        key = (scale if scale in self.special_scales else math.nan, variation)
        if key not in self._known_branches:
            numbers = dict(zip(variation.guider.number_names(), (key[0], *variation.others), strict=True))
            branches = variation.guider.branches(numbers)
            self._known_branches[key] = (
                (COND, *branches) if numbers["guidance_rescale"] and COND not in branches else branches
            )
        return self._known_branches[key]

    def distinct(self, given: Conditions) -> tuple[int, list[tuple[float, int]]]:
        """Different predictions at an ordinary scale, and how many fewer at those at which there are fewer."""
        if given not in self._distinct:

            def count(scale: float) -> int:
                return len(set(_branches(self.branches(scale, self.at(0)), given)[1]))

            ordinary = count(math.nan)
            saved = [(scale, ordinary - count(scale)) for scale in self.special_scales]
            self._distinct[given] = ordinary, [entry for entry in saved if entry[1]]
        return self._distinct[given]


@functools.lru_cache(maxsize=4096)
def _interned(guider: Guider) -> Guider:
    """The first of all that are equal: comparing an object with itself is quick."""
    return guider


@functools.lru_cache(maxsize=4096)
def compile_guider(guider: Guider, steps: int, sampler: str, noise_levels: tuple[float, ...]) -> CompiledGuider:
    """The one formula of all that have these in common."""
    return CompiledGuider(guider, steps, sampler, noise_levels)


@functools.lru_cache(maxsize=4096)
def _alone(role: Branch, given: Conditions) -> GuidanceOp:
    return GuidanceOp(None, (), ("alone",), _branches((role,), given)[1])


@functools.lru_cache(maxsize=4096)
def _branches(branches: tuple[Branch, ...], given: Conditions) -> tuple[tuple[str, ...], tuple[ForwardPass, ...]]:
    """Names and branches of the roles, given what pictures are to show, what not, and what says nothing."""
    conditions = dict(zip(("prompt", "negative_prompt", "nothing"), given, strict=True))
    return tuple(r.name for r in branches), tuple(
        ForwardPass(conditions[r.condition], r.perturbation) for r in branches
    )


def perturbations(experiments: Iterable[Experiment]) -> dict[Perturbation, Guider]:
    """Every harm that the experiments ask for, with one of the guiders that do."""
    found: dict[Perturbation, Guider] = {}
    for guider, steps, sampler, levels in {(e.guider, e.steps, e.sampler, e.noise_levels) for e in experiments}:
        formula = compile_guider(guider, steps, sampler, levels)
        for scale in (math.nan, *guider.special_scales):
            for variation in set(formula.variations):
                perturbations_wanted = (role.perturbation for role in formula.branches(scale, variation))
                found |= {perturbation: guider for perturbation in perturbations_wanted if perturbation is not None}
    return found
