"""The tiny pipelines that other tests use, by themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline

from tests.support import tiny_pipelines as tiny

QUICK = ("sdxl", "flux", "wan")  # of the fast tests
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in tiny.FAMILIES]
LATENTS, TIMESTEP = ("hidden_states", "sample", "x"), ("timestep", "timesteps", "t")


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_depends_on_both_prompts(name: str) -> None:
    pipeline = tiny.build(name)
    picture = _picture(pipeline, name)
    assert picture.isfinite().all()
    assert picture.std() > 0.02, "a picture of one colour"
    assert torch.equal(picture, _picture(tiny.build(name), name)), "built twice, two pipelines"
    assert _differ(picture, _picture(pipeline, name, prompt="some dogs"))
    if tiny.takes_negative_prompt(pipeline):
        assert _differ(picture, _picture(pipeline, name, negative="worse"))


@pytest.mark.parametrize("name", NAMES)
def test_the_prediction_depends_on_latents_timestep_and_text(name: str) -> None:
    pipeline, calls = tiny.build(name), []
    for network in tiny.networks(pipeline).values():
        network.register_forward_hook(lambda *call: calls.append(call), with_kwargs=True)
    _picture(pipeline, name)
    assert len(calls) == 2 * tiny.TABLE[name].calls
    rows = [row for call in calls[: len(calls) // 2] for row in call[-1][0]]  # of the first step
    assert len(rows) == 1 or _differ(rows[0], rows[1])  # they differ in nothing but the text
    network, *_, output = calls[-1]
    first, last = (
        inspect.signature(network.forward).bind(*call[1], **call[2]).arguments for call in (calls[0], calls[-1])
    )
    for names in (LATENTS, TIMESTEP):
        (changed,) = (key for key in names if key in last)
        with torch.no_grad():
            other = network(**{**last, changed: first[changed]})
        assert _differ(output[0][0], other[0][0]), changed


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_pipeline_gives_the_same_picture(name: str, tmp_path: Path) -> None:
    tiny.save(name, tmp_path)
    if name == "kolors":
        pytest.importorskip("sentencepiece", reason="diffusers does not load Kolors without it")
    loaded = DiffusionPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    # Not bit-equal: weights mapped from a file are aligned differently in memory, and sums are taken in another order.
    torch.testing.assert_close(_picture(loaded, name), _picture(tiny.build(name), name), atol=5e-4, rtol=0)


def test_a_word_is_one_token() -> None:
    """Where a pipeline does not pad its texts, they differ in length."""
    pipeline = tiny.build("qwenimage")
    short, long = (pipeline.encode_prompt(prompt)[0].shape[1] for prompt in ("a cat", "a red cat"))
    assert long == short + 1


def _picture(pipeline: Any, name: str, prompt: str = "a cat", negative: str = "bad") -> torch.Tensor:
    return torch.as_tensor(tiny.call(pipeline, name, prompt, negative, output_type="pt")[0][0])


def _differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() > 1e-3)
