"""Calls a network with the hooks that a guider of diffusers installs for one of its passes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

from cfgsweep.guidance.guiders.from_diffusers import prepared
from cfgsweep.guidance.perturbations import DiffusersPass


class DiffusersPasses:
    """Prepares a network for one pass at a time, and restores it afterwards, also after an exception.

    This is a second network that shares the weights of the first, since hooks act on all calls of a network, and the
    first one may be called from other threads at the same time.
    """

    def __init__(self, network: Any):
        with torch.device("meta"):
            self.network = type(network).from_config(network.config)
        self.network.load_state_dict(network.state_dict(), assign=True)
        self.network.eval()
        self._lock = threading.Lock()

    def perturbed(self, perturbation: DiffusersPass) -> Callable[..., torch.Tensor]:
        """A function that calls the network in this pass. Raises UserError where diffusers refuses the network."""
        with self._lock:  # another thread may be in a pass of this network
            prepared(perturbation, self.network).cleanup_models(self.network)

        def call(*inputs: torch.Tensor, **arguments: Any) -> torch.Tensor:
            with self._lock:
                guider = prepared(perturbation, self.network)
                try:
                    prediction: torch.Tensor = self.network(*inputs, **{**arguments, "return_dict": False})[0]
                finally:
                    guider.cleanup_models(self.network)
            return prediction

        return call
