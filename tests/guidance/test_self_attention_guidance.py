"""Self-attention guidance, where one prediction is made of latents that depend on another prediction."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from diffusers.pipelines.deprecated.stable_diffusion_sag.pipeline_stable_diffusion_sag import (
    StableDiffusionSAGPipeline,
)

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.conftest import DEVICE
from tests.support import tiny_models as tiny
from tests.support.engine_runs import LastTally, LatentsInPictures, hashes, largest_difference, run

STEPS = 6


@pytest.fixture(params=["tiny_model", "tiny_v_model"])
def folder(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def compute():
    return device.choose(DEVICE, "float32")


def experiments(sweep_file, guiders, **others):
    settings = {"name": "x", "model": "tiny", "prompt": "a cat", "negative_prompt": "a dog", "sampler": "ddim"}
    return expand(*read_sweep(sweep_file(yaml.safe_dump({**settings, "steps": STEPS, "guider": guiders, **others}))))


def test_sag_equals_the_pipeline_of_diffusers(folder: Path, compute, sweep_file) -> None:
    denoiser = load_model(Source("tiny", str(folder)), compute)
    (e,) = experiments(sweep_file, [{"sag": {"sag_scale": 2.0}}], value=5, seed=4)
    ours = run(denoiser, compute, [e], batch_size=2)[e]
    parts = {name: part for name, part in denoiser.pipeline.components.items() if name != "image_encoder"}
    pipeline = StableDiffusionSAGPipeline(**{**parts, "requires_safety_checker": False})
    settings = {"num_inference_steps": STEPS, "guidance_scale": 5.0, "sag_scale": 2.0, "negative_prompt": "a dog"}
    theirs = pipeline("a cat", generator=torch.Generator().manual_seed(4), **settings).images[0]
    assert largest_difference(ours, theirs) <= 1
    (plain,) = experiments(sweep_file, ["cfg"], value=5, seed=4)
    assert largest_difference(ours, run(denoiser, compute, [plain], batch_size=2)[plain]) > 1


@pytest.mark.slow
def test_sag_shares_predictions_with_other_guiders(tiny_model: Path, compute, sweep_file) -> None:
    """Unperturbed predictions are the same with recorded attention and without, and are computed once for both."""
    denoiser = LatentsInPictures(load_model(Source("tiny", str(tiny_model)), compute))
    guiders = ["cfg", {"sag": {"sag_scale": [0.0, 0.75, 2.0], "start": 0.5}}, "sag"]
    both = experiments(sweep_file, guiders, value=[0, 5], seed=[3, 4])
    together = hashes(run(denoiser, compute, both, batch_size=4))
    for e in both:
        assert hashes(run(denoiser, compute, [e], batch_size=4)) == {e: together[e]}
    counted = LastTally()
    list(Engine(denoiser, compute, 4).run(Plan(both), counted))  # type: ignore[arg-type]
    assert counted.tally.evaluations == cost(both).evaluations
    pair = experiments(sweep_file, ["cfg", "sag"], value=5, seed=3)
    alone = [cost([e]).evaluations for e in pair]
    assert alone == [2 * STEPS, 3 * STEPS]
    assert cost(pair).evaluations == sum(alone) - 2  # both predictions of the first step


def test_a_model_without_attention_in_the_middle_is_refused(cli, tmp_path: Path, sweep_file) -> None:
    tiny.stable_diffusion(mid_block_type="UNetMidBlock2D").save_pretrained(tmp_path / "model")
    settings = {"name": "x", "model": str(tmp_path / "model"), "prompt": "a", "steps": 2, "guider": "sag"}
    outcome = cli("run", sweep_file(yaml.safe_dump(settings)), "--out", tmp_path / "out", "--device", "cpu")
    assert outcome.code == 2
    assert "unknown layer 'mid" in outcome.err
