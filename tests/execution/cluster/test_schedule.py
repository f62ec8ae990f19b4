"""Which worker computes what: every item has one result, whatever workers do."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.execution.cluster.schedule import MOST_LOSSES, Schedule
from tests.support.simulated_cluster import simulate

SIZES = st.lists(st.integers(0, 12), max_size=12)


def schedule_of(sizes: list[int]) -> tuple[Schedule[tuple[int, int], int], list[tuple[int, int]]]:
    """Units of these sizes, and all of their items."""
    units = [[(number, item) for item in range(size)] for number, size in enumerate(sizes)]
    return Schedule((unit, float(len(unit))) for unit in units), [item for unit in units for item in unit]


@given(SIZES, st.integers(1, 6), st.integers(0, 2**32), st.floats(0, 0.4))
def test_every_item_is_done_once_or_fails(sizes: list[int], workers: int, seed: int, deaths: float) -> None:
    """Workers take turns at random; some are lost, some are told to stop, and two may compute the same."""
    schedule, items = schedule_of(sizes)
    rng, at_work, done, failed = random.Random(seed), dict[int, list[tuple[int, int]]](), [], []
    while schedule.left:
        worker = rng.randrange(workers)
        if worker not in at_work:
            if found := schedule.next_for(worker):
                at_work[worker] = found
        elif rng.random() < deaths:
            del at_work[worker]
            failed += schedule.lost(worker)
        elif at_work[worker]:
            item = at_work[worker].pop(0)
            done += [item] if schedule.done(item) else []
        else:
            del at_work[worker]
            schedule.stopped(worker)
        for needless in schedule.needless():
            del at_work[needless]
            schedule.stopped(needless)
    assert sorted(done + failed) == sorted(items)
    assert not (deaths == 0 and failed)


@given(SIZES)
def test_large_units_come_first(sizes: list[int]) -> None:
    schedule, _ = schedule_of(sizes)
    given_out = [len(schedule.next_for(worker)) for worker in range(len(sizes))]
    units = sorted((size for size in sizes if size), reverse=True)
    assert given_out[: len(units)] == units


def test_the_rest_of_a_lost_worker_goes_elsewhere() -> None:
    schedule, _ = schedule_of([3])
    schedule.next_for(0)
    schedule.done((0, 1))
    assert schedule.lost(0) == []
    assert schedule.next_for(1) == [(0, 0), (0, 2)]


def test_an_item_that_takes_every_worker_with_it_fails_alone() -> None:
    """Workers do items in order, and die of one of them before it is done."""
    schedule, _ = schedule_of([8])
    failed, deaths, worker = [], 0, 0
    while schedule.left:
        worker += 1
        unit = schedule.next_for(worker)
        if (0, 5) in unit:
            failed += schedule.lost(worker)
            deaths += 1
        else:
            for item in unit:
                schedule.done(item)
            schedule.stopped(worker)
    assert failed == [(0, 5)]
    assert deaths == 4 * MOST_LOSSES  # of 8, 4, 2 items and 1


def test_losses_with_results_in_between_halve_nothing() -> None:
    schedule, _ = schedule_of([6])
    for worker in range(5):
        unit = schedule.next_for(worker)
        assert len(unit) == 6 - worker
        schedule.done(unit[0])
        assert schedule.lost(worker) == []


def test_the_largest_rest_is_given_out_twice_and_the_first_result_counts() -> None:
    schedule, _ = schedule_of([5, 4])
    first, second = schedule.next_for(0), schedule.next_for(1)
    for item in first[:3]:
        schedule.done(item)
    assert schedule.next_for(2) == second
    assert schedule.next_for(3) == first[3:]
    assert schedule.next_for(4) == []
    assert [schedule.done(item) for item in second] == [True] * 4
    assert not schedule.done(second[0])
    assert sorted(schedule.needless()) == [1, 2]
    assert schedule.needless() == []


def test_a_unit_that_two_workers_have_is_not_given_out_when_one_is_lost() -> None:
    schedule, _ = schedule_of([2])
    schedule.next_for(0)
    schedule.next_for(1)
    assert schedule.lost(0) == []
    assert schedule.next_for(2) == [(0, 0), (0, 1)]  # again for the second time
    assert schedule.next_for(3) == []


def test_a_worker_has_one_unit_at_a_time() -> None:
    schedule, _ = schedule_of([2, 2])
    schedule.next_for(0)
    with pytest.raises(ValueError, match="has a unit already"):
        schedule.next_for(0)


@pytest.mark.parametrize("deaths_per_hour", [0.0, 0.01, 1.0])
def test_many_workers_take_about_as_long_as_there_is_work(deaths_per_hour: float) -> None:
    """50 workers, 10,000 pictures of 20 s: 4,000 s of work for each; the last unit of a worker takes 1,000 s."""
    units = [(range(50 * number, 50 * number + 50), 50.0) for number in range(200)]
    found = simulate(units, 50, 20.0, deaths_per_hour)
    assert 4000 <= found.makespan < 4000 + 1000
    assert found.computed < 1.1 * 10_000
    assert found.failed == 0
    assert (found.deaths > 0) == (deaths_per_hour > 0)
