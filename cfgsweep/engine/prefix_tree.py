"""The tree of shared prefixes: one node for all experiments whose guidance is the same at every call so far."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cfgsweep.engine.trace import ForwardPass, GuidanceOp, GuidanceTrace
from cfgsweep.samplers import Sampling, UTurn
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True, slots=True)
class StartKey:
    """What the first latents and the sampler depend on: experiments with equal keys begin as one trajectory.

    turn: a U-turn of a picture that is given by its file.
    """

    model: str
    revision: str | None
    seed: int
    sampling: Sampling
    turn: UTurn | None = None

    @classmethod
    def of(cls, e: Experiment) -> StartKey:
        sampling = Sampling(e.sampler, e.steps, e.size, e.call, e.lora, e.begins_with, e.cache)
        return cls(e.model, e.revision, e.seed, sampling, e.start if e.start and e.start.image else None)


Member = tuple[GuidanceTrace, Experiment]


@dataclass
class Node:
    """Experiments that have every operation before `call` in common: one latent serves all of them."""

    call: int
    members: Sequence[Member]

    @functools.cached_property
    def operations(self) -> dict[GuidanceOp, list[Member]]:
        """The members by their operation at this call."""
        by_operation: dict[GuidanceOp, list[Member]] = {}
        for member in self.members:
            by_operation.setdefault(member[0][self.call], []).append(member)
        return by_operation

    def children(self) -> Iterator[tuple[GuidanceOp, Node]]:
        """One node per distinct operation at this call."""
        for operation, members in self.operations.items():
            yield operation, Node(self.call + 1, members)

    def passes(self) -> list[ForwardPass]:
        """The distinct predictions that the members need at this call."""
        return list(dict.fromkeys(p for operation in self.operations for p in operation.passes))

    @property
    def finished(self) -> bool:
        """True after the last call of the denoiser."""
        return self.call == len(self.members[0][0])


def group_by_start(experiments: Iterable[Experiment]) -> dict[StartKey, list[Experiment]]:
    """Experiments by their start, in the order in which the starts first appear."""
    groups: dict[StartKey, list[Experiment]] = {}
    for experiment in experiments:
        groups.setdefault(StartKey.of(experiment), []).append(experiment)
    return groups
