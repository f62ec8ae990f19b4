"""What will run but probably is not what was meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cfgsweep.engine.trace import GuidanceTrace
from cfgsweep.guidance.guiders.perturbation import PerturbedGuider
from cfgsweep.guidance.schedules import Constant
from cfgsweep.sweep.experiment import Experiment


def cautions(experiments: Sequence[Experiment]) -> list[str]:
    """One sentence for every way in which experiments of the sweep have no effect."""
    ways: list[tuple[Callable[[Experiment], bool], str]] = [
        (_same_texts, "prompt and negative prompt are the same: guidance does nothing"),
        (_idle_scale, "the scale is one at which the conditional prediction is all there is: guidance does nothing"),
        (_no_push, "the push away from the harmed denoiser is 0: the guider does what cfg does"),
        (_nothing_to_avoid, "perp_neg has no negative prompt to be perpendicular to: it does what cfg does"),
    ]
    counts = [(sum(map(concerns, experiments)), sentence) for concerns, sentence in ways]
    return [f"in {count} of {len(experiments)} experiments {sentence}" for count, sentence in counts if count]


def _same_texts(e: Experiment) -> bool:
    return e.conditions[0] == e.conditions[1] and e.guider.differences_only


def _idle_scale(e: Experiment) -> bool:
    """Of constant scales only: a plan of a hundred thousand experiments cannot look at every step of every one."""
    constant = isinstance(e.schedule, Constant) and e.value in e.guider.special_scales
    return constant and not _same_texts(e) and GuidanceTrace(e).has_no_effect


def _no_push(e: Experiment) -> bool:
    return isinstance(e.guider, PerturbedGuider) and getattr(e.guider, e.guider.perturbation_scale_name) == 0


def _nothing_to_avoid(e: Experiment) -> bool:
    return e.guider.name == "perp_neg" and e.conditions[1] == e.conditions[2]
