"""Counts the evaluations of the denoiser that experiments take, with sharing and without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cfgsweep.engine.prefix_tree import Member, Node, StartKey, group_by_start
from cfgsweep.engine.trace import ForwardPass, GuidanceTrace
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Cost:
    """Evaluations of the denoiser (rows, not batches): with sharing, and if every experiment ran by itself."""

    evaluations: int
    unshared: int


@dataclass(frozen=True, slots=True)
class StartCost:
    """The cost of the experiments of one start.

    totals, shared: per experiment, in order: all of its evaluations, and those that it shares with another.
    """

    evaluations: int
    totals: Sequence[int]
    shared: Sequence[int]


def cost(experiments: Iterable[Experiment]) -> Cost:
    """The cost of experiments of which nothing but the cost is wanted. A plan has it, too."""
    return total_cost(count for _, count in costs_of_starts(experiments, GuidanceTrace))


def total_cost(counts: Iterable[StartCost]) -> Cost:
    """The sum over starts."""
    evaluations = unshared = 0
    for count in counts:
        evaluations += count.evaluations
        unshared += sum(count.totals)
    return Cost(evaluations, unshared)


def costs_of_starts(
    experiments: Iterable[Experiment], trace_of: Callable[[Experiment], GuidanceTrace]
) -> Iterator[tuple[list[Experiment], StartCost]]:
    """For every start its experiments and their cost. Starts that differ in nothing but the seed are counted once."""
    known: dict[Hashable, StartCost] = {}
    for start, members in group_by_start(experiments).items():
        key = cost_key(start, members)
        if key not in known:
            known[key] = _count([(trace_of(experiment), experiment) for experiment in members])
        yield members, known[key]


def cost_key(start: StartKey, members: Sequence[Experiment]) -> Hashable:
    """What the cost depends on. Guiders and schedules are compared by identity, which is quick; the plan holds them."""
    guidance = ((id(e.guider), id(e.schedule), e.value, e.conditions, e.noise_levels, e.fork, e.start) for e in members)
    return (start.sampling.sampler, start.sampling.performed_steps, *guidance)


def _count(members: Sequence[Member]) -> StartCost:
    """Walk the tree depth first. All members of a node have shared equally much on the way to it."""
    evaluations, shared = 0, {trace: 0 for trace, _ in members}
    stack = [(Node(0, members), 0)]
    while stack:
        node, shared_so_far = stack.pop()
        if node.finished or len(node.members) == 1:  # nothing is shared from here on
            evaluations += node.members[0][0].evaluations_from(node.call)
            for trace, _ in node.members:
                shared[trace] = shared_so_far
            continue
        users = _users(node)
        evaluations += len(users)
        for operation, child in node.children():
            shared_here = sum(users[p] > 1 for p in set(operation.passes))
            stack.append((child, shared_so_far + shared_here))
    return StartCost(evaluations, [trace.evaluations_from(0) for trace, _ in members], list(shared.values()))


def _users(node: Node) -> Counter[ForwardPass]:
    """For every prediction that is needed at the node's call, the number of members that need it."""
    users: Counter[ForwardPass] = Counter()
    for operation, members in node.operations.items():
        for forward_pass in set(operation.passes):
            users[forward_pass] += len(members)
    return users
