"""Samplers: which of them take which models, how many steps they can take, and their seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler

from cfgsweep.errors import UserError
from cfgsweep.samplers import PREDICTION_TYPES, SAMPLERS, STABLE_DIFFUSION_NOISE, Sampler, check_sampler
from cfgsweep.storage.run_folder import RunFolder
from tests.support import tiny_models as tiny


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_a_sampler_takes_every_step_or_is_refused_beforehand(name: str, prediction_type: str) -> None:
    config = {**STABLE_DIFFUSION_NOISE, "prediction_type": prediction_type, "_class_name": "DEISMultistepScheduler"}
    if (name, prediction_type) in {("euler_a", "sample"), ("pndm", "sample")}:
        with pytest.raises(UserError, match="not a sampler for models that predict x0"):
            check_sampler(name, config)
        return
    check_sampler(name, config)
    sampler = Sampler.start(name, config, 5, torch.Generator().manual_seed(0))
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)) * float(sampler.initial_sigma)
    for call in range(len(SAMPLERS[name].steps_of_calls(5))):
        x = sampler.step(sampler.model_input(x, call), x, call)
    assert x.isfinite().all()


@pytest.mark.parametrize("name", ["euler_a", "pndm"])
def test_a_plan_refuses_a_sampler_that_does_not_take_x0(cli, saved, name: str, sweep_file) -> None:
    folder = saved(tiny.labelled_unet(DDIMScheduler(prediction_type="sample")))
    text = f"name: x\nmodel: {folder}\nlabel: 1\nsteps: 4\nguider: cfg\nsampler: {name}\n"
    refused = cli("plan", sweep_file(text))
    assert refused.code == 2
    assert "not a sampler for models that predict x0" in refused.err
    assert "ddim" in refused.err


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("offset", [0, 1, 3])
def test_the_most_steps_that_a_refusal_tells_are_taken(name: str, spacing: str, offset: int) -> None:
    config = {**STABLE_DIFFUSION_NOISE, "timestep_spacing": spacing, "steps_offset": offset}
    for steps in (997, 998, 999, 1000):
        try:
            Sampler.start(name, config, steps, torch.Generator())
        except UserError as refused:
            if "too many steps" not in str(refused):  # in words of the scheduler's own
                continue
            most = int(str(refused).split("allowed:")[1].split()[0])
            assert most < steps
            Sampler.start(name, config, most, torch.Generator())


def test_seeds_are_those_of_torch(cli, sweep_file, tmp_path: Path) -> None:
    """From -2**63 to 2**64 - 1. Negative ones count from 2**64, and the CPU generator takes the lowest 32 bits."""
    text = "name: x\nmodel: digits\nlabel: 1\nsteps: 2\nguider: cfg\nvalue: 2\nseed: {}\n"
    seeds = [-(2**63), -1, 0, 2**63, 2**64 - 1]
    assert cli("run", sweep_file(text.format(seeds)), "--out", tmp_path / "r").code == 0
    records = {record.as_json()["seed"]: record.as_json() for record in RunFolder(tmp_path / "r").records().values()}
    assert list(records) == seeds
    pixels = {seed: record["pixels_sha256"] for seed, record in records.items()}
    assert pixels[-1] == pixels[2**64 - 1]
    assert pixels[-(2**63)] == pixels[2**63] == pixels[0] != pixels[-1]
    assert cli("verify", tmp_path / "r").code == 0
    assert json.loads(cli("plan", tmp_path / "r/sweep.yaml", "--out", tmp_path / "r", "--json").out)["pending"] == 0
    for beyond in (-(2**63) - 1, 2**64):
        refused = cli("plan", sweep_file(text.format(beyond)))
        assert refused.code == 2
        assert f"from {-(2**63)} to {2**64 - 1}" in refused.err
