"""Guiders that look at neighbours or channels, on videos [rows, channels, frames, height, width]."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS, StepContext


def context(**numbers: float) -> StepContext:
    """Two rows of one channel with 3 frames of 4 x 6."""
    generator = torch.Generator().manual_seed(0)
    cond, uncond, latents = (torch.randn(2, 1, 3, 4, 6, generator=generator) for _ in range(3))
    columns = {name: torch.full((2, 1, 1, 1, 1), number) for name, number in numbers.items()}
    sigma = torch.ones(2, 1, 1, 1, 1)
    return StepContext({"cond": cond, "uncond": uncond}, columns, latents, sigma, sigma)


def flattened(ctx: StepContext, shape: tuple[int, ...]) -> StepContext:
    """The same numbers in another shape, one value per row of `shape`."""

    def column(x: Tensor) -> Tensor:
        return x.flatten().repeat_interleave(shape[0] // 2).view(-1, 1, 1, 1)

    return replace(
        ctx,
        predictions={name: each.transpose(1, 2).reshape(shape) for name, each in ctx.predictions.items()},
        numbers={name: column(each) for name, each in ctx.numbers.items()},
        latents=ctx.latents.transpose(1, 2).reshape(shape),
        sigma=column(ctx.sigma),
        next_sigma=column(ctx.next_sigma),
    )


def test_every_frame_has_a_pyramid_of_its_own() -> None:
    guider, ctx = GUIDERS["fdg"](levels=3), context(scale=5.0, high_scale=10.0)
    frames = guider.combine(flattened(ctx, (6, 1, 4, 6)))
    assert torch.equal(guider.combine(ctx), frames.view(2, 3, 1, 4, 6).transpose(1, 2))


def test_the_range_of_a_channel_is_that_of_all_frames() -> None:
    guider, ctx = GUIDERS["mimic"](), context(scale=15.0, mimic_scale=7.0, percentile=0.9)
    tall = guider.combine(flattened(ctx, (2, 1, 12, 6)))
    torch.testing.assert_close(guider.combine(ctx), tall.view(2, 1, 3, 4, 6))


def test_sound_has_no_pyramid() -> None:
    ctx = replace(context(scale=5.0, high_scale=10.0), latents=torch.randn(2, 8, 20))
    with pytest.raises(UserError, match="one of pictures"):
        GUIDERS["fdg"]().combine(ctx)
