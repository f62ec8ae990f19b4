"""Threads of torch's operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cfgsweep.models.device import Compute


@contextmanager
def one_thread_per_operation(compute: Compute) -> Iterator[None]:
    """Makes operations single-threaded within the block, on a CPU, where workers run in parallel."""
    before = torch.get_num_threads()
    if compute.device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
