"""The steps at which guidance is on."""

from __future__ import annotations

from collections.abc import Sequence

from cfgsweep.config.fractions import steps_between
from cfgsweep.errors import UserError, shorten


def guided_steps(
    start: float,
    stop: float,
    noise_interval: tuple[float, float] | None,
    steps: int,
    noise_levels: Sequence[float] = (),
) -> range:
    """The steps between two fractions of all steps, and there those whose sigma is in the noise interval, if any.

    noise_levels: sigma at every step, falling; needed with a noise interval.

    Raises UserError if there is no such step.
    """
    window = steps_between(start, stop, steps)
    if not window:
        raise UserError(
            "the window contains no step: guidance would do nothing",
            given=f"start {start}, stop {stop} at {steps} steps",
        )
    if noise_interval is None:
        return window
    low, high = noise_interval
    inside = [step for step in window if low <= noise_levels[step] <= high]
    if not inside:
        levels = ", ".join(f"{noise_levels[step]:.3g}" for step in window)
        raise UserError("no step has such a noise level", given={"sigma": noise_interval}, allowed=shorten(levels))
    return range(inside[0], inside[-1] + 1)
