"""Inputs of tiny transformers: two rows, a picture or a video of 16 tokens, and texts of 16 tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.support.tiny_networks import WIDTH

ROWS, TEXT, CHANNELS = 2, 16, 4
Made = tuple[nn.Module, dict[str, Any], tuple[int, ...]]  # a network, arguments, the shape of the latents


def text(tokens: int = TEXT) -> Tensor:
    return torch.randn(ROWS, tokens, WIDTH)


def image() -> Tensor:
    return torch.randn(ROWS, CHANNELS, 8, 8)


def video(channels: int = CHANNELS) -> Tensor:
    return torch.randn(ROWS, channels, 2, 8, 4)


def packed(channels: int = 16, tokens: int = 16) -> Tensor:
    return torch.randn(ROWS, tokens, channels)


def times() -> Tensor:
    return torch.full((ROWS,), 500.0)


def positions(axes: int = 3) -> dict[str, Tensor]:
    """Positions of a text and of a picture of 4 by 4 tokens."""
    grid = torch.zeros(16, axes)
    grid[:, 1], grid[:, 2] = torch.arange(16) // 4, torch.arange(16) % 4
    return {"img_ids": grid, "txt_ids": torch.zeros(TEXT, axes)}


def mask(*lengths: int) -> Tensor:
    """Which tokens of two texts are no padding."""
    return torch.arange(TEXT) < torch.tensor(lengths or (TEXT, TEXT))[:, None]


def usual(latents: Tensor) -> dict[str, Any]:
    return {"hidden_states": latents, "encoder_hidden_states": text(), "timestep": times()}
