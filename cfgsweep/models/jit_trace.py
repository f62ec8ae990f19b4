"""A network without Python between its operations.

A small network spends a third of its time on a CPU in Python, and threads that share one interpreter wait for each
other there. Recorded once for a shape and played back, the same operations give the same bits.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Call = Callable[..., torch.Tensor]

# For good: what `warnings.catch_warnings` changes for a while, it changes for every thread.
warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)


class TracedNetwork:
    """Calls a network by recordings of it, one for every shape of its inputs.

    TorchScript is deprecated in favour of compilers, which need a C++ toolchain and minutes. Should it go, or fail,
    or its recording not give the network's own bits, the network itself is called.
    """

    def __init__(self, network: Call):
        self.network = network
        self._calls: dict[Any, Call] = {}
        self._recording = threading.Lock()

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        key = tuple((x.shape, x.dtype, x.stride()) for x in inputs)
        if key not in self._calls:
            with self._recording:  # other threads wait: their shape is mostly the same
                if key not in self._calls:
                    self._calls[key] = self._record(inputs)
        return self._calls[key](*inputs)

    def _record(self, inputs: tuple[torch.Tensor, ...]) -> Call:
        with torch.inference_mode(False), torch.no_grad():
            some = tuple(x.clone() for x in inputs)
            try:
                recording: Call = torch.jit.trace(_Module(self.network), some, check_trace=False)
                expected = self.network(*some)
                # Twice: TorchScript may rearrange what it has seen run once.
                same = all(torch.equal(recording(*some), expected) for _ in range(2))
            except (RuntimeError, AttributeError, TypeError):
                return self.network
        return recording if same else self.network


class _Module(nn.Module):
    """A function as the module that recording wants."""

    def __init__(self, call: Call):
        super().__init__()
        self.call = call

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.call(*inputs)
