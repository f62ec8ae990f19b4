"""Calls networks on tensors without values, to learn the shapes of their outputs and the memory that they take."""

from __future__ import annotations

import logging
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

T = TypeVar("T")
_log = logging.getLogger("torch._subclasses.fake_tensor")


def peak_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that tensors made in the call hold at one time; see `without_computing`."""
    return without_computing(lambda: _counted(call))


def without_computing(call: Callable[[], T]) -> T:
    """The result of a call in which tensors have shapes and types alone, so that it takes no time.

    Where an operation needs values, the call is made for real.
    """
    _log.disabled = True  # it tells of every operation that fails
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            return call()
    except Exception:  # of torch, of many kinds, for operations whose results depend on values
        return call()
    finally:
        _log.disabled = False


def _counted(call: Callable[[], Any]) -> int:
    with torch.inference_mode(), _LiveTensors() as live:
        call()
    return live.peak


class _LiveTensors(TorchDispatchMode):
    """Counts the bytes of tensors while they live; views share the bytes of their storage."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._users: Counter[int] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self._note, result)
        return result

    def _note(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        self._users[key] += 1
        if self._users[key] == 1:
            self._now += size
            self.peak = max(self.peak, self._now)
        weakref.finalize(tensor, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._users[key] -= 1
        if self._users[key] == 0:
            self._now -= size
