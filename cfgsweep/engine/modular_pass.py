"""Passes of a network in diffusers' modular pipelines: what the network is given, and perturbations of its layers."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from cfgsweep.engine.modular_latents import NetworkInput
from cfgsweep.engine.modular_ltx2 import Sound
from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import LayerPerturbation
from cfgsweep.models.forward_pass import bound
from cfgsweep.models.transformer_perturbations import LayerHooks, layer_hooks


class NetworkPass:
    """Watches one pass of a network at a time.

    input: the latents of the last pass. network: the name of its class.
    """

    def __init__(self) -> None:
        self.input: NetworkInput | Sound | None = None
        self.network = ""
        self._perturbation: LayerPerturbation | None = None
        self._within = ExitStack()
        self._handles: list[RemovableHandle] = []
        self._layers: tuple[nn.Module, LayerHooks] | None = None  # of the network that was perturbed last

    def prepare(self, network: nn.Module, perturbation: LayerPerturbation | None) -> None:
        """Hooks in the network for its next pass. An exception during the pass leaves none of them active."""
        self.clean_up()
        self._perturbation = perturbation
        if perturbation is not None and (self._layers is None or self._layers[0] is not network):
            self.release()
            self._layers = network, layer_hooks(network)
        self._handles = [
            network.register_forward_pre_hook(self._enter, with_kwargs=True, prepend=True),  # before those of layers
            network.register_forward_hook(self._leave, always_call=True),
        ]

    def clean_up(self) -> None:
        """Removes the hooks of a pass."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def release(self) -> None:
        """Removes the hooks in the network's layers, which stay from pass to pass."""
        if self._layers is not None:
            self._layers[1].remove()
        self._layers = None

    def _enter(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        arguments = bound(network, args, kwargs)
        self.network, self.input = type(network).__name__, (given := NetworkInput(network, arguments))
        if self._perturbation is None:
            return
        if arguments.get("kv_cache") is not None:
            problem = "layers cannot be perturbed while keys and values are kept from step to step"
            raise UserError(problem, where=self.network, hint="some pipelines have `use_kv_cache=False`")
        assert self._layers is not None  # `prepare` made them
        self._within.enter_context(self._layers[1].applied(self._perturbation, given.shape))

    def _leave(self, _: nn.Module, __: Any, output: Any) -> None:
        self._within.close()
        if output is None:  # an exception: nobody calls `clean_up`
            self._handles[0].remove()
            self.release()
