"""Measures how much memory a call of a network takes beside its weights."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only


def peak_bytes(call: Callable[[], Any]) -> int:
    """The most bytes that tensors made in the call hold at one time.

    Nothing is computed: operations are made on tensors that have shapes and types alone. Where an operation needs
    values, the call is made for real.
    """
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            return _counted(call)
    except Exception:  # of torch, of many kinds, for operations whose results depend on values
        return _counted(call)


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
