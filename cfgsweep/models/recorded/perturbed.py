"""Denoisers of a recorded pipeline that predict under a perturbation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import DiffusersPass, LayerPerturbation
from cfgsweep.models.attention_recorder import AttentionRecorder
from cfgsweep.models.diffusers_passes import DiffusersPasses
from cfgsweep.models.recorded.rows import Networks
from cfgsweep.models.transformer_blocks import Shape
from cfgsweep.models.transformer_perturbations import LayerHooks, layer_hooks, require_effect


class Perturbations:
    """Makes the networks of a pipeline predict under perturbations. What they need is installed when first used."""

    def __init__(self, networks: Mapping[str, nn.Module]):
        self.networks = networks

    @functools.cached_property
    def _hooks(self) -> dict[str, LayerHooks]:
        return {name: layer_hooks(network) for name, network in self.networks.items()}

    @functools.cached_property
    def _passes(self) -> dict[str, DiffusersPasses]:
        return {name: DiffusersPasses(network) for name, network in self.networks.items()}

    @functools.cached_property
    def attention(self) -> AttentionRecorder:
        """Raises UserError where the network is not a U-Net with self-attention in its middle."""
        network = next(iter(self.networks.values()))
        if not hasattr(network, "mid_block"):
            raise UserError("self-attention is read from the middle of a U-Net", given=type(network).__name__)
        return AttentionRecorder(network)

    def layers(self, perturbation: LayerPerturbation, shape: Shape) -> Networks:
        """The networks with perturbed layers. shape: of the latents, see `LayerHooks.applied`."""

        def perturbed(name: str) -> Callable[..., Any]:
            def call(**arguments: Any) -> Any:
                with self._hooks[name].applied(perturbation, shape):
                    return self.networks[name](**arguments)

            return call

        return {name: perturbed(name) for name in self.networks}

    def require_effect(
        self, perturbation: LayerPerturbation, shape: Shape, predict: Callable[[], torch.Tensor]
    ) -> None:
        """Raises UserError where a network lacks the layers, or a prediction by the first of them does not change."""
        for hooks in self._hooks.values():
            hooks.check(perturbation)
        require_effect(next(iter(self._hooks.values())), perturbation, shape, predict)

    def diffusers_pass(self, perturbation: DiffusersPass) -> Networks:
        """The networks as a guider of diffusers prepares them."""

        def perturbed(name: str) -> Callable[..., Any]:
            call = self._passes[name].perturbed(perturbation)
            return lambda **arguments: (call(**arguments),)

        return {name: perturbed(name) for name in self.networks}
