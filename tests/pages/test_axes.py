"""The axes of a page: which of them another one decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cfgsweep.pages.axes import page_axes
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep

SWEEP = "name: a\nmodel: digits\nsteps: 2\nlabel: [0, 1]\n"


@pytest.mark.parametrize(
    ("axes", "follows"),
    [
        ("seed: [1, 2]\nguider: [cfg, apg]\nvalue: [2, 3]\n", {}),
        (
            "seed: [1, 2, 3]\nguider: [cfg, apg, cfg_zero]\nvalue: [2, 3, 2]\nzip: [guider, value]\n",
            {"value": "guider"},
        ),
        ("seed: [1, 2]\nvalue: [2, 3]\nguider: cfg\nzip: [seed, value]\n", {"value": "seed"}),
    ],
)
def test_an_axis_follows_the_one_that_decides_it(axes: str, follows, sweep_file: Callable[[str], Path]) -> None:
    experiments = expand(*read_sweep(sweep_file(SWEEP + axes)))
    assert {axis.name: axis.follows for axis in page_axes(experiments) if axis.follows} == follows
