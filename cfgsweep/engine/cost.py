"""How many evaluations of the denoiser experiments take, shared and alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cfgsweep.engine.prefix_tree import Node, StartKey, roots
from cfgsweep.engine.trace import (
    GuidanceTrace,
)
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Cost:
    """Evaluations of the denoiser (rows, not batches): with sharing, and if every experiment ran by itself."""

    evaluations: int
    unshared: int


def cost(experiments: Iterable[Experiment]) -> Cost:
    """How many evaluations the experiments take. Roots with the same guidance cost the same, and are counted once."""
    groups: dict[StartKey, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(StartKey.of(experiment), []).append(experiment)
    known: dict[tuple, Cost] = {}
    costs = []
    for root, members in groups.items():
        key = (
            root.sampler,
            root.steps,
            *((id(e.guider), id(e.schedule), e.value, e.conditions, e.noise_levels) for e in members),
        )
        if key not in known:
            known[key] = _cost_of_root(members)
        costs.append(known[key])
    return Cost(sum(c.evaluations for c in costs), sum(c.unshared for c in costs))


def _cost_of_root(members: Iterable[Experiment]) -> Cost:
    programs = [(GuidanceTrace(experiment), experiment) for experiment in members]
    total, stack = 0, [Node(0, programs)]
    while stack:
        node = stack.pop()
        if len(node.members) == 1:  # nobody to share with from here on
            total += node.members[0][0].branches_from(node.call)
        elif not node.finished:
            total += len(node.branches())
            stack.extend(child for _, child in node.children())
    return Cost(total, sum(one.branches_from(0) for one, _ in programs))


def own_and_shared(experiments: Iterable[Experiment]) -> dict[Experiment, tuple[int, int]]:
    """For every experiment: evaluations that are its alone, and those it shares with others of the sweep."""
    total: dict[Experiment, int] = {}
    shared: Counter[Experiment] = Counter()
    stack = list(roots(experiments).values())
    for top in stack:
        total |= {experiment: one.branches_from(0) for one, experiment in top.members}
    while stack:
        node = stack.pop()
        if node.finished or len(node.members) == 1:  # from here on all is its own
            continue
        users = Counter(branch for one, _ in node.members for branch in set(one[node.call].branches))
        for one, experiment in node.members:
            shared[experiment] += sum(users[branch] > 1 for branch in set(one[node.call].branches))
        stack.extend(child for _, child in node.children())
    return {experiment: (count - shared[experiment], shared[experiment]) for experiment, count in total.items()}
