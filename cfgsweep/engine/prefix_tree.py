"""The tree of shared prefixes: one node for all experiments that agree on every call so far."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cfgsweep.engine.trace import (
    ForwardPass,
    GuidanceOp,
    GuidanceTrace,
)
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True, slots=True)
class StartKey:
    """Where trajectories begin: equal roots have equal first latents."""

    model: str
    revision: str | None
    seed: int
    size: tuple[int, int] | None
    sampler: str
    steps: int

    @classmethod
    def of(cls, e: Experiment) -> StartKey:
        return cls(e.model, e.revision, e.seed, e.size, e.sampler, e.steps)


Member = tuple[GuidanceTrace, Experiment]


@dataclass
class Node:
    """Members that agree on every operation before `call`: one latent serves them all."""

    call: int
    members: Sequence[Member]

    @functools.cached_property
    def operations(self) -> dict[GuidanceOp, list[Member]]:
        """The operations that members ask for at this call, each with those that ask for it."""
        asked: dict[GuidanceOp, list[Member]] = {}
        for member in self.members:
            asked.setdefault(member[0][self.call], []).append(member)
        return asked

    def children(self) -> Iterator[tuple[GuidanceOp, Node]]:
        for operation, members in self.operations.items():
            yield operation, Node(self.call + 1, members)

    def branches(self) -> list[ForwardPass]:
        """Predictions needed at this call, each once."""
        return list(dict.fromkeys(branch for operation in self.operations for branch in operation.branches))

    @property
    def finished(self) -> bool:
        return self.call == len(self.members[0][0])


def roots(experiments: Iterable[Experiment]) -> dict[StartKey, Node]:
    """The tree's top: one node for every distinct start."""
    members: dict[StartKey, list[Member]] = {}
    for experiment in experiments:
        members.setdefault(StartKey.of(experiment), []).append((GuidanceTrace(experiment), experiment))
    return {root: Node(0, group) for root, group in members.items()}
