"""What will be computed, before it is: experiments as programs, programs as a tree of shared prefixes.

A program is the guidance of an experiment, one Operation per call of the denoiser. Experiments that start alike
(same root) share every prediction up to the first call at which their operations differ, that call included:
its predictions are the same, only what is made of them is not. No tensors here, and no torch.
"""

from __future__ import annotations

import functools
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cfgsweep.experiments import Experiment
from cfgsweep.guidance import COND, Guider
from cfgsweep.samplers import SAMPLERS


@dataclass(frozen=True, slots=True)
class Branch:
    """One prediction a guider needs: the denoiser under this conditioning."""

    text: str


class Operation(NamedTuple):
    """What guidance does at one call. `guider` None: the only branch's prediction is taken as it is."""

    guider: Guider | None
    scale: float
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """Where trajectories begin: equal roots have equal first latents."""

    model: str
    revision: str | None
    seed: int
    size: tuple[int, int] | None
    sampler: str
    steps: int

    @classmethod
    def of(cls, e: Experiment) -> Root:
        return cls(e.model, e.revision, e.seed, e.size, e.sampler, e.steps)


class Program(Sequence[Operation]):
    """An experiment's operation at every call, reduced to what it really does there; worked out when asked for.

    A hundred thousand programs of fifty calls have to fit into memory, so all that is kept is the scales.
    """

    __slots__ = ("both", "cond", "guider", "scales", "uncond", "window")

    def __init__(self, e: Experiment):
        self.guider, window = _formula(e.guider, e.steps)
        calls = SAMPLERS[e.sampler].steps_of_calls(e.steps)
        scales = e.scales()
        self.scales = array("d", scales if len(calls) == len(scales) else [scales[step] for step in calls])
        self.window = range(bisect_left(calls, window.start), bisect_left(calls, window.stop))
        self.cond, self.uncond = _only(e.prompt), _only(e.negative_prompt)
        self.both = self.cond.branches + self.uncond.branches

    def __len__(self) -> int:
        return len(self.scales)

    def __getitem__(self, call: Any) -> Any:
        if not 0 <= call < len(self):
            raise IndexError(call)
        if call not in self.window or self.cond == self.uncond:
            return self.cond
        alone = self.guider.alone.get(self.scales[call])
        if alone is not None:
            return self.cond if alone == COND else self.uncond
        return Operation(self.guider, self.scales[call], self.both)

    def branches_from(self, call: int) -> int:
        """Predictions needed from this call on, by this program alone."""
        left = len(self) - call
        if self.cond == self.uncond:
            return left
        guided = self.scales[max(call, self.window.start) : self.window.stop]
        return left + len(guided) - sum(map(guided.count, self.guider.alone))


@functools.lru_cache(maxsize=4096)
def _formula(guider: Guider, steps: int) -> tuple[Guider, range]:
    """The guider without its window (within it, a window changes nothing), and the window in steps."""
    return guider.model_copy(update={"start": 0.0, "stop": 1.0}), guider.window(steps)


@functools.lru_cache(maxsize=4096)
def _only(text: str) -> Operation:
    return Operation(None, 1.0, (Branch(text),))


Member = tuple[Program, Experiment]


@dataclass(slots=True)
class Node:
    """Members that agree on every operation before `call`: one latent serves them all."""

    call: int
    members: Sequence[Member]

    def operations(self) -> dict[Operation, list[Member]]:
        """The operations that members ask for at this call, each with those that ask for it."""
        asked: dict[Operation, list[Member]] = {}
        for member in self.members:
            asked.setdefault(member[0][self.call], []).append(member)
        return asked

    def children(self) -> Iterator[tuple[Operation, Node]]:
        for operation, members in self.operations().items():
            yield operation, Node(self.call + 1, members)

    def branches(self) -> list[Branch]:
        """Predictions needed at this call, each once."""
        return list(dict.fromkeys(branch for operation in self.operations() for branch in operation.branches))

    @property
    def finished(self) -> bool:
        return self.call == len(self.members[0][0])


def roots(experiments: Iterable[Experiment]) -> dict[Root, Node]:
    """The tree's top: one node for every distinct start."""
    members: dict[Root, list[Member]] = {}
    for experiment in experiments:
        members.setdefault(Root.of(experiment), []).append((Program(experiment), experiment))
    return {root: Node(0, group) for root, group in members.items()}


@dataclass(frozen=True, slots=True)
class Cost:
    """Evaluations of the denoiser (rows, not batches): with sharing, and if every experiment ran by itself."""

    evaluations: int
    unshared: int


def cost(experiments: Iterable[Experiment]) -> Cost:
    """How many evaluations the experiments take. Roots with the same guidance cost the same, and are counted once."""
    groups: dict[Root, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(Root.of(experiment), []).append(experiment)
    known: dict[tuple, Cost] = {}
    costs = []
    for root, members in groups.items():
        key = (
            root.sampler,
            root.steps,
            *((*map(id, (e.guider, e.schedule)), e.value, e.prompt, e.negative_prompt) for e in members),
        )
        if key not in known:
            known[key] = _cost_of_root(members)
        costs.append(known[key])
    return Cost(sum(c.evaluations for c in costs), sum(c.unshared for c in costs))


def _cost_of_root(members: Iterable[Experiment]) -> Cost:
    programs = [(Program(experiment), experiment) for experiment in members]
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
        users = Counter(branch for one, _ in node.members for branch in one[node.call].branches)
        for one, experiment in node.members:
            shared[experiment] += sum(users[branch] > 1 for branch in one[node.call].branches)
        stack.extend(child for _, child in node.children())
    return {experiment: (count - shared[experiment], shared[experiment]) for experiment, count in total.items()}
