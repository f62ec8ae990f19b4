"""Models of labels: pictures equal the reference, labels by number and name, refusals; and flow models."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from PIL import Image

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
from tests.support.engine_runs import StepTraces, run


@pytest.fixture(scope="module")
def dit(saved) -> Path:
    folder = saved(tiny.dit())
    index = json.loads((folder / "model_index.json").read_text())
    names = {"0": "tench, Tinca tinca", "1": "goldfish, Carassius auratus", "292": "tiger, Panthera tigris"}
    (folder / "model_index.json").write_text(json.dumps({**index, "id2label": names}))  # as on the hub
    return folder


@pytest.fixture(scope="module")
def flow(saved) -> Path:
    return saved(tiny.labelled_unet(FlowMatchEulerDiscreteScheduler()))


def sweep_of(folder: Path, **settings: Any) -> str:
    return yaml.safe_dump({"name": "l", "model": str(folder), "label": [1, 2], "steps": 6, "guider": "cfg", **settings})


def pictures_of(run: Path) -> dict[Any, Image.Image]:
    """Pictures of a run by label and value."""
    records = map(json.loads, (run / "experiments.jsonl").read_text().splitlines())
    return {(r["label"], r["value"]): Image.open(run / r["image"]) for r in records}


def levels_apart(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a.convert("RGB"), int) - np.asarray(b.convert("RGB"), int)).max())


def test_dit_equals_its_own_pipeline(cli, dit: Path, tmp_path: Path, sweep_file) -> None:
    text = sweep_of(dit, label=[1, "tiger"], sampler="ddim", seed=7, value=4.0)
    assert cli("run", sweep_file(text), "--out", tmp_path / "r", "--device", DEVICE).code == 0
    pipeline = tiny.dit()
    pipeline.set_progress_bar_config(disable=True)
    for label, number in ((1, 1), ("tiger", 292)):
        generator = torch.Generator().manual_seed(7)
        (expected,) = pipeline([number], guidance_scale=4.0, num_inference_steps=6, generator=generator).images
        assert levels_apart(pictures_of(tmp_path / "r")[label, 4.0], expected) <= 1
    one, other = pictures_of(tmp_path / "r").values()
    assert levels_apart(one, other) > 10, "the label does nothing: the test shows nothing"


def loop(pipeline: Any, scheduler: Any, label: int, scale: float, seed: int, steps: int) -> Image.Image:
    """A plain sampling loop with classifier-free guidance, with a scheduler of diffusers."""
    unet = pipeline.unet
    latents = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    scheduler.set_timesteps(steps)
    latents = latents * getattr(scheduler, "init_noise_sigma", 1.0)
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(latents, t) if hasattr(scheduler, "scale_model_input") else latents
        with torch.no_grad():
            both = unet(torch.cat([seen, seen]), t, torch.tensor([label, 4]), return_dict=False)[0]
        cond, uncond = both.chunk(2)
        latents = scheduler.step(uncond + scale * (cond - uncond), t, latents, return_dict=False)[0]
    grey = ((latents[0, 0] / 2 + 0.5).clamp(0, 1) * 255).round().byte().numpy()
    return Image.fromarray(grey).convert("RGB")


@pytest.mark.parametrize("value", [0.0, 1.0, 3.0])
def test_a_unet_with_labels_equals_a_plain_sampling_loop(
    cli, labelled: Path, tmp_path: Path, sweep_file, value: float
) -> None:
    assert cli("run", sweep_file(sweep_of(labelled, seed=3, value=value)), "--out", tmp_path / "r").code == 0
    pipeline = tiny.labelled_unet()
    for (label, _), picture in pictures_of(tmp_path / "r").items():
        assert levels_apart(picture, loop(pipeline, pipeline.scheduler, label, value, 3, 6)) <= 1
    one, other = pictures_of(tmp_path / "r").values()
    assert (levels_apart(one, other) > 10) == (value > 0)


def test_flow_models_equal_a_plain_euler_loop(cli, flow: Path, tmp_path: Path, sweep_file) -> None:
    assert cli("run", sweep_file(sweep_of(flow, seed=3, value=3.0)), "--out", tmp_path / "r").code == 0
    pipeline = tiny.labelled_unet()
    for (label, _), picture in pictures_of(tmp_path / "r").items():
        assert levels_apart(picture, loop(pipeline, FlowMatchEulerDiscreteScheduler(), label, 3.0, 3, 6)) <= 1


def test_guiders_of_x0_are_right_at_pure_noise(flow: Path, sweep_file) -> None:
    """APG with neutral parameters is CFG computed on x0; zero-init changes the picture."""
    plain = {"apg": {"eta": 1.0, "momentum": 0.0, "norm_threshold": 1e6}}
    text = sweep_of(flow, label=1, guider=["cfg", plain, {"cfg": {"zero_init_steps": 1}}], value=3.0)
    compute = device.choose(DEVICE, "float32")
    denoiser = load_model(Source.of(str(flow)), compute)
    experiments = expand(*read_sweep(sweep_file(text)))
    done = {f.experiment: f.image for f in Engine(denoiser, compute, 4).run(Plan(experiments))}
    cfg, apg, still = (done[e] for e in experiments)
    assert levels_apart(cfg, apg) <= 1
    assert levels_apart(cfg, still) > 1


def test_zero_init_and_traced_x0_of_a_flow_model(flow: Path, sweep_file) -> None:
    """Against the Euler formula: x moves by v, not at all during zero-init, and x0 = x - sigma v."""
    text = sweep_of(flow, label=1, guider={"cfg": {"zero_init_steps": 2}}, value=3.0, seed=3)
    compute = device.choose(DEVICE, "float32")
    (e,) = expand(*read_sweep(sweep_file(text)))
    traces = StepTraces()
    list(Engine(load_model(Source.of(str(flow)), compute), compute, 4).run(Plan([e]), traces))
    traced = [x0.cpu() for x0 in traces.x0]
    unet, scheduler = tiny.labelled_unet().unet, FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(6)
    x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    assert len(traced) == 6
    for call, (sigma, following) in enumerate(itertools.pairwise(scheduler.sigmas)):
        with torch.no_grad():
            cond, uncond = unet(torch.cat([x, x]), 1000 * sigma, torch.tensor([1, 4]), return_dict=False)[0].chunk(2)
        velocity = uncond + 3 * (cond - uncond) if call >= 2 else torch.zeros_like(x)
        torch.testing.assert_close(traced[call], x - sigma * velocity, rtol=1e-4, atol=1e-4)
        x = x + (following - sigma) * velocity


def guided_with_uncond_noise(x: torch.Tensor, pair: torch.Tensor, level: tuple, following: tuple, kind: str):
    """CFGpp-diffusion/CFGpp 00e7f43, latent_diffusion.py: the guided x0 with the unconditional noise, at scale 0.6.

    level, following: the factors of x0 and of the noise in x, before and after the step.
    """
    cond, uncond = pair.chunk(2)
    (alpha, sigma), (alpha_after, sigma_after) = level, following

    def data_and_noise(p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (x - sigma * p, x + alpha * p) if kind == "flow" else (alpha * x - sigma * p, sigma * x + alpha * p)

    data, _ = data_and_noise(uncond + 0.6 * (cond - uncond))
    _, noise = data_and_noise(uncond)
    return alpha_after * data + sigma_after * noise


def test_cfg_plus_plus_begins_at_pure_noise(saved, flow: Path, sweep_file) -> None:
    """Flow models and models with zero terminal SNR begin where sigma / alpha is infinite."""
    settings = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}
    snr = DDIMScheduler(**settings, clip_sample=False, set_alpha_to_one=True)
    compute = device.choose(DEVICE, "float32")
    for folder, sampler in ((flow, "euler"), (saved(tiny.labelled_unet(snr)), "ddim")):
        text = sweep_of(folder, label=1, sampler=sampler, guider="cfg_pp", value=0.6, seed=3)
        (e,) = expand(*read_sweep(sweep_file(text)))
        denoiser = load_model(Source.of(str(folder)), compute)
        ours = run(denoiser, compute, [e])[e]
        scheduler = FlowMatchEulerDiscreteScheduler() if sampler == "euler" else snr
        scheduler.set_timesteps(6)
        if sampler == "euler":
            pairs = list(itertools.pairwise((1 - float(t), float(t)) for t in scheduler.sigmas))
        else:  # DDIM steps by 1000 // 6 timesteps, and not to the next one of its list
            kept = [*scheduler.alphas_cumprod.double().tolist(), *[1.0] * 1000]
            pairs = [tuple((kept[k] ** 0.5, (1 - kept[k]) ** 0.5) for k in (t, t - 166)) for t in scheduler.timesteps]
        assert pairs[0][0] == (0.0, 1.0)
        unet = tiny.labelled_unet().unet
        x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))
        for t, (level, following) in zip(scheduler.timesteps, pairs, strict=True):
            with torch.no_grad():
                pair = unet(torch.cat([x, x]), t, torch.tensor([1, 4]), return_dict=False)[0]
            x = guided_with_uncond_noise(x, pair, level, following, "flow" if sampler == "euler" else "v")
        assert levels_apart(ours, denoiser.decode(x)) <= 1


@pytest.mark.parametrize("sampler", ["heun", "euler"])
def test_flow_models_run_guiders_that_depend_on_the_noise_level(
    cli, flow: Path, tmp_path, sweep_file, sampler: str
) -> None:
    text = sweep_of(flow, sampler=sampler, guider=[{"cfg": {"sigma": [0.2, 4.0]}}, "tcfg"], value=3.0)
    assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0


def test_samplers_that_flow_models_do_not_have_are_refused(cli, flow: Path, tmp_path: Path, sweep_file) -> None:
    refused = cli("run", sweep_file(sweep_of(flow, sampler="ddim", value=3.0)), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "sampler" in refused.err
    assert "euler" in refused.err
    assert not (tmp_path / "r").exists()


def test_all_labels_share_their_evaluations_at_scale_zero(labelled: Path, sweep_file) -> None:
    experiments = expand(*read_sweep(sweep_file(sweep_of(labelled, label=[0, 1, 2], value=[0.0, 2.0]))))
    # Scale 0 uses the null label alone, and shares its first prediction with every first step at scale 2.
    assert cost(experiments).evaluations == 6 + 3 * 12 - 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": 4}, ["label", "4", "0 to 3"]),
        ({"label": "four"}, ["label", "four", "0 to 3"]),
        ({"label": -1}, ["not a label"]),
        ({"label": True}, ["not a label"]),
        ({"label": []}, ["empty"]),
        ({"prompt": "a cat"}, ["there is a label, too"]),
        ({"prompt": "a cat", "label": None}, ["reads no text: give a label"]),
        ({"label": None}, ["prompt: is missing", "a label for models of labels"]),
        ({"negative_prompt": "a cat"}, ["negative_prompt", "null label"]),
        ({"guider": {"pag": {"layers": ["mid"]}}}, ["layer", "mid"]),
    ],
)
def test_what_a_model_of_labels_refuses(
    cli, labelled: Path, tmp_path: Path, sweep_file, changes: dict[str, Any], words: list[str]
) -> None:
    settings = yaml.safe_load(sweep_of(labelled)) | changes
    path = sweep_file(yaml.safe_dump({key: value for key, value in settings.items() if value is not None}))
    refused = cli("run", path, "--out", tmp_path / "r")
    assert refused.code == 2
    for word in words:
        assert word in refused.err
    assert not list((tmp_path / "r").glob("images/*"))


def test_an_unknown_label_name_is_refused_with_the_nearest_one(cli, dit: Path, tmp_path: Path, sweep_file) -> None:
    refused = cli("run", sweep_file(sweep_of(dit, label="tigre")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "did you mean 'tiger'?" in refused.err


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_model_of_texts_refuses_labels(cli, command: str, tmp_path: Path, sweep_file) -> None:
    refused = cli(command, sweep_file(sweep_of(Path("emoji"))), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "emoji has no labels: give a prompt" in refused.err
    assert "sweep.yaml:2: label" in refused.err
    assert not (tmp_path / "r").exists()


def test_an_unconditional_unet_is_refused(cli, tmp_path: Path, sweep_file) -> None:
    tiny.labelled_unet(num_class_embeds=None).save_pretrained(tmp_path / "m")
    refused = cli("run", sweep_file(sweep_of(tmp_path / "m")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "an unconditional model" in refused.err


def test_layers_of_a_dit_are_named_by_number(cli, dit: Path, tmp_path: Path, sweep_file) -> None:
    text = sweep_of(dit, label=1, guider=["cfg", {"slg": {"layers": ["1"]}}], value=3.0, sampler="ddim")
    assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0
    plain, skipped = (Image.open(path) for path in sorted((tmp_path / "r/images").iterdir()))
    assert levels_apart(plain, skipped) > 0


def test_diffusers_own_guiders_take_labels(cli, labelled: Path, tmp_path: Path, sweep_file) -> None:
    text = sweep_of(labelled, label=1, guider=["cfg", "diffusers.ClassifierFreeGuidance"], value=3.0)
    assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0
    ours, theirs = (Image.open(path) for path in sorted((tmp_path / "r/images").iterdir()))
    assert levels_apart(ours, theirs) <= 1


def test_pixels_do_not_depend_on_other_experiments(labelled: Path, sweep_file) -> None:
    compute = device.choose(DEVICE, "float32")
    denoiser = load_model(Source.of(str(labelled)), compute)
    many = expand(*read_sweep(sweep_file(sweep_of(labelled, label=[0, 1, 2, 3], seed=[1, 2], value=[1.0, 2.0]))))
    together = {f.experiment: f.image.tobytes() for f in Engine(denoiser, compute, 4).run(Plan(many))}
    for experiment in many[::5]:
        (alone,) = Engine(denoiser, compute, 4).run(Plan([experiment]))
        assert alone.image.tobytes() == together[experiment]


def test_a_phase_search_runs_on_a_model_of_labels(cli, labelled: Path, tmp_path: Path, sweep_file) -> None:
    text = sweep_of(
        labelled, label=[0, 1], search="value", phase={"low": 0, "high": 4, "scan": 9, "distance": "features"}
    )
    assert cli("phase", sweep_file(text), "--out", tmp_path / "r", "--quiet").code == 0
    report = json.loads((tmp_path / "r/phase.json").read_text())
    assert [search["label"] for search in report["searches"]] == [0, 1]


def test_clip_sample_is_taken_from_the_models_config(cli, tmp_path: Path, sweep_file) -> None:
    scheduler = DDIMScheduler(beta_schedule="linear", clip_sample=True)
    tiny.labelled_unet(scheduler).save_pretrained(tmp_path / "m")
    text = sweep_of(tmp_path / "m", label=1, sampler="ddim", seed=3, value=3.0)
    assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0
    ((_, picture),) = pictures_of(tmp_path / "r").items()
    assert levels_apart(picture, loop(tiny.labelled_unet(), scheduler, 1, 3.0, 3, 6)) <= 1
