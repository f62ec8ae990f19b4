"""Traces give exactly the network's output, for every shape and thread; a network that cannot be traced is called."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from cfgsweep.models import device
from cfgsweep.models.jit_trace import TracedNetwork
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.models.threads import one_thread_per_operation


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path):
    return load_model(Source("tiny", str(tiny_model)), device.choose("cpu", "float32"))


def rows(denoiser, count: int, side: int = 8, seed: int = 0) -> tuple[torch.Tensor, ...]:
    latents = torch.randn(count, 4, side, side, generator=torch.Generator().manual_seed(seed))
    return latents, torch.linspace(0, 999, count), denoiser.encode("a cat").expand(count, -1, -1)


@pytest.mark.parametrize(("count", "side"), [(1, 8), (2, 8), (8, 8), (3, 12)])
def test_a_trace_gives_exactly_the_networks_output(denoiser, count: int, side: int) -> None:
    traced = TracedNetwork(denoiser._call, calls_before=0)
    for seed in range(4):
        inputs = rows(denoiser, count, side, seed)
        with torch.inference_mode():
            assert torch.equal(traced(*inputs), denoiser._call(*inputs))
    (call,) = traced._calls.values()
    assert isinstance(call, torch.jit.ScriptModule), "the network was not traced"


def test_the_first_calls_of_a_shape_are_the_networks_own(denoiser) -> None:
    """With the same bits as those after them."""
    traced, wide, narrow = TracedNetwork(denoiser._call, calls_before=2), rows(denoiser, 2), rows(denoiser, 1)
    with torch.inference_mode():
        expected = denoiser._call(*wide)
        for traces in (0, 0, 1, 1):
            assert torch.equal(traced(*wide), expected)
            assert len(traced._calls) == traces
        traced(*narrow)
    assert len(traced._calls) == 1


def test_threads_share_a_trace(denoiser) -> None:
    traced = TracedNetwork(denoiser._call, calls_before=0)
    inputs = [rows(denoiser, 4, seed=seed) for seed in range(12)]

    def call(some):
        with torch.inference_mode():
            return traced(*some)

    with one_thread_per_operation(denoiser.compute), ThreadPoolExecutor(4) as pool:
        with torch.inference_mode():
            expected = [denoiser._call(*some) for some in inputs]
        for got, wanted in zip(pool.map(call, inputs), expected, strict=True):
            assert torch.equal(got, wanted)
    assert len(traced._calls) == 1


def test_a_network_that_cannot_be_traced_is_called_itself() -> None:
    """A trace keeps the values that Python code read from tensors; the check against the network finds that."""
    draws = torch.Generator().manual_seed(0)

    def fickle(x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand((), generator=draws).item()

    def broken(x: torch.Tensor) -> torch.Tensor:
        return x if torch.jit.is_tracing() is False else x.numpy_does_not_exist()

    for network in (fickle, broken):
        traced = TracedNetwork(network, calls_before=0)
        traced(torch.ones(2))
        assert list(traced._calls.values()) == [network]
