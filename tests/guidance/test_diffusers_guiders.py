"""Guiders of diffusers in a sweep give the latents of a loop as in diffusers, batched and with shared predictions."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import diffusers.guiders as theirs
import pytest
import torch
import yaml
from diffusers import DDIMScheduler, StableDiffusionPipeline

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import DiffusersPass
from cfgsweep.models import device
from cfgsweep.models.diffusers_passes import DiffusersPasses
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.conftest import DEVICE
from tests.support.engine_runs import LastTally

MID = {"indices": [0], "fqn": "mid_block.attentions.0.transformer_blocks"}
SCORES = {**MID, "skip_attention": False, "skip_attention_scores": True, "skip_ff": False}
STEPS = 6

CASES = {
    "ClassifierFreeGuidance": {"guidance_scale": 5.0, "start": 0.2, "stop": 0.9, "guidance_rescale": 0.4},
    "AdaptiveProjectedGuidance": {"adaptive_projected_guidance_momentum": -0.5, "eta": 0.3},
    "AdaptiveProjectedMixGuidance": {"adaptive_projected_guidance_start_step": 2},
    "ClassifierFreeZeroStarGuidance": {"zero_init_steps": 2, "guidance_scale": 2.0},
    "TangentialClassifierFreeGuidance": {},
    "PerturbedAttentionGuidance": {"perturbed_guidance_config": SCORES, "perturbed_guidance_stop": 0.7},
    "SkipLayerGuidance": {"skip_layer_config": MID, "skip_layer_guidance_stop": 1.0, "guidance_scale": 1.0},
    "SmoothedEnergyGuidance": {"seg_guidance_config": [MID]},
    "AutoGuidance": {"auto_guidance_config": MID, "guidance_scale": 2.5},
}


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path):
    return load_model(Source("tiny", str(tiny_model)), device.choose(DEVICE, "float32"))


def experiments(sweep_file, guiders: list, **others):
    settings = {"name": "x", "model": "tiny", "prompt": "a cat", "negative_prompt": "a dog", "sampler": "ddim"}
    text = yaml.safe_dump({**settings, "steps": STEPS, "seed": 4, "guider": guiders, **others})
    return expand(*read_sweep(sweep_file(text)))


def latents_of(denoiser, experiments, batch_size: int = 4) -> list[torch.Tensor]:
    seen = {}

    class Noting:
        def __getattr__(self, name):
            return getattr(denoiser, name)

        def decode(self, latents, sampler):
            self.last = latents
            return denoiser.decode(latents, sampler)

    noting = Noting()
    counted = LastTally()
    engine = Engine(noting, denoiser.compute, batch_size)  # type: ignore[arg-type]
    for finished in engine.run(Plan(experiments), counted):
        seen[finished.experiment] = noting.last
    assert counted.tally.evaluations == cost(experiments).evaluations
    return [seen[e] for e in experiments]


def in_a_loop(folder: Path, guider) -> torch.Tensor:
    """The latents of a loop as in diffusers' modular pipelines: one pass per prediction, on a prepared network."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None).to(DEVICE)
    prompt, negative = pipeline.encode_prompt("a cat", DEVICE, 1, True, negative_prompt="a dog")
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    scheduler.set_timesteps(STEPS)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(4)).to(DEVICE)
    for step, t in enumerate(scheduler.timesteps):
        guider.set_state(step=step, num_inference_steps=STEPS, timestep=t)
        passes = guider.prepare_inputs({"condition": (prompt, negative)})
        for one in passes:
            guider.prepare_models(pipeline.unet)
            with torch.inference_mode():
                one.noise_pred = pipeline.unet(x, t, one.condition, return_dict=False)[0]
            guider.cleanup_models(pipeline.unet)
        x = scheduler.step(guider(passes).pred, t, x).prev_sample
    return x


@pytest.mark.parametrize("name", CASES)
def test_latents_equal_those_of_diffusers(name: str, denoiser, tiny_model, sweep_file) -> None:
    (e,) = experiments(sweep_file, [{f"diffusers.{name}": CASES[name]}])
    settings = {"use_original_formulation": False, **CASES[name]}
    expected = in_a_loop(tiny_model, getattr(theirs, name)(**settings))
    torch.testing.assert_close(latents_of(denoiser, [e])[0], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_latents_do_not_depend_on_other_experiments(denoiser, sweep_file) -> None:
    wide = [{f"diffusers.{name}": settings} for name, settings in CASES.items()]
    together = experiments(sweep_file, ["cfg", *wide], schedule=["constant", "linear"], seed=[4, 5])
    apart = [latents_of(denoiser, [e])[0] for e in together]
    for one, other in zip(latents_of(denoiser, together), apart, strict=True):
        assert torch.equal(one, other)


def test_a_pass_made_ready_in_another_thread_disturbs_none_that_is_running(denoiser) -> None:
    """Guiders of diffusers remove their hooks by name: making the same pass ready once more would remove them."""
    settings = {**CASES["PerturbedAttentionGuidance"], "use_original_formulation": False}
    wanted = DiffusersPass("diffusers.PerturbedAttentionGuidance", json.dumps(settings), 5.0, 1, STEPS, place=2)
    passes = DiffusersPasses(denoiser.network)
    inputs = torch.ones(1, 4, 8, 8), torch.tensor([500.0]), denoiser.encode("a cat")
    call = passes.perturbed(wanted)
    with torch.inference_mode():
        expected = call(*inputs)
    other = threading.Thread(target=passes.perturbed, args=(wanted,))

    def meanwhile(*_: object) -> None:
        other.start()
        other.join(timeout=1)

    with torch.inference_mode(), passes.network.conv_in.register_forward_hook(meanwhile):
        found = call(*inputs)
    other.join()
    assert torch.equal(found, expected)


def test_schedules_values_and_the_noise_window_are_ours(denoiser, tiny_model, sweep_file) -> None:
    guiders = ["diffusers.ClassifierFreeGuidance", "cfg"]
    for others in ({"value": [1, 3.5]}, {"schedule": "linear", "value": 5}, {"sampler": "heun", "value": 5}):
        half = experiments(sweep_file, guiders, **others)
        count = len(half) // 2
        found = latents_of(denoiser, half)
        for one, other in zip(found[:count], found[count:], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    windowed = [{name: {"sigma": [0.5, 5.0], "zero_init_steps": 1}} for name in guiders]
    one, other = latents_of(denoiser, experiments(sweep_file, windowed, model=str(tiny_model)))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("guider", "words"),
    [
        ("diffusers.ClassifierFreGuidance", ["unknown guider", "did you mean 'diffusers.ClassifierFreeGuidance'"]),
        ({"diffusers.ClassifierFreeGuidance": {"guidance_scal": 3}}, ["unknown parameter", "guidance_scale"]),
        ({"diffusers.ClassifierFreeGuidance": {"guidance_scale": "much"}}, ["not a number"]),
        ("diffusers.PerturbedAttentionGuidance", ["diffusers refuses", "must be provided"]),
        ({"diffusers.ClassifierFreeGuidance": {"guidance_scale": 3, "start": 2}}, ["diffusers refuses", "between"]),
        ("diffusers.MagnitudeAwareGuidance", ["diffusers cannot guide pictures so", "norm"]),
        ({"diffusers.AutoGuidance": {"auto_guidance_config": {**MID, "dropout": 0.5}}}, ["depend on its neighbours"]),
    ],
)
def test_wrong_settings_are_explained(cli, sweep_file, guider, words: list[str]) -> None:
    text = yaml.safe_dump({"name": "x", "model": "emoji", "prompt": "a", "guider": guider})
    outcome = cli("plan", sweep_file(text))
    assert outcome.code == 2
    for phrase in words:
        assert phrase in outcome.err


def test_a_scale_is_given_only_once(cli, sweep_file) -> None:
    guider = {"diffusers.ClassifierFreeGuidance": {"guidance_scale": 3}}
    text = yaml.safe_dump({"name": "x", "model": "emoji", "prompt": "a", "guider": guider, "value": 4})
    outcome = cli("plan", sweep_file(text))
    assert outcome.code == 2
    assert "guidance_scale is what `value` sets" in outcome.err


def test_a_missing_layer_is_refused_before_the_run(cli, sweep_file, tmp_path, tiny_model) -> None:
    nowhere = {"skip_layer_config": {"indices": [0], "fqn": "nowhere"}, "skip_layer_guidance_stop": 1.0}
    guiders = ["cfg", {"diffusers.SkipLayerGuidance": nowhere}]
    text = yaml.safe_dump({"name": "x", "model": str(tiny_model), "prompt": "a", "steps": 2, "guider": guiders})
    outcome = cli("run", sweep_file(text), "--out", tmp_path / "out", "--device", "cpu")
    assert outcome.code == 2
    assert "diffusers cannot prepare the model" in outcome.err
    assert not list((tmp_path / "out").glob("images/*.png"))


def test_an_error_during_a_pass_leaves_the_network_unperturbed(denoiser, sweep_file, monkeypatch) -> None:
    (e,) = experiments(sweep_file, [{"diffusers.SkipLayerGuidance": CASES["SkipLayerGuidance"]}])
    (expected,) = latents_of(denoiser, [e])
    with monkeypatch.context() as patched:
        patched.setattr(denoiser._passes.network.conv_out, "forward", lambda *_: 1 / 0)
        with pytest.raises(UserError, match="division by zero"):
            latents_of(denoiser, [e])
    assert torch.equal(latents_of(denoiser, [e])[0], expected)


def test_the_page_of_a_guider_has_its_own_parameters(cli) -> None:
    page = cli("guiders", "diffusers.SkipLayerGuidance").out
    for words in ("skip_layer_guidance_scale", "2.8", "diffusers 0."):
        assert words in page
