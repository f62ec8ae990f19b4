"""Applies layer perturbations to a diffusers network that is made of transformer blocks.

The hooks are installed once. During a call, every block looks up in a thread-local variable whether a perturbation is
active. Calls from several threads therefore do not disturb each other, and an exception in a call leaves no
perturbation behind.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from cfgsweep.guidance.perturbations import MEAN, LayerPerturbation
from cfgsweep.guidance.tensor_ops import gaussian_blur
from cfgsweep.models.transformer_blocks import level_shape, named_blocks, select_blocks


@dataclass(frozen=True)
class ActivePerturbation:
    """A perturbation during one call, the blocks it applies to, and height and width of the latents."""

    perturbation: LayerPerturbation
    blocks: frozenset[nn.Module]
    shape: tuple[int, int]


class PerturbationHooks:
    """Hooks in every transformer block of a network. They change nothing until a perturbation is applied."""

    def __init__(self, network: nn.Module):
        self._local = threading.local()
        self._blocks = named_blocks(network)
        self._processors = {block: block.attn1.processor for block in self._blocks.values()}
        self._handles: list[RemovableHandle] = []
        for block in self._blocks.values():
            self._install(block)

    def _install(self, block: BasicTransformerBlock) -> None:
        block.attn1.set_processor(_SelfAttention(self, block, block.attn1.processor))
        for kind, module in (("block", block), ("feed_forward", block.ff)):
            self._handles.append(module.register_forward_hook(self._skip_hook(kind, block), with_kwargs=True))

    def _skip_hook(self, kind: str, block: nn.Module) -> Any:
        """A forward hook that replaces a module's output by its input while a perturbation of this kind is active."""

        def hook(_: nn.Module, args: tuple, kwargs: dict[str, Any], output: torch.Tensor) -> torch.Tensor:
            active = self.active(block)
            if active is None or active.perturbation.kind != kind:
                return output
            return args[0] if args else kwargs["hidden_states"]

        return hook

    def remove(self) -> None:
        """Restore the network as it was before the hooks were installed."""
        for handle in self._handles:
            handle.remove()
        for block, processor in self._processors.items():
            block.attn1.set_processor(processor)

    def perturbed(
        self, call: Callable[..., torch.Tensor], perturbation: LayerPerturbation
    ) -> Callable[..., torch.Tensor]:
        """A function that makes the same call of the network under the perturbation. `call` takes latents first.

        Raises UserError where the network does not have the perturbation's layers.
        """
        self.check(perturbation)

        def perturbed_call(latents: torch.Tensor, *others: Any) -> torch.Tensor:
            with self.applied(perturbation, latents.shape[-2:]):
                return call(latents, *others)

        return perturbed_call

    def check(self, perturbation: LayerPerturbation) -> None:
        """Raises UserError, with the layers there are, where the network does not have the perturbation's."""
        select_blocks(self._blocks, perturbation.layers)

    @contextmanager
    def applied(self, perturbation: LayerPerturbation, shape: tuple[int, ...]) -> Iterator[None]:
        """Within the block, calls of the network from this thread are perturbed.

        shape: height and width of the latents. Raises UserError where the network does not have the layers.
        """
        blocks, (height, width) = select_blocks(self._blocks, perturbation.layers), shape
        self._local.active = ActivePerturbation(perturbation, blocks, (height, width))
        try:
            yield
        finally:
            self._local.active = None

    def active(self, block: nn.Module) -> ActivePerturbation | None:
        """The perturbation that applies to this block in the calling thread."""
        active: ActivePerturbation | None = getattr(self._local, "active", None)
        return active if active is not None and block in active.blocks else None


class _SelfAttention:
    """An attention processor that calls the block's original one unless a perturbation of attention is active."""

    def __init__(self, hooks: PerturbationHooks, block: nn.Module, original: Any):
        self.hooks, self.block, self.original = hooks, block, original

    def __call__(self, attention: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        active = self.hooks.active(self.block)
        match active.perturbation.kind if active else None:
            case "identity":
                return project_output(attention, attention.to_v(hidden_states))
            case "attention":
                return hidden_states
            case "attention_residual":
                return torch.zeros_like(hidden_states)
            case "blur":
                assert active is not None
                return _attend_blurred(attention, hidden_states, active.perturbation.blur_sigma, active.shape)
        return self.original(attention, hidden_states, *args, **kwargs)


def _attend_blurred(
    attention: Any, hidden_states: torch.Tensor, blur_sigma: float, shape: tuple[int, int]
) -> torch.Tensor:
    """Self-attention with queries that are blurred over the image. hidden_states: [rows, height * width, channels]."""
    query = blur_tokens(attention.to_q(hidden_states), blur_sigma, shape)
    q, k, v = (
        x.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for x in (query, attention.to_k(hidden_states), attention.to_v(hidden_states))
    )
    attended = F.scaled_dot_product_attention(q, k, v, scale=attention.scale)
    return project_output(attention, attended.transpose(1, 2).flatten(2))


def project_output(attention: Any, values: torch.Tensor) -> torch.Tensor:
    """The attention module's output projection (and dropout)."""
    for layer in attention.to_out:
        values = layer(values)
    return values


def blur_tokens(tokens: torch.Tensor, blur_sigma: float, shape: tuple[int, int]) -> torch.Tensor:
    """Gaussian blur over the height and width of a level, mirrored at the edges; the mean from MEAN on.

    The kernel reaches three standard deviations, and at most half of the side, as in SusungHong/SEG-SDXL.

    tokens: [rows, height * width, channels] of the level. blur_sigma: in positions of the level. shape: height and
    width of the latents.
    """
    if blur_sigma >= MEAN:
        return tokens.mean(dim=1, keepdim=True).expand_as(tokens)
    height, width = level_shape(tokens.shape[1], shape)
    image = tokens.transpose(1, 2).unflatten(-1, (height, width))
    reach = math.ceil(6 * blur_sigma) // 2
    blurred = gaussian_blur(image, blur_sigma, (min(reach, height // 2), min(reach, width // 2)))
    return blurred.flatten(2).transpose(1, 2)
