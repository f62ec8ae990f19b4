"""What guided predictions tell of themselves, call by call of the denoiser, without any further evaluation.

With d = cond - uncond and g the guided prediction, the effective scale is <g - uncond, d> / <d, d>, as in GA-Eval
(arXiv 2602.22570). For plain classifier-free guidance that is the guidance scale.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

FIELDS = (
    *("sigma", "scale", "cond_norm", "uncond_norm", "difference_norm", "guided_norm", "cosine"),
    *("effective_scale", "off_direction", "x0_mean", "x0_std", "x0_beyond"),
)
OF_RECORDS = ("effective_scale", "off_direction")  # whose means records have


@dataclass(frozen=True)
class Diagnostics:
    """The numbers of all calls of an experiment, by the names in `fields`; None where one is not defined.

    sigma: the noise level. scale: the guidance scale, by the schedule. *_norm: of the predictions, of d, and of g.
    cosine: of cond and uncond. effective_scale: see above. off_direction: the part of g - uncond across d, in lengths
    of d. x0_mean, x0_std: of the picture, or its latents, that the guided prediction stands for. x0_beyond: the share
    of it that is beyond 1 in pixels, beyond 3 in latents.
    """

    calls: tuple[tuple[float | None, ...], ...]
    fields: tuple[str, ...] = FIELDS

    @classmethod
    def of(cls, rows: Iterable[Sequence[float]]) -> Diagnostics:
        """rows: the numbers of every call, NaN where one is not defined. Six digits are kept, as float32 has them."""
        return cls(tuple(tuple(_rounded(value) for value in row) for row in rows))

    def column(self, name: str) -> list[float | None]:
        """One number at every call."""
        place = self.fields.index(name)
        return [row[place] for row in self.calls]

    def means(self) -> dict[str, float]:
        """The means of OF_RECORDS over the calls that predict something; of none where one of them is not defined.

        A guider without an unconditional prediction has no effective scale, also where it leaves some steps unguided.
        Calls in which both predictions are there and equal are left out: any scale is the same there.
        """
        columns = map(self.column, ("cond_norm", "uncond_norm", "difference_norm", "effective_scale"))
        for cond, uncond, difference, scale in zip(*columns, strict=True):
            if scale is None and difference is None and (cond or uncond):
                return {}
        known = {name: [value for value in self.column(name) if value is not None] for name in OF_RECORDS}
        return {name: float(f"{fmean(values):.6g}") for name, values in known.items() if values}

    def as_text(self) -> str:
        return json.dumps({"fields": self.fields, "calls": self.calls})

    @classmethod
    def of_text(cls, text: str) -> Diagnostics | None:
        """What `as_text` gave; None where it is something else."""
        try:
            found = json.loads(text)
            fields, calls = tuple(map(str, found["fields"])), tuple(map(tuple, found["calls"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        whole = all(len(row) == len(fields) and all(map(_is_number_or_none, row)) for row in calls)
        return cls(calls, fields) if whole else None


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _is_number_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
