"""Calls a network through TorchScript traces of it, so that no Python runs between its operations.

On a CPU, a small network spends a third of its time in Python, and threads wait for each other's interpreter lock
there. A trace runs the same operations and gives the same bits. To make and check one takes as long as many calls, so
that the first calls of every shape are the network's own: a short run makes no trace.

torch warns while it traces. `system/quiet.py` hides these warnings around a whole run: `warnings.catch_warnings` acts
on the whole process, so that it cannot be used around each call in a worker thread.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Call = Callable[..., torch.Tensor]
CALLS_BEFORE = 16  # of one shape; a trace takes about as long as it saves in as many


class TracedNetwork:
    """Calls a network by its traces, one for every combination of input shapes, dtypes and strides.

    TorchScript is deprecated in favour of compilers, which need a C++ toolchain and take minutes. The network itself
    is called where tracing is not available or fails, or where a trace does not give exactly the network's output.

    calls_before: so many calls of a shape are the network's own before it is traced.
    """

    def __init__(self, network: Call, calls_before: int = CALLS_BEFORE):
        self.network, self.calls_before = network, calls_before
        self._seen: Counter[Any] = Counter()  # calls by shape; threads may lose some of them
        self._calls: dict[Any, Call] = {}
        self._tracing = threading.Lock()

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        key = tuple((x.shape, x.dtype, x.stride()) for x in inputs)
        if key not in self._calls:
            if self._seen[key] < self.calls_before:
                self._seen[key] += 1
                return self.network(*inputs)
            with self._tracing:  # other threads wait, since most of them need the same trace
                if key not in self._calls:
                    self._calls[key] = self._trace(inputs)
        return self._calls[key](*inputs)

    def _trace(self, inputs: tuple[torch.Tensor, ...]) -> Call:
        """A trace for inputs of these shapes, checked against the network, or the network where there is none."""
        with torch.inference_mode(False), torch.no_grad():
            example = tuple(x.clone() for x in inputs)
            try:
                trace: Call = torch.jit.trace(_Module(self.network), example, check_trace=False)
                expected = self.network(*example)
                # Two runs: TorchScript optimises a trace after it has run once.
                same = all(torch.equal(trace(*example), expected) for _ in range(2))
            except (RuntimeError, AttributeError, TypeError):
                return self.network
        return trace if same else self.network


class _Module(nn.Module):
    """A function as a module, which is what `torch.jit.trace` takes."""

    def __init__(self, call: Call):
        super().__init__()
        self.call = call

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.call(*inputs)
