"""U-turns and forks: equal to image-to-image of diffusers and to formulas, with shared steps, and independent."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusionImg2ImgPipeline

from cfgsweep.engine.cost import cost
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import Constant
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.samplers import PREDICTION_TYPES, SAMPLERS, STABLE_DIFFUSION_NOISE, Fork, Sampler, UTurn, build_scheduler
from cfgsweep.sweep.experiment import Experiment
from tests.conftest import DEVICE
from tests.support import tiny_models as tiny
from tests.support.engine_runs import hashes, run

STEPS = 6
LATE = [name for name, kind in SAMPLERS.items() if kind.begins_late and kind.scheduler]
FLOW = [name for name in LATE if SAMPLERS[name].takes("flow")]
FLOW_CONFIG = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "num_train_timesteps": 1000}


@pytest.fixture(scope="module")
def compute() -> device.Compute:
    return device.choose(DEVICE, "float32")


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path, compute: device.Compute):
    return load_model(Source("tiny", str(tiny_model)), compute)


@pytest.fixture(scope="module")
def flow(saved, compute):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    return load_model(Source.of(str(saved(tiny.labelled_unet(scheduler)))), compute)


def experiment(**changed: Any) -> Experiment:
    usual: dict[str, Any] = {"guider": GUIDERS["cfg"](), "schedule": Constant(), "value": 3.0, "seed": 1}
    usual |= {"model": "tiny", "prompt": "a cat", "steps": STEPS, "sampler": "euler"}
    return Experiment(**{**usual, **changed})


def latents(picture, like: torch.Tensor | None = None) -> torch.Tensor:
    flat = torch.from_numpy(np.frombuffer(picture.info["latents"], dtype=np.float32).copy())
    return flat.view(1, 4, 8, 8) if like is None else flat.view(like.shape)


def seed_of(kind: str, own: int, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{kind} {own} of {seed}".encode()).digest()[:8], "big")


@pytest.mark.parametrize("sampler", LATE)
@pytest.mark.parametrize("noise", [0.34, 0.5, 1.0])
def test_a_u_turn_is_image_to_image_of_the_finished_latents(
    denoiser, compute, tiny_model: Path, sampler: str, noise: float
) -> None:
    """The reference is diffusers' pipeline, given the latents that the experiment without the U-turn ends with."""
    parent, turned = (experiment(sampler=sampler, start=start) for start in (None, UTurn(noise, 2)))
    pictures = run(denoiser, compute, [parent, turned])
    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(tiny_model, safety_checker=None).to(compute.device)
    pipeline.scheduler = build_scheduler(sampler, denoiser.scheduler_config)
    pipeline.set_progress_bar_config(disable=True)
    wanted = pipeline(
        "a cat",
        image=latents(pictures[parent]).to(compute.device),
        strength=noise,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(seed_of("u-turn", 2, 1)),
        output_type="latent",
    ).images
    assert (latents(pictures[turned]) - wanted.cpu()).abs().max() < 2e-3 * wanted.abs().max()
    assert (latents(pictures[turned]) - latents(pictures[parent])).abs().max() > 0.1


@pytest.mark.parametrize("sampler", FLOW)
def test_a_u_turn_of_a_flow_model_noises_on_the_straight_line(flow, compute, sampler: str) -> None:
    given = {"model": flow.name, "prompt": None, "label": 1, "sampler": sampler}
    some = [experiment(**given, start=start) for start in (None, UTurn(0.5), UTurn(1.0))]
    pictures = run(flow, compute, some)
    assert len(set(hashes(pictures).values())) == 3
    late = Sampler.start_late(sampler, flow.scheduler_config, STEPS, torch.Generator(), 3, 0)
    picture, noise = torch.ones(1, 1, 8, 8), torch.full((1, 1, 8, 8), 3.0)
    t = float(late.scheduler.sigmas[3])
    assert torch.allclose(late.noised(picture, noise, 0), (1 - t) * picture + t * noise)


@pytest.mark.parametrize("prediction", [*PREDICTION_TYPES, "flow"])
@pytest.mark.parametrize("sampler", LATE)
def test_noise_is_renewed_at_its_level(sampler: str, prediction: str) -> None:
    """What diffusers' own noising makes of the picture and the mixed noise."""
    if not SAMPLERS[sampler].takes("flow" if prediction == "flow" else PREDICTION_TYPES[prediction]):
        pytest.skip("not a sampler of these models")
    config = FLOW_CONFIG if prediction == "flow" else {**STABLE_DIFFUSION_NOISE, "prediction_type": prediction}
    place = SAMPLERS[sampler].steps_of_calls(STEPS).index(3)

    def late() -> Sampler:
        return Sampler.start_late(sampler, config, STEPS, torch.Generator(), place, 5)

    x0, noise, fresh = torch.randn(3, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    before = late().noised(x0, noise, 5)
    for share in (0.0, 0.3, 1.0):
        mixed = math.sqrt(1 - share) * noise + math.sqrt(share) * fresh
        found, wanted = late().renewed(before, x0, fresh, share, 5), late().noised(x0, mixed, 5)
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def mixed(sampler: str) -> list[Experiment]:
    starts = [None, UTurn(0.2), UTurn(0.5), UTurn(0.5, 1), UTurn(1.0)]
    forks = [None, Fork(0.5), Fork(0.5, 1), Fork(2)]
    guiders = [GUIDERS["cfg"](), GUIDERS["apg"](momentum=-0.5), GUIDERS["cfg"](start=0.3, stop=0.9)]
    some = [experiment(sampler=sampler, start=start, fork=fork) for start in starts for fork in forks]
    return [dataclasses.replace(e, guider=guider) for e in some for guider in guiders]


@pytest.mark.parametrize("sampler", ["euler", "ddpm", "heun"])
def test_a_u_turn_or_a_fork_depends_on_its_experiment_alone(denoiser, compute, sampler: str) -> None:
    everything = mixed(sampler)
    together = hashes(run(denoiser, compute, everything))
    assert len(set(together.values())) == len(everything)
    for e in everything[:: 1 + len(everything) // 12]:
        assert hashes(run(denoiser, compute, [e])) == {e: together[e]}


@pytest.mark.parametrize("sampler", LATE)
def test_steps_before_a_u_turn_or_a_fork_are_taken_once(sampler: str) -> None:
    """`run` above compares this with what the engine does. CFG makes two predictions at every call."""
    calls = SAMPLERS[sampler].steps_of_calls(STEPS)

    def left(step: int) -> int:
        return len(calls) - calls.index(step)

    whole = 2 * len(calls)
    turns = [experiment(sampler=sampler, start=UTurn(noise)) for noise in (0.34, 0.5, 0.51, 1.0)]
    assert cost([experiment(sampler=sampler)]).evaluations == whole
    assert cost(turns).evaluations == whole + 2 * (left(4) + left(3) + len(calls))  # 0.5 and 0.51 are the same steps
    assert cost(turns[:1]).evaluations == cost([experiment(sampler=sampler), *turns[:1]]).evaluations
    forks = [experiment(sampler=sampler, fork=Fork(0.5, seed)) for seed in range(5)]
    assert cost([experiment(sampler=sampler), *forks]).evaluations == whole + 5 * 2 * left(3)
    both = [experiment(sampler=sampler, fork=fork, start=UTurn(0.5)) for fork in (Fork(0.5), Fork(0.5, 1))]
    assert cost(both).evaluations == 2 * calls.index(3) + 4 * left(3) + 4 * left(3)
    others = [dataclasses.replace(e, seed=2, start=UTurn(1.0)) for e in turns[:1]]
    assert cost([*turns[:1], *others]).evaluations == 2 * whole + 2 * left(4) + whole
    assert cost(both).unshared == 2 * (whole + 2 * left(3))


@pytest.mark.parametrize("sampler", ["euler_a", "ddpm"])
def test_a_fork_of_a_sampler_that_draws_noise_goes_on_with_other_noise(denoiser, compute, sampler: str) -> None:
    """By hand: the steps of the fork's parent, and then those with a generator of the fork's seed."""
    parent, forked = experiment(sampler=sampler, value=1.0), experiment(sampler=sampler, value=1.0, fork=Fork(4, 3))
    pictures = run(denoiser, compute, [parent, forked], batch_size=1)
    pipeline = build_scheduler(sampler, denoiser.scheduler_config)
    pipeline.set_timesteps(STEPS)
    generator = torch.Generator().manual_seed(1)
    x = denoiser.noise(denoiser.native_size, generator) * float(pipeline.init_noise_sigma)
    condition = denoiser.encode("a cat")
    for step, t in enumerate(pipeline.timesteps):
        if step == 4:
            generator = torch.Generator().manual_seed(seed_of("fork", 3, 1))
            torch.randn(x.shape, generator=generator)  # what other samplers would mix in
        predicted = denoiser.predict(pipeline.scale_model_input(x, t), t[None].float(), condition)
        x = pipeline.step(predicted, t, x, generator=generator, return_dict=False)[0]
    assert (latents(pictures[forked]) - x.cpu()).abs().max() < 1e-3
    assert (latents(pictures[parent]) - x.cpu()).abs().max() > 1e-2


def test_the_diagnostics_of_a_u_turn_are_those_of_the_steps_taken_again(denoiser, compute) -> None:
    from cfgsweep.engine.engine import Engine
    from cfgsweep.engine.plan import Plan

    some = [experiment(), experiment(start=UTurn(0.5)), experiment(fork=Fork(0.5))]
    found = {one.experiment: one for one in Engine(denoiser, compute, 4, diagnostics=True).run(Plan(some))}
    assert [len(found[e].diagnostics.calls) for e in some] == [STEPS, STEPS // 2, STEPS]
    whole, again, _ = (found[e].diagnostics.column("sigma") for e in some)
    assert again == whole[STEPS // 2 :]
    assert found[some[1]].diagnostics.means()["effective_scale"] == pytest.approx(3.0, rel=1e-4)


def test_a_fork_of_a_sampler_that_draws_none_renews_noise_around_x0(denoiser, compute) -> None:
    """By hand, for Euler's method: x0 is what the prediction of the step before stands for."""
    forked = experiment(value=1.0, fork=Fork(4, 3, 0.25))
    scheduler = build_scheduler("euler", denoiser.scheduler_config)
    scheduler.set_timesteps(STEPS)
    x = denoiser.noise(denoiser.native_size, torch.Generator().manual_seed(1)) * float(scheduler.init_noise_sigma)
    condition = denoiser.encode("a cat")
    for step, t in enumerate(scheduler.timesteps):
        sigma, following = (float(scheduler.sigmas[i]) for i in (step, step + 1))
        epsilon = denoiser.predict(x / math.hypot(1, sigma), t[None].float(), condition)
        x0, x = x - sigma * epsilon, x + (following - sigma) * epsilon
        if step == 3:
            noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed_of("fork", 3, 1))).to(x)
            x = x0 + following * (math.sqrt(0.75) * (x - x0) / following + math.sqrt(0.25) * noise)
    assert (latents(run(denoiser, compute, [forked], batch_size=1)[forked]) - x.cpu()).abs().max() < 1e-3


class BegunWith:
    """A denoiser whose trajectories begin with given latents, and with a sampler from some step on."""

    def __init__(self, denoiser, begun: torch.Tensor, sampler: Sampler):
        self.denoiser, self.begun, self.sampler = denoiser, begun, sampler

    def __getattr__(self, name: str):
        return getattr(self.denoiser, name)

    def start(self, sampling, generator):
        return self.begun, self.sampler


@pytest.mark.parametrize("guider", [GUIDERS["apg"](momentum=-0.5), GUIDERS["cfg"](stop=0.5), GUIDERS["tnorm"]()])
def test_a_u_turn_begins_without_memory_of_the_guider(denoiser, compute, guider) -> None:
    """A U-turn of all steps has the pixels of an experiment that begins with the noised picture."""
    parent = experiment(guider=guider)
    turned = dataclasses.replace(parent, start=UTurn(1.0))
    pictures = run(denoiser, compute, [parent, turned])
    generator = torch.Generator().manual_seed(seed_of("u-turn", 0, 1))
    sampler = Sampler.start_late("euler", denoiser.scheduler_config, STEPS, generator, 0, 0)
    picture = latents(pictures[parent]).to(compute.device)
    begun = sampler.noised(picture, torch.randn(picture.shape, generator=generator).to(picture), 0)
    wanted = run(BegunWith(denoiser, begun, sampler), compute, [parent])[parent]
    assert wanted.info["latents"] == pictures[turned].info["latents"]


@pytest.mark.parametrize("step", [2, 4])
def test_a_fork_goes_on_with_the_guiders_memory(denoiser, compute, step: int) -> None:
    """With next to nothing renewed, a fork is the picture itself, momentum and all."""
    guider = GUIDERS["apg"](momentum=-0.9)
    some = [experiment(guider=guider, fork=fork) for fork in (None, Fork(step, 0, 1e-12), Fork(step, 0, 0.5))]
    by_fork = {e.fork: latents(picture) for e, picture in run(denoiser, compute, some).items()}
    whole, same, other = (by_fork[e.fork] for e in some)
    assert (same - whole).abs().max() < 1e-3
    assert (other - whole).abs().max() > 0.05
