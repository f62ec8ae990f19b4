"""One way through the noise: its latents, its sampler, its guider's memory, and how it parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from cfgsweep.engine.prefix_tree import Node
from cfgsweep.engine.trace import ForwardPass, GuidanceOp
from cfgsweep.samplers import Sampler

Predictions = dict[ForwardPass, torch.Tensor]


@dataclass(frozen=True, eq=False)
class CallHistory:
    """The calls of the denoiser on one's way: what was predicted at each, and whether every number of it was finite.

    finite: one truth per name, still on the device: to look at it is to wait for the device.
    """

    before: CallHistory | None
    call: int
    names: tuple[str, ...]
    finite: list[torch.Tensor]

    def first_trouble(self) -> tuple[int, str] | None:
        """The first call whose prediction was not finite, and the prediction's name."""
        way: list[CallHistory] = []
        link: CallHistory | None = self
        while link is not None:
            way.append(link)
            link = link.before
        told = [(one.call, name) for one in reversed(way) for name in one.names]
        flags = [good for one in reversed(way) for good in one.finite]
        fine = torch.stack(flags).tolist() if flags else []
        return next((where for where, good in zip(told, fine, strict=True) if not good), None)


@dataclass(eq=False)
class Trajectory:
    """One live latent, serving every member of its node.

    `latents` [1, channels, height, width], float32 whatever the denoiser's dtype, as are its predictions here:
    in half precision a guidance scale would move in steps of a thousandth.
    """

    node: Node
    latents: torch.Tensor
    sampler: Sampler
    memory: Any = None  # its guider's
    predictions: Predictions = field(default_factory=dict)
    attention: Predictions = field(default_factory=dict)  # of whole predictions, where the denoiser tells it
    finite: Predictions = field(default_factory=dict)  # is every number of a prediction?
    past: CallHistory | None = None
    asked: set[ForwardPass] = field(default_factory=set)

    @cached_property
    def wanted(self) -> list[ForwardPass]:
        """The predictions that its members need next."""
        return [] if self.node.finished else self.node.passes()

    def ask(self) -> list[ForwardPass]:
        """The predictions that can be asked for now and have not been yet."""
        found = [b for b in self.wanted if b not in self.asked and (b.needs is None or b.needs in self.predictions)]
        self.asked.update(found)
        return found

    @cached_property
    def model_input(self) -> torch.Tensor:
        return self.sampler.model_input(self.latents, self.node.call)

    @cached_property
    def seen(self) -> torch.Tensor:
        """What the denoiser sees, as alpha x0 + sigma noise with alpha² + sigma² = 1. Flow models see it shorter."""
        return self.model_input / self.sampler.length(self.node.call)

    @property
    def timestep(self) -> torch.Tensor:
        return self.sampler.timestep(self.node.call)

    @property
    def complete(self) -> bool:
        """Are all the predictions there that its members want next, and is there a next step?"""
        return not self.node.finished and len(self.predictions) == len(self.wanted)


@dataclass(frozen=True, eq=False)
class Fork:
    """A step still to be taken: what one operation makes of a trajectory's predictions."""

    parent: Trajectory
    operation: GuidanceOp
    node: Node
    sampler: Sampler

    @property
    def past(self) -> CallHistory | None:
        """The parent's, and this call."""
        finite = [self.parent.finite[branch] for branch in self.operation.passes]
        return CallHistory(self.parent.past, self.parent.node.call, self.operation.names, finite)


Row = tuple[Trajectory, ForwardPass]


def deliver(batch: Sequence[Row], predictions: torch.Tensor) -> list[Trajectory]:
    """Hand every row its prediction; return the trajectories that now have all they wanted."""
    complete = []
    finite = predictions.isfinite().flatten(1).all(dim=1).unbind()
    for (trajectory, branch), prediction, good in zip(batch, predictions.split(1), finite, strict=True):
        channels = trajectory.latents.shape[1]
        trajectory.predictions[branch], trajectory.attention[branch] = prediction.tensor_split([channels], dim=1)
        trajectory.finite[branch] = good
        if trajectory.complete:
            complete.append(trajectory)
    return complete


def forks_of(trajectory: Trajectory) -> list[Fork]:
    """The steps that members want taken from here. The first goes on with the sampler itself, others with copies."""
    children = list(trajectory.node.children())
    samplers = [trajectory.sampler.fork() for _ in children[1:]]
    return [
        Fork(trajectory, operation, node, sampler)
        for (operation, node), sampler in zip(children, [trajectory.sampler, *samplers], strict=True)
    ]
