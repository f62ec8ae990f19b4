"""Finds out which tokens within a network are those of the latents: in every layer, in any order, in any row.

One pass is made in which the latents are NaN and every attention returns 0. Nothing else in a transformer mixes tokens,
so that NaN is exactly where the latents' tokens are: in each attention's queries and keys, in what each module is given
and returns. Tokens of a text, padding and pictures to be edited stay numbers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cfgsweep.models.forward_pass import AttentionPlace, ForwardPass, Inputs, Place, outputs_of
from cfgsweep.models.transformer_blocks import Shape, is_linear_attention

NAN = float("nan")


@dataclass(frozen=True)
class TensorOrigins:
    """mask: which tokens are the latents', of the shape without its last dimension; None where none is."""

    shape: torch.Size
    mask: Tensor | None

    def same(self, other: TensorOrigins) -> bool:
        """Whether both have the same shape, and tokens of the latents or none."""
        return self.shape == other.shape and (self.mask is None) == (other.mask is None)


@dataclass(frozen=True)
class CallOrigins:
    """One call of a module: the tensors that it was given, by name, and those that it returned.

    outputs: None in place of what is no tensor. self_attends: whether the latents' tokens attend to each other in it.
    """

    inputs: dict[str, TensorOrigins]
    outputs: list[TensorOrigins | None]
    self_attends: bool

    def source_of(self, output: int) -> str | None:
        """The input that has the same place in the network as an output: the first that is the same."""
        returned = self.outputs[output]
        return next((name for name, given in self.inputs.items() if returned and given.same(returned)), None)


@dataclass
class TokenOrigins:
    """Which tokens are the latents' in one pass.

    self_attention: for every attention of the latents' tokens to each other, which of its queries and of its keys are
    theirs, [rows, tokens].
    """

    calls: dict[Place, CallOrigins] = field(default_factory=dict)
    self_attention: dict[AttentionPlace, tuple[Tensor, Tensor]] = field(default_factory=dict)


class OriginsPass(ForwardPass):
    """The pass that finds the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.found = TokenOrigins()
        self._masks: list[Tensor] = []

    def after(self, place: Place, inputs: Inputs, output: Any) -> Any:
        given = {name: self._origins(value) for name, value in inputs.items()}
        returned = [self._origins(value) if isinstance(value, Tensor) else None for value in outputs_of(output)]
        attends = any(attention.place == place for attention in self.found.self_attention)
        linear = is_linear_attention(place.module) and "encoder_hidden_states" not in inputs
        self.found.calls[place] = CallOrigins(given, returned, self_attends=attends or linear)
        return output

    def attend(self, place: AttentionPlace, attention: Callable[..., Tensor], given: dict[str, Any]) -> Tensor:
        query, key, value = given["query"], given["key"], given["value"]
        queries, keys = (x.isnan().any(dim=-1).any(dim=1) for x in (query, key))
        if queries.any() and torch.equal(queries.sum(dim=1), keys.sum(dim=1)):
            self.found.self_attention[place] = (self._kept(queries), self._kept(keys))
        zeros = query.new_zeros(*query.shape[:-1], value.shape[-1])
        return zeros.masked_fill(query.isnan().any(dim=-1, keepdim=True), NAN)

    def _origins(self, tokens: Tensor) -> TensorOrigins:
        mask = tokens.isnan().any(dim=-1) if tokens.is_floating_point() and tokens.ndim > 1 else None
        return TensorOrigins(tokens.shape, None if mask is None or not mask.any() else self._kept(mask))

    def _kept(self, mask: Tensor) -> Tensor:
        """An equal mask that is kept already, or this one: most layers have the same."""
        for known in self._masks:
            if torch.equal(known, mask):
                return known
        self._masks.append(mask)
        return mask


def without_numbers(arguments: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """The network's arguments with NaN for the latents, which are the first of them.

    A sequence that is longer than the latents' shape has other tokens behind them, such as those of a picture to be
    edited, which stay.
    """
    name, latents = next(iter(arguments.items()))
    return {**arguments, name: _nans(latents, math.prod(shape))}


def _nans(latents: Any, tokens: int) -> Any:
    if isinstance(latents, list | tuple):
        return type(latents)(_nans(one, tokens) for one in latents)
    if latents.ndim != 3 or latents.shape[1] <= tokens:
        return torch.full_like(latents, NAN)
    return torch.cat([torch.full_like(latents[:, :tokens], NAN), latents[:, tokens:]], dim=1)


def layout_of(arguments: dict[str, Any], shape: Shape) -> str:
    """Equal for network calls in which the tokens lie in the same places: shapes, masks, and settings."""
    digest = hashlib.sha256(repr(shape).encode())
    _add(digest.update, "", arguments)
    return digest.hexdigest()


def _add(update: Callable[[bytes], None], name: str, value: Any) -> None:
    update(name.encode())
    match value:
        case dict():
            for key, member in value.items():
                _add(update, str(key), member)
        case list() | tuple():
            for member in value:
                _add(update, name, member)
        case Tensor():
            update(repr(value.shape).encode())
            if "mask" in name:
                update(value.float().cpu().numpy().tobytes())
        case bool() | int() | str() | None:
            update(repr(value).encode())
