"""Defects of the guiders of diffusers 0.42, and that ours do not have them.

Each test first shows the defect in diffusers, so that it fails once diffusers has mended it.
"""

from __future__ import annotations

import math
from pathlib import Path

import diffusers.guiders as theirs
import pytest
import torch
from cf_guidance.transforms import TNormGuidance
from diffusers import StableDiffusionPipeline
from diffusers.hooks import LayerSkipConfig
from diffusers.hooks.smoothed_energy_guidance_utils import SmoothedEnergyGuidanceConfig, _gaussian_blur_2d

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.trace import GuidanceTrace
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.perturbations import MEAN, LayerPerturbation
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.perturbation_hooks import blur_tokens
from cfgsweep.models.source import Source
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.support.guidance_steps import guided

MID = "mid_block.attentions.0.transformer_blocks"


def predictions(rows: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = ("cond", "uncond", "perturbed")
    return {name: torch.randn(rows, 4, 8, 8, generator=generator) for name in names}


def at_step(guider, step: int, steps: int = 50):
    guider.set_state(step=step, num_inference_steps=steps, timestep=torch.tensor(500))
    return guider


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path):
    return load_model(Source("tiny", str(tiny_model)), device.choose("cpu", "float32"))


@pytest.fixture
def call(denoiser):
    latents = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    def predict(perturbation: LayerPerturbation | None = None) -> torch.Tensor:
        condition = denoiser.encode("a").expand(4, -1, -1)
        return denoiser.perturbed(perturbation).predict(latents, torch.full((4,), 500.0), condition)

    return predict


def test_smoothed_energy_guidance_perturbs_the_denoiser(tiny_model, call) -> None:
    unet = StableDiffusionPipeline.from_pretrained(tiny_model, safety_checker=None).unet
    seg = theirs.SmoothedEnergyGuidance(seg_guidance_config=SmoothedEnergyGuidanceConfig([0], fqn=MID))
    at_step(seg, 10)
    for _ in range(3):  # as a pipeline does for each of its three passes
        seg.prepare_models(unet)
    assert not any(hasattr(module, "_diffusers_hook") for module in unet.modules()), "diffusers mended it"
    assert not torch.allclose(call(LayerPerturbation("blur", ("mid",), 1.0)), call(), atol=1e-5)


def test_only_an_infinite_blur_is_the_mean() -> None:
    tokens = torch.randn(1, 64, 3, generator=torch.Generator().manual_seed(1))
    mean = tokens.mean(dim=1, keepdim=True).expand_as(tokens)
    torch.testing.assert_close(_gaussian_blur_2d(tokens.clone(), 3, 0.5, 9999.9), mean)  # inverted
    assert not torch.allclose(blur_tokens(tokens, 0.5, (8, 8)), mean, atol=0.1)
    torch.testing.assert_close(blur_tokens(tokens, MEAN, (8, 8)), mean)


def test_perturbed_guidance_has_the_same_scale_without_cfg() -> None:
    """c + s (c - perturbed), and no jump between scale 1 and 1 + 1e-6."""
    some = predictions()
    config = {"skip_layer_config": LayerSkipConfig([0], fqn=MID), "skip_layer_guidance_stop": 1.0}

    def of_diffusers(scale: float) -> torch.Tensor:
        guider = at_step(theirs.SkipLayerGuidance(guidance_scale=scale, **config), 10)
        return guider.forward(some["cond"], some["uncond"], some["perturbed"]).pred

    assert (of_diffusers(1.0) - of_diffusers(1 + 1e-6)).abs().max() > 0.1
    ours = {name: some[name] for name in ("cond", "perturbed")}  # what is needed at scale 1
    at_one = guided(GUIDERS["slg"](), ours, scale=1.0)
    torch.testing.assert_close(at_one, some["cond"] + 2.8 * (some["cond"] - some["perturbed"]))
    torch.testing.assert_close(at_one, guided(GUIDERS["slg"](), some, scale=1 + 1e-6), atol=1e-4, rtol=0)


def test_without_cfg_the_perturbed_pass_is_still_of_the_prompt(sweep_file) -> None:
    slg = theirs.SkipLayerGuidance(1.0, skip_layer_config=LayerSkipConfig([0], fqn=MID), skip_layer_guidance_stop=1.0)
    batches = at_step(slg, 10).prepare_inputs({"text": ("the prompt", "nothing")})
    assert [batch.text for batch in batches] == ["the prompt", "nothing"]
    text = "name: x\nmodel: tiny\nprompt: the prompt\nguider: slg\nvalue: 1\n"
    (e,) = expand(*read_sweep(sweep_file(text)))
    branches = GuidanceTrace(e)[10].passes
    assert [branch.condition for branch in branches] == ["the prompt", "the prompt"]
    assert branches[1].perturbation is not None


def test_windows_include_their_first_step_and_short_runs(sweep_file) -> None:
    slg = theirs.SkipLayerGuidance(skip_layer_config=LayerSkipConfig([0], fqn=MID))
    assert [at_step(slg, step, 9).num_conditions for step in range(9)] == [2] * 9  # never perturbed
    text = "name: x\nmodel: tiny\nprompt: a\nsteps: 9\nguider: {slg: {start: 0.0, stop: 0.3}}\n"
    (e,) = expand(*read_sweep(sweep_file(text)))
    assert [len(operation.passes) for operation in GuidanceTrace(e)] == [3, 3] + [1] * 7


def test_layers_are_found_by_name_and_by_list(tiny_model, call) -> None:
    unet = StableDiffusionPipeline.from_pretrained(tiny_model, safety_checker=None).unet
    short = at_step(theirs.SkipLayerGuidance(skip_layer_guidance_layers=[0], skip_layer_guidance_stop=1.0), 10)
    short.prepare_models(unet)
    short.prepare_models(unet)
    with pytest.raises((TypeError, ValueError)):  # the third pass is the perturbed one
        short.prepare_models(unet)
    assert not torch.equal(call(LayerPerturbation("block", ("mid", "down.0.attentions.0"))), call())


def test_magnitude_aware_guidance_takes_4d_tensors() -> None:
    some = predictions(rows=2)
    theirs_too = at_step(theirs.MagnitudeAwareGuidance(guidance_scale=7.5), 10)
    with pytest.raises(RuntimeError):
        theirs_too.forward(some["cond"], some["uncond"])
    assert torch.isfinite(guided(GUIDERS["mambo_g"](), some, scale=7.5)).all()


def test_zero_init_with_rescaling_stays_finite(denoiser, sweep_file) -> None:
    some = predictions()
    zero = at_step(theirs.ClassifierFreeZeroStarGuidance(zero_init_steps=2, guidance_rescale=0.7), 0)
    assert zero.forward(some["cond"], some["uncond"]).pred.isnan().all()
    text = (
        "name: x\nmodel: tiny\nprompt: a\nsteps: 5\nguider: {cfg_zero: {zero_init_steps: 2, guidance_rescale: 0.7}}\n"
    )
    (e,) = expand(*read_sweep(sweep_file(text)))
    seen = []

    class NotingDecoder:
        def __getattr__(self, name):
            return getattr(denoiser, name)

        def decode(self, latents, sampler):
            seen.append(latents)
            return denoiser.decode(latents, sampler)

    list(Engine(NotingDecoder(), denoiser.compute, 2).run(Plan([e])))  # type: ignore[arg-type]
    assert torch.isfinite(seen[0]).all()


def test_autoguidance_is_away_from_a_worse_prediction_for_the_same_prompt(sweep_file) -> None:
    auto = theirs.AutoGuidance(auto_guidance_config=LayerSkipConfig([0], fqn=MID))
    batches = at_step(auto, 10).prepare_inputs({"text": ("the prompt", "nothing")})
    assert [batch.text for batch in batches] == ["the prompt", "nothing"]
    (e,) = expand(*read_sweep(sweep_file("name: x\nmodel: tiny\nprompt: the prompt\nguider: autoguidance\n")))
    assert [branch.condition for branch in GuidanceTrace(e)[10].passes] == ["the prompt", "the prompt"]


def test_projected_guidance_ends_in_the_conditional_prediction() -> None:
    """At scale 1 nothing is added, whatever the projection removes."""
    some = predictions()
    apg = at_step(theirs.AdaptiveProjectedGuidance(guidance_scale=1 + 1e-6, eta=0.0), 10)
    assert (apg.forward(some["cond"], some["uncond"]).pred - some["cond"]).abs().max() > 0.1
    torch.testing.assert_close(guided(GUIDERS["apg"](), some, scale=1.0), some["cond"], atol=1e-4, rtol=1e-4)


def test_norms_are_taken_per_sample() -> None:
    some = predictions(rows=2)
    some["cond"][1] *= 10
    together = TNormGuidance({"g": [0.2]})(some["uncond"], some["cond"], 0)
    separate = TNormGuidance({"g": [0.2]})(some["uncond"][:1], some["cond"][:1], 0)
    assert not torch.allclose(together[:1], separate, atol=1e-3)
    torch.testing.assert_close(guided(GUIDERS["tnorm"](), some, scale=0.2)[:1], separate)


def test_frequency_decoupled_guidance_takes_any_size() -> None:
    some = {name: x[..., :7, :5] for name, x in predictions().items()}
    got = guided(GUIDERS["fdg"](levels=3, high_scale=1.0), some, scale=1.0)
    torch.testing.assert_close(got, some["cond"])
    assert math.isfinite(float(guided(GUIDERS["fdg"](levels=3, high_scale=1.0), some, scale=4.0).sum()))
