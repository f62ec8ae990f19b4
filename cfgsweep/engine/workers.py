"""Threads that call the denoiser."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

Batch = TypeVar("Batch")


class Workers(Generic[Batch]):
    """Calls of the denoiser in a fixed number of threads. Results come in the order of the calls."""

    def __init__(self, count: int):
        self.count, self.pool = count, ThreadPoolExecutor(count)
        self.calls: deque[tuple[Batch, Future[torch.Tensor]]] = deque()

    def __enter__(self) -> Workers[Batch]:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    @property
    def free(self) -> bool:
        """Whether there is a thread without a call."""
        return len(self.calls) < self.count

    @property
    def busy(self) -> bool:
        """Whether there is a call whose result was not taken yet."""
        return bool(self.calls)

    def submit(self, batch: Batch, call: Callable[[], torch.Tensor]) -> None:
        """Make a call for a batch in one of the threads."""
        self.calls.append((batch, self.pool.submit(call)))

    def result(self) -> tuple[Batch, torch.Tensor]:
        """Wait for the oldest call. Returns its batch and predictions, or raises what it raised."""
        batch, future = self.calls.popleft()
        return batch, future.result()
