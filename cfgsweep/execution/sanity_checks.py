"""Warnings about sweeps that can run but probably are not what was meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cfgsweep.engine.trace import GuidanceTrace
from cfgsweep.guidance.guiders.perturbation import PerturbedGuider
from cfgsweep.guidance.schedules import Constant
from cfgsweep.sweep.experiment import Experiment


def cautions(experiments: Sequence[Experiment]) -> list[str]:
    """One sentence for every reason why guidance has no effect in some of the experiments."""
    ways: list[tuple[Callable[[Experiment], bool], str]] = [
        (_same_texts, "prompt and negative prompt are the same: guidance does nothing"),
        (_idle_scale, "the scale is one at which the conditional prediction is all there is: guidance does nothing"),
        (_no_perturbation_scale, "the push away from the perturbed denoiser is 0: the guider does what cfg does"),
        (_nothing_to_avoid, "perp_neg has no negative prompt to be perpendicular to: it does what cfg does"),
    ]
    counts = [(sum(map(concerns, experiments)), sentence) for concerns, sentence in ways]
    return [f"in {count} of {len(experiments)} experiments {sentence}" for count, sentence in counts if count]


def _same_texts(e: Experiment) -> bool:
    return e.conditions[0] == e.conditions[1] and e.guider.differences_only


def _idle_scale(e: Experiment) -> bool:
    """Looks at constant schedules only, because a plan of 100,000 experiments must not look at every step of each."""
    constant = isinstance(e.schedule, Constant) and e.value in e.guider.special_scales
    return constant and not _same_texts(e) and GuidanceTrace(e).has_no_effect


def _no_perturbation_scale(e: Experiment) -> bool:
    return isinstance(e.guider, PerturbedGuider) and getattr(e.guider, e.guider.perturbation_scale_name) == 0


def _nothing_to_avoid(e: Experiment) -> bool:
    return e.guider.name == "perp_neg" and e.conditions[1] == e.conditions[2]
