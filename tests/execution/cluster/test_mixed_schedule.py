"""Which worker computes what, where workers are of several kinds: all of a root on one kind, whatever workers do."""

from __future__ import annotations

import random
from collections import Counter
from itertools import cycle, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.execution.cluster.mixed_schedule import LONGEST_ABSENCE, MixedSchedule, groups_of
from cfgsweep.execution.cluster.schedule import Unit

Item = tuple[int, int]  # its root, and its number among those of the root
ROOTS = st.lists(st.integers(1, 12), min_size=1, max_size=8)  # how many items every root has
KINDS = "ABC"


def root_of(item: Item) -> int:
    return item[0]


def cut(roots: list[int], ends: list[int]) -> list[list[Item]]:
    """All items in order, cut into units."""
    items = [(root, number) for root, count in enumerate(roots) for number in range(count)]
    places = sorted({0, len(items), *(end % len(items) for end in ends)})
    return [items[begin:end] for begin, end in pairwise(places)]


class Workers:
    """Some workers, by their names, of which the first letter is the kind; and the time."""

    def __init__(self, *names: str):
        self.names, self.now = list(names), 0.0

    def kind_of(self, worker: str) -> str:
        return worker[0]

    def kinds(self) -> Counter[str]:
        return Counter(name[0] for name in self.names)


def schedule_of(
    units: list[list[Item]], workers: Workers, kinds: dict[int, str] | None = None
) -> MixedSchedule[Item, str, int, str]:
    costs = [(unit, float(len(unit))) for unit in units]
    told: list[str] = []
    return MixedSchedule(
        costs, root_of, {} if kinds is None else kinds, workers, told.append, clock=lambda: workers.now
    )


@given(ROOTS, st.lists(st.integers(0, 100), max_size=8), st.dictionaries(st.integers(0, 7), st.sampled_from(KINDS)))
def test_groups_are_of_one_kind_and_have_whole_roots(roots: list[int], ends: list[int], kinds: dict[int, str]) -> None:
    units = [Unit[Item, str](dict.fromkeys(unit), float(len(unit))) for unit in cut(roots, ends)]
    groups = groups_of(units, root_of, kinds)
    group_of = {root: number for number, one in enumerate(groups) for unit in one.units for root, _ in unit.rest}
    for number, group in enumerate(groups):
        for unit in group.units:
            assert {kinds.get(root) for root, _ in unit.rest} == {group.kind}
            assert {group_of[root] for root, _ in unit.rest} == {number}
            assert unit.rest_cost == pytest.approx(len(unit.rest))
    items = [item for group in groups for unit in group.units for item in unit.rest]
    assert sorted(items) == sorted(item for unit in units for item in unit.rest)


@given(
    ROOTS,
    st.lists(st.integers(0, 100), max_size=8),
    st.dictionaries(st.integers(0, 7), st.sampled_from(KINDS)),
    st.integers(0, 2**32),
    st.floats(0, 0.3),
)
def test_every_item_is_done_once_or_fails_and_roots_are_of_one_kind(
    roots: list[int], ends: list[int], before: dict[int, str], seed: int, deaths: float
) -> None:
    """Workers take turns at random; some are lost and come back, some are told to stop; one kind never comes."""
    rng, workers, units = random.Random(seed), Workers("A1", "A2", "B1"), cut(roots, ends)
    schedule = schedule_of(units, workers, dict(before))
    at_work, done, failed = dict[str, list[Item]](), dict[Item, str](), list[Item]()
    while schedule.left:
        workers.now += 1.0
        failed += schedule.given_up()
        worker = rng.choice(["A1", "A2", "B1"])
        if worker not in workers.names:
            workers.names += [worker] if rng.random() < 0.5 else []
        elif worker not in at_work:
            if found := schedule.next_for(worker):
                at_work[worker] = found
        elif rng.random() < deaths:
            del at_work[worker]
            workers.names.remove(worker)
            failed += schedule.lost(worker)
        elif at_work[worker]:
            item = at_work[worker].pop(0)
            if schedule.done(item):
                done[item] = worker[0]
        else:
            del at_work[worker]
            schedule.stopped(worker)
        for needless in schedule.needless():
            del at_work[needless]
            schedule.stopped(needless)
    assert sorted([*done, *failed]) == sorted(item for unit in units for item in unit)
    made = {(root, kind) for (root, _), kind in done.items()}
    made |= {(root, kind) for root, kind in before.items() if root < len(roots)}
    assert len({root for root, _ in made}) == len(made), "a root of two kinds"
    if deaths == 0:
        assert {root for root, _ in failed} == {root for root in range(len(roots)) if before.get(root) == "C"}


def test_the_only_root_goes_to_the_kind_that_has_most_workers() -> None:
    workers = Workers("A1", "B1", "B2", "B3")
    schedule = schedule_of([[(0, number)] for number in range(4)], workers)
    assert schedule.next_for("A1") == []
    assert [len(schedule.next_for(name)) for name in ("B1", "B2", "B3")] == [1, 1, 1]
    assert schedule.next_for("A1") == []


def test_a_kind_with_fewer_workers_has_its_share() -> None:
    """12 roots of the same size, one worker against three: those that are idle take what is left."""
    workers = Workers("A1", "B1", "B2", "B3")
    schedule = schedule_of([[(root, 0)] for root in range(12)], workers)
    done = Counter[str]()
    while schedule.left:
        given_out = {name: schedule.next_for(name) for name in workers.names}
        for name, items in given_out.items():
            for item in items:
                done[name[0]] += schedule.done(item)
            if items:
                schedule.stopped(name)
    assert done["A"] >= 2
    assert done["A"] + done["B"] == 12


def test_what_a_lost_kind_has_not_begun_goes_elsewhere_and_the_rest_waits() -> None:
    workers = Workers("A1", "B1")
    schedule = schedule_of([[(0, 0), (0, 1), (1, 0)], [(2, 0)]], workers)
    assert schedule.next_for("A1") == [(0, 0), (0, 1), (1, 0)]
    assert schedule.next_for("B1") == [(2, 0)]
    schedule.done((0, 0))
    workers.names.remove("A1")
    assert schedule.lost("A1") == []
    schedule.done((2, 0))
    schedule.stopped("B1")
    assert schedule.given_up() == {}
    assert schedule.next_for("B1") == [(1, 0)]
    schedule.done((1, 0))
    schedule.stopped("B1")
    assert (schedule.left, schedule.next_for("B1")) == (1, [])
    workers.names.append("A2")
    assert schedule.next_for("A2") == [(0, 1)]


def test_what_waits_for_a_kind_that_does_not_come_fails() -> None:
    workers = Workers("B1")
    schedule = schedule_of([[(0, 0), (1, 0)]], workers, {0: "A"})
    assert schedule.next_for("B1") == [(1, 0)]
    workers.now = 2 * LONGEST_ABSENCE
    assert schedule.given_up() == {}, "something else is being done"
    schedule.done((1, 0))
    schedule.stopped("B1")
    assert schedule.given_up() == {}
    workers.now += LONGEST_ABSENCE
    reason = "no worker on A, which has made others of the same initial noise, is left"
    assert schedule.given_up() == {(0, 0): reason}
    assert schedule.left == 0


def test_what_was_never_begun_waits_for_a_worker_of_any_kind() -> None:
    workers = Workers("A1")
    schedule = schedule_of([[(0, 0), (0, 1), (1, 0)]], workers)
    assert schedule.next_for("A1") == [(0, 0), (0, 1), (1, 0)]
    schedule.done((0, 0))
    workers.names.remove("A1")
    assert schedule.lost("A1") == []
    for _ in range(2):
        assert schedule.given_up() == {}
        workers.now += 2 * LONGEST_ABSENCE
    workers.names.append("B1")
    assert schedule.next_for("B1") == [(1, 0)]


def test_an_item_that_takes_workers_of_all_kinds_with_it_fails() -> None:
    """It goes from kind to kind, since each has lost its only worker, and the losses are counted together."""
    workers, failed = Workers(), list[Item]()
    schedule = schedule_of([[(0, 0)]], workers)
    for worker in cycle(["A1", "B1"]):
        workers.names = [worker]
        assert schedule.next_for(worker) == [(0, 0)]
        workers.names = []
        failed += schedule.lost(worker)
        if failed:
            break
    assert (failed, worker, schedule.left) == ([(0, 0)], "A1", 0)


def test_the_end_is_given_out_twice_to_the_same_kind_alone() -> None:
    workers = Workers("A1", "A2", "B1")
    schedule = schedule_of([[(0, number) for number in range(4)]], workers)
    assert len(schedule.next_for("A1")) == 4
    assert schedule.next_for("B1") == []
    assert len(schedule.next_for("A2")) == 4
