"""Records how much self-attention every position of the latents receives; the network computes as it always does.

Self-attention guidance (Hong et al. 2023, arXiv 2210.00939) blurs the latents where this attention is high.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from cfgsweep.models.transformer_blocks import level_shape, named_blocks, select_blocks

RECORDED_BLOCK = "mid.attentions.0.transformer_blocks.0"  # the first block of the U-Net's middle, as in the paper


class AttentionRecorder:
    """Records the self-attention of one block during calls made through `with_attention`.

    What is recorded belongs to the calling thread, so that calls from several threads do not disturb each other.
    Raises UserError where the network has no such block.
    """

    def __init__(self, network: nn.Module):
        (block,) = select_blocks(named_blocks(network), [RECORDED_BLOCK])
        attention: Any = block.attn1
        self._local = threading.local()
        attention.set_processor(_RecordingProcessor(self._local, attention.processor))

    def with_attention(self, call: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """A function that calls the network and appends the recorded attention to the prediction as one more channel.

        call: takes latents [rows, channels, height, width] first, and returns a prediction of the same shape.
        Returns predictions [rows, channels + 1, height, width]. The last channel is the attention that each position
        of the block receives from all positions, averaged over heads, 1 on average, resized to the latents (nearest).
        """

        def recording_call(latents: torch.Tensor, *others: Any) -> torch.Tensor:
            self._local.recording = True
            try:
                prediction = call(latents, *others)
            finally:
                self._local.recording = False
            attention: torch.Tensor = self._local.attention
            shape = height, width = latents.shape[-2], latents.shape[-1]
            level = attention.unflatten(-1, level_shape(attention.shape[-1], shape)).unsqueeze(1)
            return torch.cat([prediction, F.interpolate(level, (height, width)).to(prediction.dtype)], dim=1)

        return recording_call


class _RecordingProcessor:
    """An attention processor that stores the attention received by each position, then calls the original one."""

    def __init__(self, local: threading.local, original: Any):
        self.local, self.original = local, original

    def __call__(self, attention: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if getattr(self.local, "recording", False):
            self.local.attention = received_attention(attention, hidden_states)
        return self.original(attention, hidden_states, *args, **kwargs)


def received_attention(attention: Any, hidden_states: torch.Tensor) -> torch.Tensor:
    """Attention that each token receives, summed over queries, averaged over heads.

    attention: diffusers' Attention module. hidden_states: [rows, tokens, channels]. Returns [rows, tokens].
    """
    q, k = (
        x.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for x in (attention.to_q(hidden_states), attention.to_k(hidden_states))
    )
    weights = (q @ k.transpose(-1, -2) * attention.scale).softmax(dim=-1)  # [rows, heads, queries, keys]
    return weights.mean(dim=1).sum(dim=1)
