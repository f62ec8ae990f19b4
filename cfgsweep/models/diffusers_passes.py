"""A network as diffusers' own guiders want it for their passes: with their hooks in it, one pass at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch

from cfgsweep.guidance.guiders.from_diffusers import prepared
from cfgsweep.guidance.perturbations import DiffusersPass


class Passes:
    """Prepares a network for one pass, and undoes it afterwards whatever happened.

    It is a second network with the same weights in it, so that hooks and calls of the first, from other threads, do
    not meet.
    """

    def __init__(self, network: Any):
        with torch.device("meta"):
            self.network = type(network).from_config(network.config)
        self.network.load_state_dict(network.state_dict(), assign=True)
        self.network.eval()
        self._one_at_a_time = threading.Lock()

    def perturbed(self, wanted: DiffusersPass) -> Callable[..., torch.Tensor]:
        """A function that calls the network as it is in that pass. Raises UserError where diffusers cannot have it."""
        prepared(wanted, self.network).cleanup_models(self.network)

        def call(*inputs: torch.Tensor) -> torch.Tensor:
            with self._one_at_a_time:
                guider = prepared(wanted, self.network)
                try:
                    prediction: torch.Tensor = self.network(*inputs, return_dict=False)[0]
                finally:
                    guider.cleanup_models(self.network)
            return prediction

        return call
