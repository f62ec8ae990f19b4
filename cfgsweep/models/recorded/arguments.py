"""Arguments of a network's call as nested dicts, lists and tuples with tensors and plain values as leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch

Path = tuple[str | int, ...]  # of a leaf: keys and places from the outside in


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list | tuple):
        for place, value in enumerate(tree):
            yield from leaves(value, (*path, place))
    else:
        yield path, tree


def copied(tree: Any) -> Any:
    """The same tree with copies of its tensors."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map(copied, tree))
    return tree.clone() if isinstance(tree, torch.Tensor) else tree


def hash_of_tensor(value: torch.Tensor) -> bytes:
    """SHA-256 of its numbers."""
    values = value.detach().cpu().contiguous().flatten().view(torch.uint8)
    return hashlib.sha256(values.numpy().tobytes()).digest()


def equal(a: Any, b: Any) -> bool:
    """Whether two trees have the same structure and the same leaves, tensors bit by bit."""
    if a is b:
        return True
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return type(a) is type(b) and bool(a == b)
