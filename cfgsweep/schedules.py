"""Schedules: from the step to a guider's scale. Pure, one small class each, no tensors.

`values(value, steps)` gives one number per step, scaled to `value`: the constant's value, the cosine's maximum.
"""

from __future__ import annotations

import functools
import math

from pydantic import Field

from cfgsweep.errors import UserError
from cfgsweep.parameters import Parameters


class Schedule(Parameters):
    """A number for every step. Give `values`, and `own_value` where a parameter of its own can stand for `value`."""

    def values(self, value: float, steps: int) -> list[float]:
        raise NotImplementedError

    def own_value(self) -> float | None:
        """What the schedule is scaled to when the sweep gives no `value`; None: the guider's default."""
        return None


class Constant(Schedule):
    """The same value at every step."""

    name = "constant"

    def values(self, value: float, steps: int) -> list[float]:
        return [value] * steps


class Cosine(Schedule):
    """Cosine from `value` down to `min_val`, with warm-up, cycles and k-decay.

    Equal to `cf_guidance.schedules.get_cos_sched` (PyPI cf_guidance 0.0.3), which combines transformers'
    cosine with timm's k-decay and cycle parameters. `max_val` may be given in place of the sweep's `value`.
    """

    name = "cosine"
    max_val: float | None = Field(None, description="the maximum; the sweep's `value` where not given")
    min_val: float = 0.15
    num_cycles: float = Field(0.5, description="whole cosine waves; 0.5 falls once")
    num_warmup_steps: float = Field(0, description="steps of linear rise before the cosine")
    warmup_init_val: float = Field(0.0, description="where the rise begins")
    k_decay: float = Field(1.0, description="below 1 falls early, above 1 late")
    cycle_mul: float = 1.0
    cycle_decay: float = 1.0
    cycle_limit: float = 1.0

    def own_value(self) -> float | None:
        return self.max_val

    def values(self, value: float, steps: int) -> list[float]:
        try:
            return self._values(value, _waves(self, steps))
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise UserError(f"these parameters of the cosine have no value: {error}", given=self.spec()) from None

    def _values(self, value: float, waves: list[tuple[float, float] | None]) -> list[float]:
        """One comprehension, attributes read once: a plan may ask for a hundred thousand of these."""
        low, first, length = self.min_val, self.warmup_init_val, float(max(1, self.num_warmup_steps))
        rising = max(0, min(len(waves), math.ceil(self.num_warmup_steps)))
        rise = [first + float(step * (value - first)) / length for step in range(rising)]
        return rise + [low if w is None else low + 0.5 * (value * w[0] - low) * w[1] for w in waves[rising:]]

    def _cycle(self, step: int, steps: int) -> tuple[int, float]:
        """timm's cycle number and the step within it, cycles growing by `cycle_mul`."""
        if self.cycle_mul == 1:
            return step // steps, step % steps
        cycle = math.floor(math.log(1 - step / steps * (1 - self.cycle_mul), self.cycle_mul))
        return cycle, step - (1 - self.cycle_mul**cycle) / (1 - self.cycle_mul) * steps


@functools.lru_cache(maxsize=1024)
def _waves(cosine: Cosine, steps: int) -> list[tuple[float, float] | None]:
    """What does not depend on the value: at every step the cycle's decay and 1 + cos; None where `min_val` holds."""
    return [_wave(cosine, step, steps) for step in range(steps)]


def _wave(cosine: Cosine, step: int, steps: int) -> tuple[float, float] | None:
    if step < cosine.num_warmup_steps:
        return None
    cycle, within = cosine._cycle(step, steps)
    if cycle >= cosine.cycle_limit:
        return None
    length = max(1, steps - cosine.num_warmup_steps)
    progress = ((within - cosine.num_warmup_steps) ** cosine.k_decay) / (length**cosine.k_decay)
    return cosine.cycle_decay**cycle, 1 + math.cos(math.pi * 2 * cosine.num_cycles * progress)


class Listed(Schedule):
    """One number per step, multiplied by `value` where the sweep gives one."""

    name = "list"
    lists = ("numbers",)
    numbers: tuple[float, ...] = Field(min_length=1, description="as many as there are steps")

    def own_value(self) -> float | None:
        return 1.0

    def values(self, value: float, steps: int) -> list[float]:
        if len(self.numbers) != steps:
            raise UserError("a list needs one number per step", given=f"{len(self.numbers)} numbers for {steps} steps")
        return [number * value for number in self.numbers]


SCHEDULES: dict[str, type[Schedule]] = {schedule.name: schedule for schedule in (Constant, Cosine, Listed)}
