"""Finds where in a picture every number of a pipeline's latents lies, from what its autoencoder is given."""

from __future__ import annotations

import math

import torch

from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded.recorder import PipelineRecorder
from cfgsweep.models.transformer_blocks import Shape
from cfgsweep.samplers import PictureLayout, Sampling

BASE = 16  # of the digits by which numbers are told apart: bfloat16 holds them and what shifts and scales leave of them


def find_layout(recorder: PipelineRecorder, sampling: Sampling, like: torch.Tensor) -> PictureLayout | None:
    """The layout of latents of this shape and type; None where they are [1, channels, height, width] as they are.

    The pipeline's own end is given latents made of the digits of their places, and its autoencoder's input is read.
    Pipelines shift and scale every number on the way, which does not matter here. Raises Unsupported where the numbers
    do not arrive one by one.
    """

    def arrived(latents: torch.Tensor) -> torch.Tensor:
        return recorder.autoencoder_input(latents.reshape(like.shape), sampling).double()

    count = like.numel()
    zeros = arrived(torch.zeros(count))
    slope = arrived(torch.ones(count)) - zeros
    if zeros.numel() != count or not bool((slope != 0).all()):
        raise Unsupported("the way from its latents to its autoencoder is not one of places alone")
    places, digit_value = torch.zeros_like(zeros), 1
    while digit_value < count:
        digits = torch.arange(count) // digit_value % BASE
        places += digit_value * ((arrived(digits.float()) - zeros) / slope).round()
        digit_value *= BASE
    order = places.flatten().long()
    if not torch.equal(order.sort().values, torch.arange(count, device=order.device)):
        raise Unsupported("some of its latents are taken twice by its autoencoder, or never")
    shape = _without_single_frame(zeros.shape)
    if shape == like.shape[1:] and torch.equal(order, torch.arange(count, device=order.device)):
        return None
    return PictureLayout(order, shape)


def _without_single_frame(shape: torch.Size) -> torch.Size:
    """[1, channels, height, width] or [1, channels, frames, height, width] without the row and a single frame."""
    return torch.Size(side for axis, side in enumerate(shape[1:]) if not (len(shape) == 5 and axis == 1 and side == 1))


def token_grid(latents: torch.Tensor, layout: PictureLayout | None) -> Shape:
    """(height, width), or (frames, height, width), of latents [1, ...]; of their tokens where they are packed."""
    shape = tuple(latents.shape[2:] if layout is None else layout.shape[1:])
    if latents.ndim != 3:
        return shape
    side = math.isqrt(math.prod(shape) // latents.shape[1])  # of the square of positions that is one token
    return (*shape[:-2], shape[-2] // side, shape[-1] // side)
