"""Warnings about sweeps that can run but probably are not what was meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cfgsweep.engine.trace import numbers_of_calls
from cfgsweep.execution.unusual_scales import idle_scales, unusual_scales
from cfgsweep.guidance.guiders.perturbation import PerturbedGuider
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.wording import counted


def cautions(experiments: Sequence[Experiment], previews: int = 0) -> list[str]:
    """One sentence for every reason why guidance has no effect in some of the experiments, and for unusual scales.

    previews: how many the sweep asks for of every picture.
    """
    ways: list[tuple[Callable[[Experiment], bool], str]] = [
        (_same_texts, "prompt and negative prompt are the same: guidance does nothing"),
        (_no_perturbation_scale, "the push away from the perturbed denoiser is 0: the guider does what cfg does"),
        (_nothing_to_avoid, "perp_neg has no negative prompt to be perpendicular to: it does what cfg does"),
    ]
    counts = [(sum(map(concerns, experiments)), sentence) for concerns, sentence in ways]
    idle = idle_scales(experiments, lambda e: not _same_texts(e))
    without_effect = [
        f"in {count} of {counted(len(experiments), 'experiment')} {sentence}" for count, sentence in counts if count
    ]
    return [*without_effect, *idle, *unusual_scales(experiments), *_fewer_previews(experiments, previews)]


def _fewer_previews(experiments: Sequence[Experiment], previews: int) -> list[str]:
    """A sentence where some pictures have fewer calls of the denoiser than the sweep asks for previews."""
    if not previews:
        return []
    calls = [own for _, own in numbers_of_calls(experiments)]
    count = sum(own < previews for own in calls)
    fewest = min(calls, default=previews)
    several = f"in {count} of {counted(len(experiments), 'experiment')} there are fewer previews than {previews}"
    return [f"{several}: one for each call of the denoiser, of which the fewest are {fewest}"] if count else []


def _same_texts(e: Experiment) -> bool:
    return e.conditions[0] == e.conditions[1] and e.guider.differences_only


def _no_perturbation_scale(e: Experiment) -> bool:
    return isinstance(e.guider, PerturbedGuider) and getattr(e.guider, e.guider.perturbation_scale_name) == 0


def _nothing_to_avoid(e: Experiment) -> bool:
    return e.guider.name == "perp_neg" and e.conditions[1] == e.conditions[2]
