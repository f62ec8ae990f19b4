"""Threads of torch's operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from cfgsweep.models.device import Compute


def one_thread_per_operation(compute: Compute) -> AbstractContextManager[None]:
    """Makes operations single-threaded within the block, on a CPU, where workers run in parallel."""
    return threads_per_operation(1 if compute.device == "cpu" else torch.get_num_threads())


@contextmanager
def threads_per_operation(count: int) -> Iterator[None]:
    """Has operations on a CPU run on so many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
