"""What will be computed, before it is: experiments as programs, programs as a tree of shared prefixes.

A program is the guidance of an experiment, one Operation per call of the denoiser. Experiments that start alike
(same root) share every prediction up to the first call at which their operations differ, that call included:
its predictions are the same, only what is made of them is not. No tensors here, and no torch.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cfgsweep.experiments import Experiment
from cfgsweep.guidance import COND, Guider
from cfgsweep.samplers import SAMPLERS


@dataclass(frozen=True, slots=True)
class Branch:
    """One prediction a guider needs: the denoiser under this conditioning."""

    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What guidance does at one call. `guider` None: the only branch's prediction is taken as it is."""

    guider: Guider | None
    scale: float
    branches: tuple[Branch, ...]


Program = tuple[Operation, ...]
M = TypeVar("M")


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


def program(experiment: Experiment) -> Program:
    """The experiment's operation at every call, reduced to what it really does there."""
    e = experiment
    return _program(e.guider, tuple(e.scales()), e.prompt, e.negative_prompt, e.sampler, e.steps)


@functools.lru_cache(maxsize=4096)
def _program(
    guider: Guider, scales: tuple[float, ...], prompt: str, negative_prompt: str, sampler: str, steps: int
) -> Program:
    window = guider.window(steps)
    operations = [
        _operation(guider, scales[step] if step in window else None, prompt, negative_prompt) for step in range(steps)
    ]
    return tuple(operations[step] for step in SAMPLERS[sampler].steps_of_calls(steps))


@functools.lru_cache(maxsize=65536)
def _operation(guider: Guider, scale: float | None, prompt: str, negative_prompt: str) -> Operation:
    """Interned, so that equal operations are one object. `scale` None: guidance is off."""
    if scale is None or prompt == negative_prompt:
        return _only(prompt)
    alone = guider.alone(scale)
    if alone is not None:
        return _only(prompt if alone == COND else negative_prompt)
    return Operation(_formula(guider), scale, (Branch(prompt), Branch(negative_prompt)))


@functools.lru_cache(maxsize=4096)
def _only(text: str) -> Operation:
    return Operation(None, 1.0, (Branch(text),))


@functools.lru_cache(maxsize=1024)
def _formula(guider: Guider) -> Guider:
    """The guider without its window: within it, a window changes nothing."""
    return guider.model_copy(update={"start": 0.0, "stop": 1.0})


@dataclass(slots=True)
class Node(Generic[M]):
    """Members that agree on every operation before `call`: one latent serves them all.

    members: (program, whatever is to come of it), the same program next to each other.
    """

    call: int
    members: Sequence[tuple[Program, M]]

    def operations(self) -> dict[Operation, list[tuple[Program, M]]]:
        """The operations that members ask for at this call, each with those that ask for it."""
        asked: dict[Operation, list[tuple[Program, M]]] = {}
        for member in self.members:
            asked.setdefault(member[0][self.call], []).append(member)
        return asked

    def children(self) -> Iterator[tuple[Operation, Node[M]]]:
        for operation, members in self.operations().items():
            yield operation, Node(self.call + 1, members)

    def branches(self) -> list[Branch]:
        """Predictions needed at this call, each once."""
        return list(dict.fromkeys(branch for operation in self.operations() for branch in operation.branches))

    @property
    def finished(self) -> bool:
        return self.call == len(self.members[0][0])


def roots(experiments: Iterable[Experiment]) -> dict[Root, Node[Experiment]]:
    """The tree's top: one node for every distinct start."""
    members: dict[Root, list[tuple[Program, Experiment]]] = {}
    for experiment in experiments:
        members.setdefault(Root.of(experiment), []).append((program(experiment), experiment))
    return {root: Node(0, group) for root, group in members.items()}


@dataclass(frozen=True, slots=True)
class Cost:
    """Evaluations of the denoiser (rows, not batches): with sharing, and if every experiment ran by itself."""

    evaluations: int
    unshared: int


def cost(experiments: Iterable[Experiment]) -> Cost:
    """How many evaluations the experiments take. Roots with the same programs cost the same, and are counted once."""
    groups: dict[Root, list[Program]] = {}
    for experiment in experiments:
        groups.setdefault(Root.of(experiment), []).append(program(experiment))
    known: dict[tuple[int, ...], Cost] = {}
    costs = []
    for programs in groups.values():
        key = tuple(map(id, programs))  # programs are interned and alive in `groups`
        if key not in known:
            unshared = sum(_branches_from(one, 0) for one in programs)
            known[key] = Cost(_tree_cost(Node(0, [(one, None) for one in programs])), unshared)
        costs.append(known[key])
    return Cost(sum(c.evaluations for c in costs), sum(c.unshared for c in costs))


def _tree_cost(top: Node[None]) -> int:
    total, stack = 0, [top]
    while stack:
        node = stack.pop()
        if len(node.members) == 1:  # nobody to share with from here on
            total += _branches_from(node.members[0][0], node.call)
        elif not node.finished:
            total += len(node.branches())
            stack.extend(child for _, child in node.children())
    return total


def _branches_from(one: Program, call: int) -> int:
    return sum(len(operation.branches) for operation in one[call:])


def own_and_shared(experiments: Iterable[Experiment]) -> dict[Experiment, tuple[int, int]]:
    """For every experiment: evaluations that are its alone, and those it shares with others of the sweep."""
    total: dict[Experiment, int] = {}
    shared: Counter[Experiment] = Counter()
    stack = list(roots(experiments).values())
    for top in stack:
        total |= {experiment: _branches_from(one, 0) for one, experiment in top.members}
    while stack:
        node = stack.pop()
        if node.finished or len(node.members) == 1:  # from here on all is its own
            continue
        users = Counter(branch for one, _ in node.members for branch in one[node.call].branches)
        for one, experiment in node.members:
            shared[experiment] += sum(users[branch] > 1 for branch in one[node.call].branches)
        stack.extend(child for _, child in node.children())
    return {experiment: (count - shared[experiment], shared[experiment]) for experiment, count in total.items()}
