"""Guiders of a group (`guider: all`) that are left out before a model is loaded, and why."""

from __future__ import annotations

from collections.abc import Sequence

from cfgsweep.guidance.groups import members
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.guider_axis import of_groups
from cfgsweep.sweep.schema import Sweep


def left_out(sweep: Sweep, experiments: Sequence[Experiment]) -> list[str]:
    """A sentence for every guider of a group of the sweep that is left out before a model is loaded."""
    entries = of_groups(sweep.guider)
    lines = [
        f"`guider: {group}` leaves out {name}: {reason}"
        for group in dict.fromkeys(entry.group for entry in entries)
        for name, reason in members(group).left_out.items()
    ]
    samplers = dict.fromkeys(e.sampler for e in experiments)
    for entry in entries:
        defined = entry.guider.samplers
        if defined is not None and (others := [name for name in samplers if name not in defined]):
            reason = f"it is not defined for {', '.join(others)}, but for {', '.join(defined)}"
            lines.append(f"`guider: {entry.group}` leaves out {entry.guider.name}: {reason}")
    return lines
