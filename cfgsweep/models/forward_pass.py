"""Watches one forward pass of a network: the calls of some of its modules, and of attention within them.

The hooks are installed once. During a pass, each looks up in a thread-local variable whether anything watches, so that
passes in several threads do not disturb each other.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

Inputs = dict[str, Tensor]  # the tensors that a module was given, by name, in the order of its parameters
ATTENTION_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")


class Place(NamedTuple):
    """A call of a module in a pass. number: how many calls of it came before in the pass."""

    module: nn.Module
    number: int


class AttentionPlace(NamedTuple):
    """A call of attention in a pass. place: the innermost watched module. number: counts the calls within that."""

    place: Place
    number: int


class ForwardPass(TorchFunctionMode):
    """What is done at the calls of one pass. Subclasses say it, by `after` and `attend`.

    attention_within: the modules within whose calls attention is watched. It takes time at every call of torch. As a
    context manager, a pass watches attention everywhere.
    """

    def __init__(self, attention_within: Collection[nn.Module] = ()) -> None:
        super().__init__()
        self._attention_within = frozenset(attention_within)
        self._within = ExitStack()
        self.begin()

    def begin(self) -> None:
        """Begins a pass."""
        self._stack: list[Place] = []
        self._calls: Counter[nn.Module | Place] = Counter()

    def enter(self, module: nn.Module) -> None:
        self._stack.append(Place(module, self._calls[module]))
        self._calls[module] += 1
        if module in self._attention_within:
            self._within.enter_context(self)

    def leave(self, inputs: Inputs, output: Any) -> Any:
        place = self._stack.pop()
        if place.module in self._attention_within:
            self._within.close()
        return self.after(place, inputs, output)

    def close(self) -> None:
        """Ends a pass, also one that an exception has ended."""
        self._within.close()

    def after(self, place: Place, inputs: Inputs, output: Any) -> Any:
        """What a call returns in place of its output."""
        raise NotImplementedError

    def attend(self, place: AttentionPlace, attention: Callable[..., Tensor], given: dict[str, Any]) -> Tensor:
        """What `attention` (torch's, of queries [rows, heads, tokens, channels]) returns for the given arguments."""
        raise NotImplementedError

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        given = {**dict(zip(ATTENTION_ARGUMENTS, args, strict=False)), **(kwargs or {})}
        place = self._stack[-1] if self._stack else Place(_OUTSIDE, 0)
        number = self._calls[place]
        self._calls[place] += 1
        return self.attend(AttentionPlace(place, number), func, given)


_OUTSIDE = nn.Identity()  # stands for attention that no watched module calls


class PassHooks:
    """Hooks in a network and some of its modules, which tell the calling thread's ForwardPass of their calls."""

    def __init__(self, network: nn.Module, modules: Iterable[nn.Module]):
        self._local = threading.local()
        self._handles: list[RemovableHandle] = [
            network.register_forward_pre_hook(self._begin, with_kwargs=True)  # first, as it begins the pass
        ]
        for module in modules:
            self._handles.append(module.register_forward_pre_hook(self._enter))
            self._handles.append(module.register_forward_hook(self._leave, with_kwargs=True))

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    @contextmanager
    def watching(self, watch: ForwardPass, begin: Callable[[dict[str, Any]], None] = lambda _: None) -> Iterator[None]:
        """Within the block, the network's passes in this thread are watched.

        begin: is called with the network's arguments at the beginning of a pass.
        """
        before = getattr(self._local, "watch", None)
        self._local.watch = (watch, begin)
        try:
            yield
        finally:
            watch.close()
            self._local.watch = before

    @property
    def _watch(self) -> ForwardPass | None:
        watch: tuple[ForwardPass, Any] | None = getattr(self._local, "watch", None)
        return watch and watch[0]

    def _begin(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch = getattr(self._local, "watch", None)
        if watch is not None:
            watch[0].begin()
            watch[1](bound(network, args, kwargs))

    def _enter(self, module: nn.Module, _: Any) -> None:
        if (watch := self._watch) is not None:
            watch.enter(module)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        if (watch := self._watch) is None:
            return output
        arguments = bound(module, args, kwargs)
        return watch.leave({name: value for name, value in arguments.items() if isinstance(value, Tensor)}, output)


def bound(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a module's `forward` by name, in the order of its parameters.

    The signature is the class's: accelerate and diffusers replace the `forward` of instances.
    """
    signature = _signature(type(module).forward)
    given = signature.bind(module, *args, **kwargs).arguments
    by_name: dict[str, Any] = {}
    for name, value in list(given.items())[1:]:  # the first is the module itself
        by_name |= value if signature.parameters[name].kind == inspect.Parameter.VAR_KEYWORD else {name: value}
    return by_name


@functools.cache
def _signature(forward: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(forward)


def outputs_of(output: Any) -> list[Any]:
    """What a module returns, as a list: one tensor, or the members of a tuple or list."""
    return list(output) if isinstance(output, tuple | list) else [output]


def with_outputs(output: Any, replaced: list[Any]) -> Any:
    """`replaced` in the form of `output`."""
    return type(output)(replaced) if isinstance(output, tuple | list) else replaced[0]
