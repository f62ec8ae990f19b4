"""One latent on its way through the calls of the denoiser, and the steps that lead on from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from cfgsweep.engine.prefix_tree import Node
from cfgsweep.engine.trace import ForwardPass, GuidanceOp
from cfgsweep.guidance.interface import Memory
from cfgsweep.models.denoiser import CacheSlot
from cfgsweep.samplers import Sampler

Predictions = dict[ForwardPass, torch.Tensor]


@dataclass(frozen=True, eq=False)
class CallHistory:
    """The calls of the denoiser that led to a trajectory: the names of their predictions, and which were finite.

    finite: one boolean tensor per name, still on the device; reading one would wait for the device.
    numbers: of the guided prediction, see `diagnostics.call_numbers`; None where they were not asked for.
    x0: what the guided prediction stands for, in latents, where it is shown as a preview.
    """

    before: CallHistory | None
    call: int
    names: tuple[str, ...]
    finite: list[torch.Tensor]
    numbers: torch.Tensor | None = None
    x0: torch.Tensor | None = None

    @property
    def calls(self) -> list[CallHistory]:
        """All calls, the first one first."""
        found: list[CallHistory] = []
        link: CallHistory | None = self
        while link is not None:
            found.append(link)
            link = link.before
        return found[::-1]

    def first_not_finite(self) -> tuple[int, str] | None:
        """The first call with a prediction that was not finite, and the name of that prediction."""
        predictions = [(one.call, name) for one in self.calls for name in one.names]
        flags = [flag for one in self.calls for flag in one.finite]
        values = torch.stack(flags).tolist() if flags else []
        return next((found for found, finite in zip(predictions, values, strict=True) if not finite), None)


@dataclass(eq=False)
class Trajectory:
    """One live latent, which serves every member of its node.

    latents: [1, ...]. They and the predictions are float32 whatever the denoiser's dtype is: in
        half precision the guidance scale would be rounded to a thousandth.
    memory: the guider's, from the last guided step.
    predictions, attention, finite: of this call, by forward pass: the prediction, the attention that each position
        gets (no channels, unless the denoiser records it), and whether every number of the prediction is finite.
    requested: the forward passes that are in a queue, in a batch, or done.
    caches: the states of step caches before this call, by the forward passes that were cached. slots: of this call.
    """

    node: Node
    latents: torch.Tensor
    sampler: Sampler
    memory: Memory = None
    predictions: Predictions = field(default_factory=dict)
    attention: Predictions = field(default_factory=dict)
    finite: Predictions = field(default_factory=dict)
    history: CallHistory | None = None
    requested: set[ForwardPass] = field(default_factory=set)
    caches: dict[ForwardPass, Any] = field(default_factory=dict)
    slots: dict[ForwardPass, CacheSlot] = field(default_factory=dict)

    def slot(self, forward_pass: ForwardPass) -> CacheSlot:
        """The slot of a forward pass at this call."""
        return self.slots.setdefault(forward_pass, CacheSlot(self.caches.get(forward_pass)))

    @cached_property
    def needed(self) -> list[ForwardPass]:
        """The predictions that the members need at this call."""
        return [] if self.node.finished else self.node.passes()

    def request_passes(self) -> list[ForwardPass]:
        """The predictions that can be made now and have not been requested before."""
        possible = [p for p in self.needed if p.needs is None or p.needs in self.predictions]
        found = [p for p in possible if p not in self.requested]
        self.requested.update(found)
        return found

    @cached_property
    def model_input(self) -> torch.Tensor:
        """The latents as the denoiser is given them."""
        return self.sampler.model_input(self.latents, self.node.call)

    @cached_property
    def model_latents(self) -> torch.Tensor:
        """The denoiser's input as alpha_t x0 + sigma_t noise, with alpha_t² + sigma_t² = 1.

        Flow models are given (1 - t) x0 + t noise, which is shorter.
        """
        return self.model_input / self.sampler.length(self.node.call)

    @cached_property
    def sigmas(self) -> tuple[float, float]:
        """The noise level sigma_t / alpha_t of the latents, and that after the step."""
        return self.sampler.sigmas_at(self.node.call)

    @property
    def complete(self) -> bool:
        """Whether the step can be taken: all its predictions are made, and it is not the last."""
        return not self.node.finished and len(self.predictions) == len(self.needed)


@dataclass(frozen=True, eq=False)
class PendingStep:
    """A step that can be taken: one operation on the predictions of a trajectory, and the node that it leads to."""

    parent: Trajectory
    operation: GuidanceOp
    node: Node
    sampler: Sampler

    def history(self, numbers: torch.Tensor | None, x0: torch.Tensor | None) -> CallHistory:
        """The parent's history, and this call. numbers, x0: of its guided prediction, where they are kept."""
        finite = [self.parent.finite[forward_pass] for forward_pass in self.operation.passes]
        return CallHistory(self.parent.history, self.parent.node.call, self.operation.names, finite, numbers, x0)

    @property
    def caches(self) -> dict[ForwardPass, Any]:
        """The states of step caches after the step: those of passes that others alone need have not moved on."""
        slots, passes = self.parent.slots, self.operation.passes
        return {**self.parent.caches, **{each: slots[each].after for each in passes if each in slots}}


def pending_steps(trajectory: Trajectory) -> list[PendingStep]:
    """The steps of a complete trajectory, one per distinct operation. All but the first get a copy of the sampler."""
    children = list(trajectory.node.children())
    samplers = [trajectory.sampler, *(trajectory.sampler.fork() for _ in children[1:])]
    return [
        PendingStep(trajectory, operation, node, sampler)
        for (operation, node), sampler in zip(children, samplers, strict=True)
    ]


Row = tuple[Trajectory, ForwardPass]


def deliver(batch: Sequence[Row], predictions: torch.Tensor) -> list[Trajectory]:
    """Give every row of a batch its prediction. Returns the trajectories that are now complete.

    predictions: [rows, channels, height, width], with one more channel where the denoiser records its attention.
    """
    complete = []
    finite = predictions.isfinite().flatten(1).all(dim=1).unbind()
    for (trajectory, forward_pass), prediction, is_finite in zip(
        batch, torch.split(predictions, 1), finite, strict=True
    ):
        channels = trajectory.latents.shape[1]
        predicted, attention = prediction.tensor_split([channels], dim=1)
        trajectory.predictions[forward_pass], trajectory.attention[forward_pass] = predicted, attention
        trajectory.finite[forward_pass] = is_finite
        if trajectory.complete:
            complete.append(trajectory)
    return complete
