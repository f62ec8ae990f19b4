"""The attention recorder: predictions are unchanged, the attention equals diffusers' own, threads are separate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor

from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from tests.conftest import DEVICE


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path):
    return load_model(Source("tiny", str(tiny_model)), device.choose(DEVICE, "float32"))


def inputs_of(denoiser, seed: int = 0, shape: tuple[int, int] = (8, 8)) -> tuple[torch.Tensor, ...]:
    latents = torch.randn(3, 4, *shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)
    return latents, torch.full((3,), 500.0), denoiser.encode("a cat").expand(3, -1, -1)


@pytest.mark.parametrize("shape", [(8, 8), (6, 10)])
def test_predictions_are_the_same_and_one_channel_is_added(denoiser, shape: tuple[int, int]) -> None:
    inputs = inputs_of(denoiser, shape=shape)
    recorded = denoiser.with_attention().predict(*inputs)
    assert recorded.shape == (3, 5, *shape)
    assert torch.equal(recorded[:, :4], denoiser.predict(*inputs))


def test_the_attention_is_that_of_the_middle_block(denoiser) -> None:
    """Against diffusers' own attention scores, taken from a processor that computes them."""
    inputs = inputs_of(denoiser)
    recorded = denoiser.with_attention().predict(*inputs)[:, 4]
    scores: list[torch.Tensor] = []

    class Keeping(AttnProcessor):
        def __call__(self, attention, hidden_states, *args, **kwargs):
            query, key = (attention.head_to_batch_dim(x(hidden_states)) for x in (attention.to_q, attention.to_k))
            scores.append(attention.get_attention_scores(query, key))
            return super().__call__(attention, hidden_states, *args, **kwargs)

    attention = denoiser.network.mid_block.attentions[0].transformer_blocks[0].attn1
    before = attention.processor
    attention.set_processor(Keeping())
    try:
        denoiser._call(*inputs)
    finally:
        attention.set_processor(before)
    received = scores[0].view(3, attention.heads, *scores[0].shape[1:]).mean(1).sum(1)  # [rows, keys]
    side = int(received.shape[-1] ** 0.5)
    expected = received.view(3, side, side).repeat_interleave(8 // side, 1).repeat_interleave(8 // side, 2)
    torch.testing.assert_close(recorded, expected, rtol=1e-4, atol=1e-5)
    assert recorded.mean().item() == pytest.approx(1.0, abs=1e-4)


def test_threads_record_their_own_call(denoiser) -> None:
    recording = denoiser.with_attention()
    batches = [inputs_of(denoiser, seed) for seed in range(16)]
    expected = [recording.predict(*batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda batch: recording.predict(*batch), batches))
        plain = list(pool.map(lambda batch: denoiser.predict(*batch), batches))
    for one, other, without in zip(expected, got, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        assert without.shape[1] == 4
