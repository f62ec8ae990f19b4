"""Which experiments are measured together."""

from __future__ import annotations

import pytest

from cfgsweep.reports.cells import differing_in_seed
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep

BASE = {"name": "g", "model": "digits", "label": 1, "seed": [1, 2], "steps": 10, "guider": "cfg", "value": 2}


@pytest.mark.parametrize(
    ("fork", "groups"),
    [
        ({"at": [0.2, 0.5], "seeds": [3]}, [{(1, 3), (2, 3)}] * 2),
        ([{"at": 0.2, "seeds": [3]}, {"at": 0.5, "seeds": [4]}], [{(1, 3), (2, 3)}, {(1, 4), (2, 4)}]),
        ({"at": 0.5, "seeds": [3, 4]}, [{(1, 3), (1, 4)}, {(2, 3), (2, 4)}]),
    ],
)
def test_one_seed_of_a_fork_is_not_several(fork: object, groups: list[set[tuple[int, int]]]) -> None:
    """With one at every place, pictures differ in the seed alone, as without forks."""
    found = differing_in_seed(expand(Sweep(**BASE, fork=fork)))
    assert [{(e.seed, e.fork.seed) for e in alike if e.fork} for alike in found] == groups
