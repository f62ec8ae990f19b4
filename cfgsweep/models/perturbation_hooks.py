"""Carries out perturbations on a diffusers network made of transformer blocks.

The network is prepared once: every block looks up, in a variable of the calling thread, whether it is to be harmed
now. So calls from several threads do not disturb each other, and an error in the middle of one leaves nothing behind.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import nn
from torch.nn import functional as F

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance.perturbations import MEAN, LayerPerturbation
from cfgsweep.guidance.tensor_ops import gaussian_blur

ATTENTION_BLOCK = LayerPerturbation("watched", ("mid.attentions.0.transformer_blocks.0",))


@dataclass(frozen=True)
class ActivePerturbation:
    """What is wanted of the blocks during one call. `shape`: height and width of the latents."""

    perturbation: LayerPerturbation
    blocks: frozenset[nn.Module]
    shape: tuple[int, int]


class PerturbationHooks:
    """Harms a network for one call at a time, per thread."""

    _of: weakref.WeakKeyDictionary[nn.Module, PerturbationHooks] = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, network: nn.Module) -> PerturbationHooks:
        """The one of this network, which is prepared at the first time."""
        if network not in cls._of:
            cls._of[network] = cls(network)
        return cls._of[network]

    def __init__(self, network: nn.Module):
        self._local = threading.local()
        self._by_name: dict[str, nn.Module] = {}
        for name, module in network.named_modules():
            if isinstance(module, BasicTransformerBlock):
                self._by_name[_as_people_say(name)] = module
                self._prepare(module)

    def blocks(self, layers: Sequence[str]) -> frozenset[nn.Module]:
        """The blocks meant by names such as mid, up.1, down.2.attentions.0, or by a transformer's block numbers.

        Raises UserError, listing what there is, where a name matches nothing.
        """
        found: set[nn.Module] = set()
        for layer in layers:
            wanted = f"transformer_blocks.{layer}" if layer.isdecimal() else layer
            matching = {block for name, block in self._by_name.items() if f"{name}.".startswith(f"{wanted}.")}
            if not matching:
                raise unknown_name("layer", layer, _spoken(self._by_name))
            found |= matching
        return frozenset(found)

    def perturbed(
        self, call: Callable[..., torch.Tensor], perturbation: LayerPerturbation
    ) -> Callable[..., torch.Tensor]:
        """A function that calls the network, latents first, made one in which the network is harmed."""
        self.blocks(perturbation.layers)  # raises now what would otherwise be raised in the middle of a run

        def perturbed_call(latents: torch.Tensor, *others: Any) -> torch.Tensor:
            with self.applied(perturbation, latents):
                return call(latents, *others)

        return perturbed_call

    def with_attention(self, call: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """A function that calls the whole network, and tells in one more channel of the prediction where it looks.

        That is the attention that every position of the middle gets from all others, the mean of the heads: 1 on
        average.
        """
        self.blocks(ATTENTION_BLOCK.layers)

        def attending_call(latents: torch.Tensor, *others: Any) -> torch.Tensor:
            with self.applied(ATTENTION_BLOCK, latents):
                prediction = call(latents, *others)
                attention: torch.Tensor = self._local.attention
            height, width = latents.shape[-2:]
            level = attention.unflatten(-1, _level_of(attention.shape[-1], (height, width))).unsqueeze(1)
            return torch.cat([prediction, F.interpolate(level, (height, width)).to(prediction.dtype)], dim=1)

        return attending_call

    @contextmanager
    def applied(self, perturbation: LayerPerturbation, latents: torch.Tensor) -> Iterator[None]:
        """Within, calls from this thread with these latents are harmed."""
        height, width = latents.shape[-2:]
        self._local.active = ActivePerturbation(perturbation, self.blocks(perturbation.layers), (height, width))
        try:
            yield
        finally:
            self._local.active = None

    def _active(self, block: nn.Module) -> ActivePerturbation | None:
        perturbation: ActivePerturbation | None = getattr(self._local, "active", None)
        return perturbation if perturbation is not None and block in perturbation.blocks else None

    def _prepare(self, block: BasicTransformerBlock) -> None:
        block.attn1.set_processor(_SelfAttention(self, block, block.attn1.processor))
        for kind, module in (("block", block), ("feed_forward", block.ff)):
            module.register_forward_hook(self._handing_on(kind, block), with_kwargs=True)

    def _handing_on(self, kind: str, block: nn.Module) -> Any:
        """A hook after which the module gives back what it was given, while harm of this kind is wanted."""

        def hook(_: nn.Module, args: tuple, kwargs: dict[str, Any], output: torch.Tensor) -> torch.Tensor:
            perturbation = self._active(block)
            if perturbation is None or perturbation.perturbation.kind != kind:
                return output
            return args[0] if args else kwargs["hidden_states"]

        return hook


class _SelfAttention:
    """A block's own attention processor, except while harm is wanted."""

    def __init__(self, perturbation_hooks: PerturbationHooks, block: nn.Module, whole: Any):
        self.perturbation_hooks, self.block, self.whole = perturbation_hooks, block, whole

    def __call__(self, attention: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        perturbation = self.perturbation_hooks._active(self.block)
        match perturbation.perturbation.kind if perturbation else None:
            case "identity":
                return _projected(attention, attention.to_v(hidden_states))
            case "attention":
                return hidden_states
            case "attention_residual":
                return torch.zeros_like(hidden_states)
            case "watched":
                self.perturbation_hooks._local.attention = _attention_got(attention, hidden_states)
            case "blur":
                assert perturbation is not None
                return _attend_blurred(
                    attention, hidden_states, perturbation.perturbation.blur_sigma, perturbation.shape
                )
        return self.whole(attention, hidden_states, *args, **kwargs)


def _attend_blurred(attention: Any, hidden_states: torch.Tensor, sigma: float, shape: tuple[int, int]) -> torch.Tensor:
    """Self-attention whose queries are blurred over the picture. Tokens are [rows, height width, channels]."""
    query = _blurred(attention.to_q(hidden_states), sigma, shape)
    q, k, v = (
        x.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for x in (query, attention.to_k(hidden_states), attention.to_v(hidden_states))
    )
    attended = F.scaled_dot_product_attention(q, k, v, scale=attention.scale)
    return _projected(attention, attended.transpose(1, 2).flatten(2))


def _attention_got(attention: Any, hidden_states: torch.Tensor) -> torch.Tensor:
    """What every position gets from all of them, [rows, positions]."""
    q, k = (
        x.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for x in (attention.to_q(hidden_states), attention.to_k(hidden_states))
    )
    scores = (q @ k.transpose(-1, -2) * attention.scale).softmax(dim=-1)
    return scores.mean(dim=1).sum(dim=1)


def _projected(attention: Any, values: torch.Tensor) -> torch.Tensor:
    for layer in attention.to_out:
        values = layer(values)
    return values


def _blurred(tokens: torch.Tensor, sigma: float, shape: tuple[int, int]) -> torch.Tensor:
    """Gaussian blur of tokens as a picture, mirrored at its edge. `sigma` in positions of this level."""
    if sigma >= MEAN:
        return tokens.mean(dim=1, keepdim=True).expand_as(tokens)
    height, width = _level_of(tokens.shape[1], shape)
    picture = tokens.transpose(1, 2).unflatten(-1, (height, width))
    return gaussian_blur(picture, sigma, reach=math.ceil(6 * sigma) // 2).flatten(2).transpose(1, 2)


def _level_of(tokens: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the level that has so many positions, given the latents' own."""
    height, width = shape
    while height * width > tokens:
        height, width = -(-height // 2), -(-width // 2)
    if height * width != tokens:
        raise UserError("cannot tell the shape of the picture from its tokens", given=f"{tokens} for {shape}")
    return height, width


def _as_people_say(name: str) -> str:
    """'down_blocks.2.attentions.0.transformer_blocks.0' -> 'down.2.attentions.0.transformer_blocks.0'"""
    return name.replace("down_blocks.", "down.").replace("up_blocks.", "up.").replace("mid_block.", "mid.")


def _spoken(names: Any) -> list[str]:
    """What may be named: whole levels, and single attentions within them."""
    attentions = {name.split(".transformer_blocks")[0] for name in names}
    return sorted({name.split(".attentions")[0] for name in attentions} | attentions)
