"""The cosine schedule of dynamic guidance, with every parameter it has there, and its inverse."""

from __future__ import annotations

import functools
import math

from pydantic import Field

from cfgsweep.config.parameters import Number
from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules.base import Schedule


class Cosine(Schedule):
    """Cosine from `value` down to `min_val`, with warm-up, cycles and k-decay.

    Equal to `cf_guidance.schedules.get_cos_sched` (PyPI cf_guidance 0.0.3), which combines transformers'
    cosine with timm's k-decay and cycle parameters. `max_val` may be given in place of the sweep's `value`.
    """

    name = "cosine"
    formula = "min_val + (value - min_val) (1 + cos(2 pi num_cycles u^k_decay)) / 2, after the warm-up"
    source = "PyPI cf_guidance 0.0.3; transformers, timm"
    min_val: Number = 0.15
    num_cycles: Number = Field(0.5, description="whole cosine waves; 0.5 falls once")
    num_warmup_steps: Number = Field(0, description="steps of linear rise before the cosine")
    warmup_init_val: Number = Field(0.0, description="where the rise begins")
    k_decay: Number = Field(1.0, description="below 1 falls early, above 1 late")
    cycle_mul: Number = 1.0
    cycle_decay: Number = 1.0
    cycle_limit: Number = 1.0

    def shape(self, value: float, steps: int) -> list[float]:
        try:
            return self._values(value, _waves(self, steps))
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise UserError(f"these parameters of the cosine have no value: {error}", given=self.spec()) from None

    def _values(self, value: float, waves: list[tuple[float, float] | None]) -> list[float]:
        """The numbers, from the waves. Attributes are read once, since a plan may need a hundred thousand of these."""
        low, first, length = self.min_val, self.warmup_init_val, float(max(1, self.num_warmup_steps))
        rising = max(0, min(len(waves), math.ceil(self.num_warmup_steps)))
        rise = [first + float(step * (value - first)) / length for step in range(rising)]
        return rise + [low if w is None else low + 0.5 * (value * w[0] - low) * w[1] for w in waves[rising:]]

    def _cycle(self, step: int, steps: int) -> tuple[int, float]:
        """timm's number of the cycle and the step within it; cycles grow by `cycle_mul`."""
        if self.cycle_mul == 1:
            return step // steps, step % steps
        cycle = math.floor(math.log(1 - step / steps * (1 - self.cycle_mul), self.cycle_mul))
        return cycle, step - (1 - self.cycle_mul**cycle) / (1 - self.cycle_mul) * steps


@functools.lru_cache(maxsize=1024)
def _waves(cosine: Cosine, steps: int) -> list[tuple[float, float] | None]:
    """What does not depend on the value, for every step: the cycle's decay and 1 + cos.

    None in the warm-up and after the last cycle.
    """
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


class InverseCosine(Cosine):
    """The cosine upside down: it rises from `min_val` to the value where the cosine falls, also in the warm-up."""

    name = "inverse_cosine"
    formula = "value + min_val - cosine"

    def shape(self, value: float, steps: int) -> list[float]:
        return [value + self.min_val - number for number in super().shape(value, steps)]
