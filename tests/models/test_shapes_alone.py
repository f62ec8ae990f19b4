"""Shapes and memory of a network's call, found without computing it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.shapes_alone import ShapesAlone, _counted
from tests.support import recorded_pipelines as recorded


def arguments(denoiser: RecordedPipeline, rows: int) -> dict[str, Any]:
    latents, row = denoiser.first_row(denoiser.tried)
    return denoiser.call_arguments(torch.cat([latents] * rows), [row] * rows)


@pytest.mark.parametrize("name", ["sdxl", "flux", "qwenimage"])
def test_the_bytes_are_those_of_a_real_call_and_of_the_first_as_of_the_second(name: str) -> None:
    denoiser = recorded.denoiser(name)
    (network,) = denoiser.recorder.networks.values()
    shapes, given = ShapesAlone(network), arguments(denoiser, 2)
    first, second = shapes.peak_bytes(given), shapes.peak_bytes(given)
    with torch.inference_mode():
        assert first == second == _counted(lambda: network(**given))


@pytest.mark.parametrize("name", ["sdxl", "qwenimage"])
def test_the_output_has_the_shape_and_type_and_the_network_computes_as_before(name: str) -> None:
    denoiser = recorded.denoiser(name)
    (network,) = denoiser.recorder.networks.values()
    given = arguments(denoiser, 3)
    with torch.inference_mode():
        before = network(**given)[0]
        output = ShapesAlone(network).output(given)
        assert (output.shape, output.dtype, output.device) == (before.shape, before.dtype, before.device)
        assert torch.equal(network(**given)[0], before)


def test_memory_grows_with_the_size_of_the_picture() -> None:
    denoiser = recorded.denoiser("sdxl")
    weights, row = denoiser.memory((32, 32))
    assert weights == sum(p.numel() * 4 for p in denoiser.recorder.networks["unet"].parameters())
    assert 1000 < row < denoiser.memory((64, 64))[1] / 3
