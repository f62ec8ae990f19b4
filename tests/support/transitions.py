"""Compares the transitions of searches that begin with different values."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from cfgsweep.phases.transitions import Transition

CLEAR = 1.5  # the prominence from which on a transition is found whatever the scan is (docs/phase.md)


def same(one: Transition, others: Sequence[Transition]) -> Transition | None:
    """Which of the others is this transition?"""
    overlapping = [other for other in others if other.before <= one.after and other.after >= one.before]
    return min(overlapping, key=lambda other: abs(other.location - one.location), default=None)


def disagreements(found: Sequence[Sequence[Transition]]) -> tuple[int, int, int]:
    """How often docs/phase.md does not hold for two searches on the same pictures.

    Clear transitions that the other has not; verdicts with a positive margin that are other ones there; locations
    further apart than both uncertainties.
    """
    lost = turned = apart = 0
    for a, b in itertools.permutations(found, 2):
        for one in a:
            if one.prominence < CLEAR:
                continue
            other = same(one, b)
            if other is None:
                lost += 1
                continue
            turned += one.verdict_margin > 0 and other.verdict != one.verdict
            distance = abs(one.location - other.location)
            apart += distance > one.location_uncertainty + other.location_uncertainty + 1e-9
    return lost, turned, apart
