"""Writes a guider to begin one's own with, and its test."""

from __future__ import annotations

import keyword
import string
from pathlib import Path

from cfgsweep.errors import UserError

GUIDER = '''\
"""A guider of one's own.

In a sweep file it is `guider: $stem.py:$cls`, or with parameters `guider: {$stem.py:$cls: {gain: [0.5, 1.0]}}`;
`cfgsweep run --allow-code` runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from cfgsweep.guidance import UNCOND, Guider, StepContext
from cfgsweep.guidance.schedulable import NonNegative

if TYPE_CHECKING:
    from torch import Tensor


class $cls(Guider):
    """Classifier-free guidance with a gain on the difference of the predictions."""

    name = "$stem"
    formula = "uncond + scale gain (cond - uncond)"
    source = ""  # the paper or package that it comes from
    # Scales at which one prediction is the whole answer, so that the other need not be computed.
    single_branch_scales = {0.0: UNCOND}

    gain: NonNegative = Field(1.0, description="multiplies the difference; may follow a schedule")

    def combine(self, ctx: StepContext) -> Tensor:
        """The guided prediction, [rows, channels, height, width]. Numbers are one per row, [rows, 1, 1, 1]."""
        return ctx.uncond + ctx.scale * ctx.numbers["gain"] * (ctx.cond - ctx.uncond)
'''

TEST = '''\
"""The guider equals its formula, row by row. Run it with `pytest $test`."""

from __future__ import annotations

import torch
from $stem import $cls

from cfgsweep.guidance import StepContext

SCALES, GAINS = [0.0, 1.5, 7.5], [1.0, 0.5, 2.0]


def per_row(numbers: list[float]) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64).view(-1, 1, 1, 1)


def test_it_equals_its_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    cond, uncond, latents = torch.randn(3, 3, 4, 8, 8, dtype=torch.float64, generator=generator)
    ctx = StepContext(
        predictions={"cond": cond, "uncond": uncond},
        numbers={"scale": per_row(SCALES), "gain": per_row(GAINS)},
        latents=latents,
        sigma=per_row([10.0, 1.0, 0.1]),
        next_sigma=per_row([5.0, 0.5, 0.0]),
    )
    guided = $cls().combine(ctx)
    for row, (scale, gain) in enumerate(zip(SCALES, GAINS, strict=True)):
        expected = (1 - scale * gain) * uncond[row] + scale * gain * cond[row]
        torch.testing.assert_close(guided[row], expected)
'''


def write_template(path: Path) -> tuple[Path, Path]:
    """Writes the guider to `path` and its test beside it; returns both paths.

    Raises UserError if the name is no Python module's, or if one of the files is there already.
    """
    stem = path.stem
    if path.suffix != ".py" or not stem.isidentifier() or keyword.iskeyword(stem):
        raise UserError("not a name of a Python module", where="--new", given=str(path), allowed="NAME.py")
    test = path.with_name(f"test_{path.name}")
    for file in (path, test):
        if file.exists():
            raise UserError("there is such a file already", where="--new", given=str(file))
    names = {"stem": stem, "test": test.name, "cls": "".join(part.capitalize() for part in stem.split("_"))}
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, text in ((path, GUIDER), (test, TEST)):
        with open(file, "x", encoding="utf-8") as stream:
            stream.write(string.Template(text).substitute(names))
    return path, test
