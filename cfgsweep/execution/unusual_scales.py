"""Notices of guidance scales at which a guider does nothing, or that are far from those that are in use."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from cfgsweep.config.parameters import compact
from cfgsweep.engine.trace import GuidanceTrace
from cfgsweep.guidance.schedules import Constant, Schedule
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.wording import counted

FAR = 3.0  # times the highest usual scale
TOLD = 4  # scales, of many


def unusual_scales(experiments: Sequence[Experiment], says_how_many: bool = True) -> list[str]:
    """A sentence for every guider whose scale is negative in some experiments, or far above the usual ones.

    says_how_many: it says in how many of the experiments.
    """
    found: dict[_Usual, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    for e in experiments:
        usual = e.guider.usual
        if usual is not None and (scale := _farthest(e, usual)) is not None:
            found[_Usual(e.guider.name, *usual)][scale] += 1
    return [
        f"{usual.name} at {_told(scales)}{_in(scales.values(), experiments) if says_how_many else ''}: "
        + ("guidance away from the prompt; usual scales are" if max(scales) < 0 else "far from its usual scales,")
        + f" {usual.low:g} to {usual.high:g}"
        for usual, scales in found.items()
    ]


def idle_scales(experiments: Sequence[Experiment], differs: Callable[[Experiment], bool]) -> list[str]:
    """A sentence for every scale at which guiders give the conditional prediction alone.

    Looks at constant schedules only, because a plan of 100,000 experiments must not look at every step of each.
    differs: whether prompt and negative prompt are different, without which no scale has an effect.
    """
    found: dict[float, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for e in experiments:
        constant = isinstance(e.schedule, Constant) and e.value in e.guider.special_scales
        if constant and differs(e) and GuidanceTrace(e).has_no_effect:
            found[e.value][e.guider.title()] += 1
    return [
        f"scale {scale:g} is no guidance{_in(counts.values(), experiments)}: "
        f"{_first(list(counts))} {'gives' if len(counts) == 1 else 'give'} the prediction for the prompt alone"
        for scale, counts in found.items()
    ]


class _Usual(NamedTuple):
    name: str
    low: float
    high: float


def _farthest(e: Experiment, usual: tuple[float, float]) -> float | None:
    """The scale of a step that is farthest out; None where all are near the usual ones, or between them and 0."""
    scales = (
        [e.value]
        if isinstance(e.schedule, Constant)
        else _scales_of(e.schedule, e.value, e.performed_steps, e.noise_levels)
    )
    if min(scales) < 0:
        return min(scales)
    return max(scales) if max(scales) > FAR * usual[1] else None


@functools.lru_cache(maxsize=4096)
def _scales_of(schedule: Schedule, value: float, steps: int, noise_levels: tuple[float, ...]) -> list[float]:
    return schedule.values(value, steps, noise_levels)


def _told(scales: dict[float, int]) -> str:
    return _first([compact(scale) for scale in sorted(scales)])


def _first(names: Sequence[str]) -> str:
    return ", ".join([*names[:TOLD], *(["…"] if len(names) > TOLD else [])])


def _in(counts: Iterable[int], experiments: Sequence[Experiment]) -> str:
    return f" (in {sum(counts)} of {counted(len(experiments), 'experiment')})"
