"""Shards are a partition, cost what their experiments cost, and the largest could not be smaller."""

from __future__ import annotations

import functools
import random
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.engine.cost import cost
from cfgsweep.engine.cut import cut
from cfgsweep.guidance import GUIDERS
from cfgsweep.sweep.experiment import Experiment
from tests.support.planned_experiments import STEPS, experiment, experiments

some_experiments = st.lists(experiments, min_size=1, max_size=12, unique=True)


def least_largest(line: list[Experiment], shards: int) -> int:
    """The evaluations of the largest shard, at least, over all ways to cut a line of experiments."""

    @functools.cache
    def least(begin: int, left: int) -> int:
        if left == 1 or begin == len(line):
            return cost(line[begin:]).evaluations
        ends = range(begin, len(line) + 1)
        return min(max(cost(line[begin:end]).evaluations, least(end, left - 1)) for end in ends)

    return least(0, shards)


@settings(max_examples=150, deadline=None)
@given(some_experiments, st.integers(1, 5))
def test_every_experiment_is_in_one_shard_and_the_largest_is_as_small_as_can_be(some, shards: int) -> None:
    found = cut(some, shards)
    line = [e for shard in found for e in shard.experiments]
    assert len(found) == shards
    assert sorted(line, key=some.index) == some
    assert [shard.evaluations for shard in found] == [cost(shard.experiments).evaluations for shard in found]
    assert max(shard.evaluations for shard in found) == least_largest(line, shards)


def test_shards_are_the_same_in_every_process() -> None:
    code = (
        "from tests.engine.test_cut import windows; from cfgsweep.engine.cut import cut; "
        "print([[e.id for e in shard.experiments] for shard in cut(windows(3), 5)])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert found.strip() == str([[e.id for e in shard.experiments] for shard in cut(windows(3), 5)])


def windows(seeds: int) -> list[Experiment]:
    guiders = [GUIDERS["cfg"](stop=stop / STEPS) for stop in range(1, STEPS + 1)]
    return [experiment(guider=guider, seed=seed) for seed in range(seeds) for guider in guiders]


def test_starts_are_kept_whole_where_that_makes_no_shard_larger() -> None:
    some = windows(16)
    for shards in (1, 2, 4, 8, 16):
        found = cut(some, shards)
        assert {len({e.seed for e in shard.experiments}) for shard in found} == {16 // shards}
        assert sum(shard.evaluations for shard in found) == cost(some).evaluations


def test_one_start_is_cut_where_little_is_shared() -> None:
    """Whatever the order of the sweep, the leaves of a node are beside each other."""
    some = windows(1)
    shuffled = random.Random(0).sample(some, len(some))
    halves, of_shuffled = cut(some, 2), cut(shuffled, 2)
    assert sum(shard.evaluations for shard in halves) < 1.5 * cost(some).evaluations
    assert max(shard.evaluations for shard in halves) == max(shard.evaluations for shard in of_shuffled)


def test_more_shards_than_experiments_leave_the_last_ones_empty() -> None:
    found = cut(windows(1), 100)
    filled = [shard for shard in found if shard.experiments]
    assert found[: len(filled)] == filled
    assert max(shard.evaluations for shard in filled) == max(cost([e]).evaluations for e in windows(1))
    assert {shard.evaluations for shard in found[len(filled) :]} == {0}
