"""Packed latents are guided in the layout of their picture, which is that of the pipeline's own unpacking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.guiders.frequency import FDG
from cfgsweep.guidance.perturbations import NegativePrompt
from cfgsweep.models.recorded.picture_layout import token_grid
from cfgsweep.samplers import PictureLayout, Sampler
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny
from tests.support.guidance_steps import guided


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 10**6))
def test_there_and_back_gives_the_same_latents(rows: int, channels: int, height: int, width: int, seed: int) -> None:
    """For any order of the numbers, and any shape that the model has them in."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.Size((channels, height, width))
    layout = PictureLayout(torch.randperm(shape.numel(), generator=generator), shape)
    latents = torch.randn(rows, height * width, channels, generator=generator)
    picture = layout.as_picture(latents)
    assert picture.shape == (rows, *shape)
    assert torch.equal(layout.as_latents(picture, latents), latents)
    assert torch.equal(layout.as_picture(layout.as_latents(picture, latents)), picture)
    for row in range(rows):
        assert torch.equal(layout.as_picture(latents[row : row + 1])[0], picture[row])


def started(name: str) -> tuple[torch.Tensor, Sampler]:
    return recorded.denoiser(name).start(recorded.tried(name), torch.Generator().manual_seed(0))


def unpacked_flux(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    return pipeline._unpack_latents(latents, 32, 32, pipeline.vae_scale_factor)


def unpacked_qwen(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    return unpacked_flux(pipeline, latents)[:, :, 0]  # one frame


def unpacked_ltx(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    space, time = pipeline.vae_spatial_compression_ratio, pipeline.vae_temporal_compression_ratio
    patches = pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size
    return pipeline._unpack_latents(latents, (9 - 1) // time + 1, 32 // space, 32 // space, *patches)


UNPACKED: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "flux": unpacked_flux,
    "chroma": unpacked_flux,
    "qwenimage": unpacked_qwen,
    "ltx": unpacked_ltx,
}


@pytest.mark.parametrize("name", ["flux", "qwenimage", recorded.slow("chroma"), "ltx"])
def test_the_layout_is_the_pipelines_own_unpacking(name: str) -> None:
    latents, sampler = started(name)
    assert sampler.layout is not None
    several = torch.randn(3, *latents.shape[1:], generator=torch.Generator().manual_seed(1))
    theirs = UNPACKED[name](tiny.build(name), several)
    assert torch.equal(sampler.layout.as_picture(several), theirs)
    assert token_grid(latents, sampler.layout)[-2] * token_grid(latents, sampler.layout)[-1] <= latents.shape[1]


PICTURES = ("sdxl", "sd3", "wan", "sana", "pixart_sigma", "cogview4", "hidream", "hunyuanvideo")


@pytest.mark.parametrize("name", [name if name in ("sdxl", "wan") else recorded.slow(name) for name in PICTURES])
def test_latents_that_have_their_pictures_shape_need_no_layout(name: str) -> None:
    assert started(name)[1].layout is None


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in recorded.NAMES if name != "hidream"])  # its latents are square
def test_every_layout_has_the_pictures_sides_last(name: str) -> None:
    """In the proportion of the picture, also where it is twice as wide as high."""
    size, _ = recorded.settings(name)
    assert size is not None
    wide = recorded.tried(name, size=(2 * size[0], size[1]))
    latents, sampler = recorded.denoiser(name).start(wide, torch.Generator().manual_seed(0))
    shape = latents.shape[1:] if sampler.layout is None else sampler.layout.shape
    assert len(shape) in (3, 4)
    assert shape[-1] == 2 * shape[-2]
    if sampler.layout is not None:
        assert torch.equal(sampler.layout.order.sort().values, torch.arange(latents.numel()))


def test_frequencies_of_packed_latents_are_those_of_the_picture() -> None:
    """One step of FDG on Flux against FDG of predictions that the pipeline's functions unpack, and pack again."""
    denoiser, pipeline = recorded.denoiser("flux"), tiny.build("flux")
    e = recorded.experiment("flux", FDG(high_scale=10.0), value=2.0, steps=1)
    (ours,) = Engine(recorded.LatentsAlone(denoiser), recorded.compute(), 2).run(Plan([e]))
    latents, sampler = denoiser.start(recorded.tried("flux", steps=1), torch.Generator().manual_seed(e.seed))
    rows = [denoiser.inputs(text, sampler, 0) for text in (e.prompt, NegativePrompt(e.negative_prompt))]
    both = denoiser.predict_rows(torch.cat([latents] * 2), rows)
    cond, uncond = unpacked_flux(pipeline, both).split(1)
    picture = guided(FDG(high_scale=10.0), {"cond": cond, "uncond": uncond}, scale=2.0)
    packed = pipeline._pack_latents(picture, *picture.shape)
    by_hand = sampler.step(packed, latents, 0)
    assert recorded.relative_difference(recorded.latents_of(ours.image), by_hand) <= 1e-5
    unlike = guided(CFG(), {"cond": cond, "uncond": uncond}, scale=2.0)
    assert recorded.relative_difference(picture, unlike) > 0.1
