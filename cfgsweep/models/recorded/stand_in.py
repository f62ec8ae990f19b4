"""Functions that answer in the place of a network, in its output's shape and type."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from cfgsweep.models.recorded.arguments import leaves
from cfgsweep.models.recorded.recording import Answer, NetworkCall, Recording
from cfgsweep.models.shapes_alone import ShapesAlone


class OutputShapes:
    """The shape of a network's output for the shapes of its arguments, by calls in which nothing is computed."""

    def __init__(self, networks: dict[str, nn.Module], unchanged: Callable[[], AbstractContextManager[None]]):
        """unchanged: a context in which the networks have no adapters."""
        self._unchanged = unchanged
        self.networks = {name: ShapesAlone(network) for name, network in networks.items()}
        self._known: dict[Hashable, Any] = {}

    def like(self, call: NetworkCall) -> Any:
        """An output of the network for arguments of these shapes: a tensor [rows, ...], or a list of tensors."""
        tensors = [(path, leaf.shape) for path, leaf in leaves(call.arguments) if isinstance(leaf, torch.Tensor)]
        key = call.network, tuple(tensors)
        if key not in self._known:
            with self._unchanged():
                self._known[key] = self.networks[call.network].output(call.arguments)
        return self._known[key]


def noise(shapes: OutputShapes, seed: int = 1) -> Answer:
    """Answers with noise, the same for all rows and calls of a step, so that guidance changes nothing."""
    generator = torch.Generator().manual_seed(seed)

    def answer(recording: Recording, call: NetworkCall) -> Any:
        like = shapes.like(call)
        earlier = recording.answers[-1]
        one = earlier[0][0] if earlier else torch.randn(like[0].shape, generator=generator).to(like[0])
        return [one] * len(like) if isinstance(like, list) else one.expand(len(like), *one.shape).clone()

    return answer


def random_latents(seed: int = 2) -> Callable[[Recording, torch.Tensor], torch.Tensor]:
    """Gives random latents after every step, which are found again among the network's arguments."""
    generator = torch.Generator().manual_seed(seed)
    return lambda _, following: torch.randn(following.shape, generator=generator).to(following)
