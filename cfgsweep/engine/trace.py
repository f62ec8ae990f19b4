"""What guidance does in one experiment, call by call of the denoiser. No tensors, and no torch.

Experiments with equal starts share every prediction up to the first call at which their operations differ, including
that call: its predictions are the same, and only the guided prediction is not.
"""

from __future__ import annotations

import functools
import math
from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

from cfgsweep.guidance import COND, Branch
from cfgsweep.guidance.interface import CompiledGuider, GuiderBase, compile_guider
from cfgsweep.guidance.perturbations import BlurredInput, Condition, Perturbation
from cfgsweep.samplers import SAMPLERS, Restart, restart_of_fork, restart_of_turn
from cfgsweep.sweep.experiment import Conditions, Experiment

UNGUIDED = "unguided"  # the name of the prediction that is taken as it is


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """One prediction of the denoiser: for a condition, perturbed or not."""

    condition: Condition
    perturbation: Perturbation | None = None

    @property
    def needs(self) -> ForwardPass | None:
        """The prediction that this one's input is made from."""
        return ForwardPass(self.condition) if isinstance(self.perturbation, BlurredInput) else None


class GuidanceOp(NamedTuple):
    """What guidance does at one call of the denoiser.

    guider: None where the only prediction is taken as it is, or where there is none and the latents are left as they
        are.
    numbers: the values of `guider.number_names()`.
    names: the guider's names for the predictions of the passes.
    restart: what happens to the latents after the step.
    """

    guider: GuiderBase | None
    numbers: tuple[float, ...]
    names: tuple[str, ...]
    passes: tuple[ForwardPass, ...]
    restart: Restart | None = None


ZERO_STEP = GuidanceOp(None, (), (), ())


class GuidanceTrace(Sequence[GuidanceOp]):
    """The operation of an experiment at every call, reduced to what it really does there.

    A U-turn takes the last calls again, and does at each what was done there before.

    Operations are made when they are looked up. A trace keeps only the scales, and shares the rest with all experiments
    that have the guider and the number of steps in common: a hundred thousand traces of fifty calls fit into memory.
    """

    __slots__ = ("before", "compiled", "conditions", "fork", "scales", "turn", "unguided")

    def __init__(self, e: Experiment):
        self.compiled = compile_guider(e.guider, e.performed_steps, e.sampler, e.noise_levels)
        calls = SAMPLERS[e.sampler].steps_of_calls(e.performed_steps)
        scales = e.scales()
        self.scales = array("d", scales if len(calls) == len(scales) else [scales[step] for step in calls])
        self.conditions = e.conditions
        self.unguided = e.conditions[0] == e.conditions[1] and e.guider.differences_only
        self.fork = e.fork and restart_of_fork(e.fork, e.sampler, e.steps)
        self.turn = e.start and restart_of_turn(e.start, e.sampler, e.steps)
        self.before = 0 if e.start and e.start.image else len(self.scales)  # the calls before a U-turn

    def __len__(self) -> int:
        return self.before + (len(self.scales) - self.turn.call if self.turn else 0)

    @property
    def own_calls(self) -> int:
        """How many calls lead to the picture from where it begins: from noise, or from a U-turn."""
        return len(self) - (self.before if self.turn else 0)

    def place(self, call: int) -> int:
        """The number that a call has on the sampler's whole way."""
        return call - self.before + self.turn.call if self.turn and call >= self.before else call

    @overload
    def __getitem__(self, call: int) -> GuidanceOp: ...
    @overload
    def __getitem__(self, call: slice) -> Sequence[GuidanceOp]: ...
    def __getitem__(self, call: int | slice) -> GuidanceOp | Sequence[GuidanceOp]:
        if isinstance(call, slice):
            return [self[one] for one in range(*call.indices(len(self)))]
        if not 0 <= call < len(self):
            raise IndexError(call)
        operation, restart = self._operation(self.place(call)), self._restart_after(call)
        return operation if restart is None else operation._replace(restart=restart)

    def _restart_after(self, call: int) -> Restart | None:
        if self.fork and call + 1 == self.fork.call:
            return self.fork
        return self.turn if call + 1 == self.before else None

    def _operation(self, call: int) -> GuidanceOp:
        """call: on the sampler's whole way."""
        if call < self.compiled.zero_calls:
            return ZERO_STEP
        if call not in self.compiled.window or self.unguided:
            return _unguided(COND, self.conditions)
        return self._guided(call)

    def _guided(self, call: int) -> GuidanceOp:
        scale, at_step = self.scales[call], self.compiled.at_call(call)
        branches = self.compiled.branches(scale, at_step)
        if len(branches) == 1:
            return _unguided(branches[0], self.conditions)
        names, passes = _passes(branches, self.conditions)
        return GuidanceOp(at_step.guider, (scale, *at_step.others), names, passes)

    @property
    def has_no_effect(self) -> bool:
        """Whether the conditional prediction is the result at every call."""
        unguided = _unguided(COND, self.conditions)
        operations = map(self._operation, range(len(self.scales)))
        return self.compiled.zero_calls == 0 and all(operation == unguided for operation in operations)

    def evaluations_from(self, call: int) -> int:
        """The number of predictions that this experiment alone needs from a call on."""
        way = self._evaluations_from(call) if call < self.before else 0
        return way + (self._evaluations_from(self.place(max(call, self.before))) if self.turn else 0)

    def _evaluations_from(self, call: int) -> int:
        """From a call of the sampler's whole way to its end."""
        window, first = self.compiled.window, max(call, self.compiled.zero_calls)
        guided = range(max(first, window.start), window.stop)
        left = max(0, len(self.scales) - first)
        if self.unguided or not guided:
            return left
        return max(0, left - len(guided)) + self._guided_evaluations(guided)

    def _guided_evaluations(self, calls: range) -> int:
        """Where only the scale varies, calls are counted by their special scales instead of one by one."""
        if self.compiled.varies:
            return sum(len(set(self._operation(call).passes)) for call in calls)
        usual, savings = _pass_counts(self.compiled, self.conditions)
        total = usual * len(calls)
        for scale, saved in savings:
            total -= saved * self.scales[calls.start : calls.stop].count(scale)
        return total


def numbers_of_calls(experiments: Iterable[Experiment]) -> Iterator[tuple[int, int]]:
    """For each experiment the calls of the denoiser, and those of them that are its own (`GuidanceTrace.own_calls`).

    They depend on the sampler's way alone: one trace is made for all experiments that have it in common.
    """
    known: dict[Hashable, tuple[int, int]] = {}
    for e in experiments:
        way = e.sampler, e.steps, e.performed_steps, e.start
        if way not in known:
            trace = GuidanceTrace(e)
            known[way] = len(trace), trace.own_calls
        yield known[way]


@functools.lru_cache(maxsize=4096)
def _pass_counts(compiled: CompiledGuider, conditions: Conditions) -> tuple[int, list[tuple[float, int]]]:
    """The distinct predictions per call at a usual scale, and how many fewer there are at scales with fewer."""
    at_step = compiled.at_call(0)

    def count(scale: float) -> int:
        return len(set(_passes(compiled.branches(scale, at_step), conditions)[1]))

    usual = count(math.nan)
    savings = [(scale, usual - count(scale)) for scale in compiled.special_scales]
    return usual, [(scale, saved) for scale, saved in savings if saved]


@functools.lru_cache(maxsize=4096)
def _unguided(branch: Branch, conditions: Conditions) -> GuidanceOp:
    return GuidanceOp(None, (), (UNGUIDED,), _passes((branch,), conditions)[1])


@functools.lru_cache(maxsize=4096)
def _passes(branches: tuple[Branch, ...], conditions: Conditions) -> tuple[tuple[str, ...], tuple[ForwardPass, ...]]:
    """The names of the branches, and their forward passes under the experiment's conditions."""
    by_name = dict(zip(("prompt", "negative_prompt", "nothing"), conditions, strict=True))
    passes = (ForwardPass(by_name[branch.condition], branch.perturbation) for branch in branches)
    return tuple(branch.name for branch in branches), tuple(passes)


def perturbations(experiments: Iterable[Experiment]) -> dict[Perturbation, GuiderBase]:
    """Every perturbation that the experiments need, with one of the guiders that need it."""
    found: dict[Perturbation, GuiderBase] = {}
    kinds = {(e.guider, e.performed_steps, e.sampler, e.noise_levels) for e in experiments}
    for guider, steps, sampler, levels in kinds:
        compiled = compile_guider(guider, steps, sampler, levels)
        for scale in (math.nan, *compiled.special_scales):
            for at_step in compiled.variants:
                branches = compiled.branches(scale, at_step)
                found |= {branch.perturbation: guider for branch in branches if branch.perturbation is not None}
    return found
