"""Calls networks without values, to learn the shapes of their outputs and the memory that they take."""

from __future__ import annotations

import functools
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

aten = torch.ops.aten
READS_ONE = (aten._local_scalar_dense.default, aten.item.default, aten.is_nonzero.default)  # the value of one number
Arguments = dict[str, Any] | tuple[Any, ...]  # of a call, by their names or in their order


class ShapesAlone:
    """A network on the meta device, where tensors have shapes and types alone and nothing is computed.

    It is a second network without weights, since some networks keep what they have computed for a shape. Where an
    operation needs values of the arguments, they are there; where it needs others, or there is no such second network,
    the network itself is called.

    method: which of its methods is called.
    """

    def __init__(self, network: nn.Module, method: str = "forward"):
        self._own_method: Callable[..., Any] = getattr(network, method)
        self._network: Any = network
        self._method = method

    def output(self, arguments: Arguments) -> Any:
        """A tensor, or a list of tensors, of the shapes and types of the network's output, with one number each."""
        tensors = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, torch.Tensor)]
        device = max(tensors, key=torch.Tensor.numel).device  # weights that are moved for a call are elsewhere now
        return _unfilled(self._call(arguments, lambda call: call())[0], device)

    def peak_bytes(self, arguments: Arguments) -> int:
        """The most bytes that tensors made in a call hold at one time."""
        peak: int = self._call(arguments, _counted)
        return peak

    def _call(self, arguments: Arguments, measured: Callable[[Callable[[], Any]], Any]) -> Any:
        on_meta = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), arguments)
        with torch.inference_mode():
            for given, mode in ((on_meta, nullcontext()), (arguments, WithKnownValues())):
                # Exceptions are torch's, of many kinds, for operations whose results depend on values.
                with suppress(Exception), mode:
                    method = getattr(self._twin, self._method)  # the twin is made before anything is measured
                    return measured(functools.partial(_called, method, given))
            return measured(lambda: _called(self._own_method, arguments))

    @functools.cached_property
    def _twin(self) -> Any:
        with torch.device("meta"):
            twin = type(self._network).from_config(self._network.config)
        return twin.to(self._network.dtype).eval()


class WithKnownValues(TorchDispatchMode):
    """Operations on tensors with values and others on the meta device give tensors on the meta device.

    Whether something holds that is not known, such as that all of a mask is set, is answered with True.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if any(leaf.is_meta for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)):
            if func in READS_ONE and args[0].dtype == torch.bool:
                return True
            args, kwargs = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), (args, kwargs))
            args, kwargs = tree_map_only(torch.device, lambda _: torch.device("meta"), (args, kwargs))
        return func(*args, **kwargs)


def _called(method: Callable[..., Any], arguments: Arguments) -> Any:
    return method(**arguments) if isinstance(arguments, dict) else method(*arguments)


def _unfilled(output: Any, device: torch.device) -> Any:
    if isinstance(output, list):
        return [_unfilled(one, device) for one in output]
    return torch.zeros((), dtype=output.dtype, device=device).expand(output.shape)


def _counted(call: Callable[[], Any]) -> int:
    call()  # so that what a network makes once for a shape is not counted
    with _LiveTensors() as live:
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
