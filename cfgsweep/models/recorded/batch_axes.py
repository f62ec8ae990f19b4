"""Which axis of every argument of a network counts the rows of a batch; rows are taken out and put together by it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import torch

from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded.arguments import Path, hash_of_tensor

LISTED = -1  # in place of an axis: a list with one element per row
SCALAR = -2  # a tensor without axes, which becomes one number per row; networks take both for timesteps


class BatchAxes:
    """By the path of an argument the axis that counts rows. Arguments without one are the same for all rows."""

    def __init__(self, pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]]):
        """pairs: the arguments of a call for one picture, and for two pictures of the same prompt.

        Raises Unsupported where an argument differs in more than one axis.
        """
        self._axes: dict[Path, int] = {}
        for one, two in pairs:
            self._compare(one, two, ())

    def _compare(self, one: Any, two: Any, path: Path) -> None:
        if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
            axes = [axis for axis, sides in enumerate(zip(one.shape, two.shape, strict=False)) if sides[0] != sides[1]]
            if len(axes) > 1 or one.ndim != two.ndim:
                shapes = f"{tuple(one.shape)} for one picture and {tuple(two.shape)} for two"
                raise Unsupported(f"its argument {_spelled(path)} is {shapes}")
            if axes or one.ndim == 0:
                self._axes[path] = axes[0] if axes else SCALAR
        elif isinstance(one, dict) and isinstance(two, dict):
            for name in one.keys() & two.keys():
                self._compare(one[name], two[name], (*path, name))
        elif isinstance(one, list | tuple) and isinstance(two, list | tuple):
            if len(one) != len(two):
                self._axes[path] = LISTED
            else:
                for place, (a, b) in enumerate(zip(one, two, strict=True)):
                    self._compare(a, b, (*path, place))

    def rows(self, arguments: dict[str, Any], name: str) -> int:
        """The number of rows of a call, by the argument of this name."""
        value = arguments[name]
        axis = self._axes.get((name,), LISTED)
        return len(value) if axis == LISTED else int(value.shape[axis])

    def row(self, arguments: dict[str, Any], number: int) -> dict[str, Any]:
        """The arguments of one row."""
        row: dict[str, Any] = self._row(arguments, (), number)
        return row

    def _row(self, value: Any, path: Path, number: int) -> Any:
        axis = self._axes.get(path)
        if axis == LISTED:
            return [value[number]]
        if isinstance(value, torch.Tensor):
            if axis == SCALAR:
                return value if value.ndim == 0 else value[number]
            return value if axis is None else value.narrow(axis, number, 1)
        if isinstance(value, dict):
            return {name: self._row(one, (*path, name), number) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._row(one, (*path, place), number) for place, one in enumerate(value))
        return value

    def joined(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The arguments of a call for rows of one key."""
        call: dict[str, Any] = self._joined(rows, ())
        return call

    def _joined(self, values: Sequence[Any], path: Path) -> Any:
        axis, first = self._axes.get(path), values[0]
        if axis == LISTED:
            return [one for value in values for one in value]
        if isinstance(first, torch.Tensor):
            if axis == SCALAR:
                return torch.stack(list(values)) if len(values) > 1 else first
            return first if axis is None else torch.cat(list(values), dim=axis)
        if isinstance(first, dict):
            return {name: self._joined([value[name] for value in values], (*path, name)) for name in first}
        if isinstance(first, list | tuple):
            parts = enumerate(zip(*values, strict=True))
            return type(first)(self._joined(part, (*path, place)) for place, part in parts)
        return first

    def key(self, network: str, row: dict[str, Any]) -> Hashable:
        """What rows must have in common to share a call: the network, shapes, and what is not counted by rows."""
        return (network, self._key(row, ()))

    def _key(self, value: Any, path: Path) -> Hashable:
        axis = self._axes.get(path)
        if isinstance(value, torch.Tensor):
            if axis is not None:
                return (str(value.dtype), *(side for place, side in enumerate(value.shape) if place != axis))
            return (str(value.dtype), tuple(value.shape), hash_of_tensor(value))
        if isinstance(value, dict):
            return tuple((name, self._key(one, (*path, name))) for name, one in value.items())
        if isinstance(value, list | tuple):
            inner = (*path, 0) if axis == LISTED else None
            return tuple(self._key(one, inner or (*path, place)) for place, one in enumerate(value))
        return repr(value)


def _spelled(path: Path) -> str:
    return ".".join(map(str, path))
