"""Units of work for several workers: enough that all end at about the same time, and no more than sharing allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.engine.cost import cost
from cfgsweep.engine.cut import cut
from cfgsweep.engine.units import MOST_LONGER, MOST_PER_WORKER, batches_of, loads, units_for
from cfgsweep.execution.shipped_configs import find_config
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep


def experiments_of(config: str):
    return expand(read_sweep(find_config(config, "sweep"))[0])


@pytest.mark.parametrize(
    ("config", "workers", "batch_size", "per_worker"),
    [("scales", 2, 16, MOST_PER_WORKER), ("windows", 2, 1, 1), ("tnorm", 2, 1, 2), ("tnorm", 2, 32, 1)],
)
def test_sweeps_that_share_much_or_fill_no_batches_have_fewer_units(
    config: str, workers: int, batch_size: int, per_worker: int
) -> None:
    """A unit takes as many batches as one of its pictures has calls, whatever it is cut down to."""
    assert len(units_for(experiments_of(config), workers, batch_size)) == per_worker * workers


@pytest.mark.parametrize("config", ["tnorm", "windows"])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_no_number_of_units_is_much_faster(config: str, workers: int, batch_size: int) -> None:
    experiments = experiments_of(config)
    units = units_for(experiments, workers, batch_size)
    assert sorted(e.id for unit in units for e in unit.experiments) == sorted(e.id for e in experiments)
    assert all(unit.evaluations == cost(unit.experiments).evaluations for unit in units)
    others = (cut(experiments, number * workers) for number in range(1, MOST_PER_WORKER + 1))
    found, *rest = (max(loads(batches_of(each, batch_size), workers)) for each in (units, *others))
    assert found <= MOST_LONGER * min(rest)


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 5))
def test_loads_are_those_of_the_largest_unit_first(sizes: list[int], workers: int) -> None:
    """No worker is busier than by its last unit, which the least busy one takes."""
    found = loads(sizes, workers)
    assert len(found) == workers
    assert sum(found) == sum(sizes)
    assert max(found) - min(found) <= max(sizes, default=0)
    assert max(found) <= sum(sizes) / workers + max(sizes, default=0)


def test_the_largest_unit_comes_first() -> None:
    assert loads([1, 1, 2], 2) == [2, 2]
