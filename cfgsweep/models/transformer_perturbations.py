"""Applies layer perturbations to any diffusers network: to transformers of every family, and to U-Nets.

hooks = layer_hooks(network)
with hooks.applied(LayerPerturbation("block", ("double.3",)), (64, 64)):
    perturbed = network(**arguments)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import Kind, LayerPerturbation
from cfgsweep.models.forward_pass import PassHooks
from cfgsweep.models.perturbation_hooks import PerturbationHooks
from cfgsweep.models.perturbed_pass import BlockParts, PerturbedPass
from cfgsweep.models.token_origins import OriginsPass, TokenOrigins, layout_of, without_numbers
from cfgsweep.models.transformer_blocks import Shape, block_stacks, select_layers

LAYOUTS = 256  # that are remembered; with texts of several lengths, every composition of a batch has its own


class LayerHooks(Protocol):
    """Perturbs the layers of one network. Calls from several threads do not disturb each other."""

    def check(self, perturbation: LayerPerturbation) -> None:
        """Raises UserError, with the layers there are, where the network does not have the perturbation's.

        Also where the layers have no part of their own that the perturbation is about. Whether it has an effect shows
        in a call, see `require_effect`.
        """

    def applied(self, perturbation: LayerPerturbation, shape: Shape) -> Any:
        """A context within which the network's calls in this thread are perturbed.

        shape: (height, width), or (frames, height, width), of the latents in the network's call; of its tokens where
        the latents are a sequence of tokens, as in Flux.
        """

    def remove(self) -> None:
        """Restores the network as it was."""


def layer_hooks(network: nn.Module) -> LayerHooks:
    """Hooks that suit the network: by names such as 'mid' for a U-Net, 'double.3' for a transformer."""
    is_unet = hasattr(network, "down_blocks")
    return PerturbationHooks(network) if is_unet else TransformerHooks(network)


def require_effect(
    hooks: LayerHooks, perturbation: LayerPerturbation, shape: Shape, predict: Callable[[], Tensor]
) -> None:
    """Raises UserError if the perturbation is not possible in this network, or leaves its prediction as it was.

    predict: calls the network with some latents, and returns its prediction.
    """
    hooks.check(perturbation)
    with hooks.applied(perturbation, shape):
        perturbed = predict()
    if torch.equal(perturbed, predict()):
        raise UserError(
            "the perturbation does not change the prediction",
            given=f"{perturbation.kind} of {', '.join(perturbation.layers)}",
        )


class TransformerHooks:
    """Hooks in the blocks of a transformer, and in their attention and feed-forward layers.

    Which tokens are the latents' is found by a pass of its own (see `token_origins.py`), once per layout of the tokens.
    """

    def __init__(self, network: nn.Module):
        self._network = network
        self._stacks = block_stacks(network)
        self._parts = {block: BlockParts.of(block) for stack in self._stacks.values() for block in stack}
        self._hooks = PassHooks(network, {part for parts in self._parts.values() for part in parts.roles})
        self._origins: dict[str, TokenOrigins] = {}  # by layout
        self._possible: set[tuple[str, Kind, tuple[str, ...]]] = set()  # layout, kind and layers that were checked

    def remove(self) -> None:
        self._hooks.remove()

    def check(self, perturbation: LayerPerturbation) -> None:
        self._checked(perturbation)

    def _checked(self, perturbation: LayerPerturbation) -> dict[nn.Module, str]:
        """The blocks in the perturbation's layers, with their names."""
        names = select_layers(self._stacks, perturbation.layers)
        for block, name in names.items():
            self._parts[block].refuse_missing(perturbation.kind, name)
        if getattr(self._network, "is_cache_enabled", False):
            raise UserError(
                "layers cannot be perturbed while a cache of diffusers is on",
                where=type(self._network).__name__,
                hint="call `disable_cache()` of the network",
            )
        return names

    @contextmanager
    def applied(self, perturbation: LayerPerturbation, shape: Shape) -> Iterator[None]:
        names = self._checked(perturbation)
        perturbed = PerturbedPass(perturbation, shape, {block: self._parts[block] for block in names})

        def begin(arguments: dict[str, Any]) -> None:
            layout = layout_of(arguments, shape)
            perturbed.origins = self._origins_of(layout, arguments, shape)
            checked = (layout, perturbation.kind, perturbation.layers)
            if checked not in self._possible:
                for block, name in names.items():
                    self._parts[block].refuse_impossible(perturbation.kind, name, perturbed.origins, shape)
                self._possible.add(checked)

        with self._hooks.watching(perturbed, begin):
            yield

    def _origins_of(self, layout: str, arguments: dict[str, Any], shape: Shape) -> TokenOrigins:
        if (known := self._origins.get(layout)) is not None:
            return known
        origins = OriginsPass()
        with origins, self._hooks.watching(origins):
            self._network.forward(**without_numbers(arguments, shape))
        self._origins[layout] = origins.found
        for oldest in list(self._origins)[:-LAYOUTS]:
            self._origins.pop(oldest, None)  # another thread may have been faster
        return origins.found
