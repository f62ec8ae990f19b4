"""Image-to-image and inpainting give the pictures of diffusers' own pipelines, for whatever else is in the batch.

Pictures differ by one level at most, and most of them by none.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.errors import UserError
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.guiders.own import PipelineGuidance
from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded import rows
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.proof import prove
from cfgsweep.models.recorded.task import of_task
from cfgsweep.models.video import Picture
from cfgsweep.samplers import IMAGE_TO_IMAGE, INPAINTING, Sampler, Task, build_scheduler
from cfgsweep.sweep.experiment import Experiment
from tests.support import from_pictures as given
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_models
from tests.support import tiny_pipelines as tiny
from tests.support.engine_runs import LastTally, LatentsInPictures, hashes

STEPS = 5
BATCH = 5


def run(denoiser: RecordedPipeline, some: list[Experiment]) -> dict[Experiment, Picture]:
    for start in Plan(some).starts:
        denoiser.check_sampling(start.sampling)
    counted = LastTally()
    finished = list(Engine(LatentsInPictures(denoiser), recorded.compute(), BATCH).run(Plan(some), counted))
    assert counted.tally.evaluations == cost(some).evaluations
    return {one.experiment: one.image for one in finished}


def experiments(name: str, task: Task, **changed: Any) -> list[Experiment]:
    """Two pictures, three strengths, two seeds, not all of them with each other."""
    settings = {"steps": STEPS, "value": 3.0, **changed}
    axes = [*product("ab", (0.3, 0.7), (7,)), ("a", 1.0, 0)]
    return [given.experiment(name, task, image, strength, seed=seed, **settings) for image, strength, seed in axes]


def compare(denoiser: RecordedPipeline, pipeline: Any, name: str, some: list[Experiment]) -> None:
    ours = run(denoiser, some)
    for e in some:
        scale = e.value - 1 if denoiser.own_formula == "from_cond" and isinstance(e.guider, CFG) else e.value
        theirs = given.pixels_alone(pipeline, name, e, scale, denoiser.scheduler_config)
        assert np.abs(np.asarray(ours[e]).astype(int) - theirs).max() <= 1, (e.image, e.strength, e.seed)


BOTH = (IMAGE_TO_IMAGE, INPAINTING)
SAMPLERS = ("euler", "euler_a", "ddim", "ddpm", "dpm++2m", "lms", "heun", "unipc")
CASES = [
    recorded.slow("sdxl", IMAGE_TO_IMAGE, "model"),
    ("sdxl", INPAINTING, "euler_a"),
    *(recorded.slow("sdxl", task, sampler) for task in BOTH for sampler in ("heun", "dpm++2m")),
    *(recorded.slow("stable_diffusion", task, sampler) for task in BOTH for sampler in SAMPLERS),
    recorded.slow("flux", INPAINTING, "model"),
    recorded.slow("flux_kontext", INPAINTING, "model"),
    *(recorded.slow(name, IMAGE_TO_IMAGE, "model") for name in ("flux", "sd3", "chroma")),
    *(recorded.slow(name, task, "model") for name in ("zimage", "qwenimage") for task in BOTH),
]


@pytest.mark.parametrize(("name", "task", "sampler"), CASES)
def test_the_pictures_of_the_pipeline(name: str, task: Task, sampler: str) -> None:
    """Many strengths, pictures and seeds in one run; as many evaluations as planned."""
    guider = PipelineGuidance() if name == "qwenimage" else CFG()
    pipeline = of_task(tiny.build(name), task, name)
    some = experiments(name, task, sampler=sampler, guider=guider)
    compare(given.denoiser(name, task), pipeline, name, some)


@pytest.mark.slow
@pytest.mark.parametrize("task", BOTH)
def test_pndm_begins_with_two_calls_of_one_step(task: Task) -> None:
    pipeline = of_task(tiny.build("stable_diffusion"), task, "tiny")
    some = experiments("stable_diffusion", task, sampler="pndm", steps=7)
    compare(given.denoiser("stable_diffusion", task), pipeline, "stable_diffusion", some)


EDITING = {
    "flux_kontext": {},
    "flux2": {"size": (64, 64), "negative_prompt": "", "value": 1.0},  # it has no guidance of its own
    "flux2_klein": {"size": (64, 64), "negative_prompt": ""},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITING)
def test_pipelines_that_edit_a_picture_at_all_steps(name: str) -> None:
    settings = {"strength": None, "steps": 3, "value": 3.0, "seed": 7, **EDITING[name]}
    some = [given.experiment(name, IMAGE_TO_IMAGE, image, **settings) for image in "ab"]
    compare(given.denoiser(name, IMAGE_TO_IMAGE), of_task(tiny.build(name), IMAGE_TO_IMAGE, name), name, some)


def with_masked_channels() -> Any:
    """Stable Diffusion whose U-Net is given the mask and the masked picture, too."""
    return tiny_models.stable_diffusion(in_channels=9)


@pytest.mark.slow
def test_a_network_that_is_given_the_mask_and_the_masked_picture() -> None:
    """The masked picture is drawn from its encoding with the generator of the seed."""
    denoiser = given.denoiser("stable_diffusion", INPAINTING, with_masked_channels)
    some = experiments("stable_diffusion", INPAINTING)
    compare(denoiser, of_task(with_masked_channels(), INPAINTING, "tiny"), "stable_diffusion", some)
    assert denoiser.learnt.input.way == "first"
    _, sampler = denoiser.start(sampling_of(some[0]), torch.Generator().manual_seed(0))
    assert not sampler.mixed_in


def sampling_of(e: Experiment) -> Any:
    return next(iter(Plan([e]).starts)).sampling


@pytest.mark.parametrize(("name", "task"), [("sdxl", INPAINTING), recorded.slow("flux", IMAGE_TO_IMAGE)])
def test_neighbours_change_no_bit(name: str, task: Task) -> None:
    some = experiments(name, task)[1::2]
    denoiser = given.denoiser(name, task)
    together = hashes(run(denoiser, some))
    assert hashes(run(denoiser, some[:1])) == {some[0]: together[some[0]]}


def test_windows_of_guidance_are_of_the_steps_that_are_taken_and_share_them() -> None:
    """At strength 0.5, 4 of 8 steps are taken; guidance that stops after half of them is on in two."""
    some = [given.experiment("sdxl", IMAGE_TO_IMAGE, strength=0.5, steps=8, guider=CFG(stop=stop)) for stop in (0.5, 1)]
    assert [cost([e]).evaluations for e in some] == [6, 8]
    assert cost(some).evaluations == 9
    run(given.denoiser("sdxl", IMAGE_TO_IMAGE), some)


def test_a_picture_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    denoiser = RecordedPipeline("sdxl", of_task(tiny.build("sdxl"), IMAGE_TO_IMAGE, "sdxl"), recorded.compute())
    encoded: list[torch.Size] = []
    encode = type(denoiser.recorder.pipeline.vae)._encode
    monkeypatch.setattr(
        type(denoiser.recorder.pipeline.vae), "_encode", lambda self, x: encoded.append(x.shape) or encode(self, x)
    )
    run(denoiser, experiments("sdxl", IMAGE_TO_IMAGE))
    assert len(denoiser.proofs) == 3, "one for each strength"
    alone = [shape for shape in encoded if shape[0] == 1]
    assert len(alone) == 2, "one for each picture"
    assert len(encoded) == 3, "and one for two pictures at once, by which rows are told apart"


class WithoutMixing(Sampler):
    """A sampler that leaves out what is mixed into the latents."""

    def __init__(self, *args: Any):
        super().__init__(*args[:6])


class FromTheBeginning(Sampler):
    """A sampler that takes the first of the schedule's steps."""

    def __init__(self, *args: Any):
        super().__init__(*args[:5], 0, *args[6:])


BROKEN = [
    ("sdxl", INPAINTING, WithoutMixing, "its own guidance is not reproduced: off by"),
    recorded.slow("flux", INPAINTING, WithoutMixing, "its own guidance is not reproduced: off by"),
    ("sdxl", IMAGE_TO_IMAGE, FromTheBeginning, "it takes other steps of its schedule than the last ones"),
    recorded.slow("flux", IMAGE_TO_IMAGE, FromTheBeginning, "it takes other steps of its schedule than the last ones"),
]


@pytest.mark.parametrize(("name", "task", "sampler", "reason"), BROKEN)
def test_what_is_not_reproduced_is_refused(
    name: str, task: Task, sampler: type[Sampler], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling = sampling_of(given.experiment(name, task))
    denoiser = copy.copy(given.denoiser(name, task))
    denoiser.check_sampling(sampling)
    monkeypatch.setattr(rows, "Sampler", sampler)
    with pytest.raises(Unsupported, match=reason):
        prove(denoiser, sampling)


def test_a_pipeline_that_mixes_in_other_noise_every_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    denoiser = RecordedPipeline(
        "sdxl", of_task(tiny.build("sdxl"), INPAINTING, "sdxl"), recorded.compute(), task=INPAINTING
    )
    scheduler, calls = type(denoiser.recorder.pipeline.scheduler), itertools.count()
    add_noise = scheduler.add_noise
    monkeypatch.setattr(scheduler, "add_noise", lambda *given: add_noise(*given) * (1 + next(calls) % 3))
    with pytest.raises(UserError, match="cannot be run row by row"):
        denoiser.check_sampling(sampling_of(given.experiment("sdxl", INPAINTING)))
    assert not denoiser.proofs


@pytest.mark.parametrize(
    ("name", "task", "said"),
    [
        ("wan", IMAGE_TO_IMAGE, "the installed diffusers has no image-to-image for a WanPipeline"),
        recorded.slow("sd3", INPAINTING, "the model cannot be run: The transformer"),
        recorded.slow("chroma", INPAINTING, "the model cannot be run: 'FrozenDict' object has no attribute"),
    ],
)
def test_what_diffusers_does_not_have_or_cannot_do_is_refused(name: str, task: Task, said: str) -> None:
    """diffusers inpaints with Stable Diffusion 3 only in 16 or 33 channels, and asks Chroma for what it has not."""
    with pytest.raises(UserError) as refused:
        run(given.denoiser(name, task), [given.experiment(name, task)])
    assert said in str(refused.value)


def test_the_denoiser_keeps_its_place_in_the_schedule_when_it_forks() -> None:
    denoiser = given.denoiser("sdxl", INPAINTING)
    e = given.experiment("sdxl", INPAINTING, strength=0.5)
    _, sampler = denoiser.start(sampling_of(e), torch.Generator().manual_seed(0))
    whole = build_scheduler(e.sampler, denoiser.scheduler_config)
    whole.set_timesteps(e.steps)
    for one in (sampler, sampler.fork()):
        assert one.first == e.steps - e.performed_steps
        assert [float(one.timestep(call)) for call in range(e.performed_steps)] == whole.timesteps[one.first :].tolist()
        assert len(one.mixed_in) == e.performed_steps
        assert one.sigmas_at(0)[0] == pytest.approx(float(whole.sigmas[one.first]))


@pytest.mark.parametrize("sampler", ["euler", "dpm++2m"])
def test_the_original_is_put_back_in_steps_without_guidance_too(sampler: str) -> None:
    """Steps of zero-init leave the denoiser's input in place, but for what is outside of the mask."""
    denoiser = given.denoiser("sdxl", INPAINTING)
    sampling = dataclasses.replace(sampling_of(given.experiment("sdxl", INPAINTING)), sampler=sampler)
    latents, started = denoiser.start(sampling, torch.Generator().manual_seed(0))
    moved = started.step_of_zero_init(torch.zeros_like(latents), latents, 0)
    mixing = started.mixed_in[0]
    kept = (mixing.factor == 0).expand_as(latents)
    assert 0 < kept.sum() < kept.numel()
    assert torch.equal(moved[kept], mixing.added.expand_as(latents)[kept])


def test_the_same_picture_in_another_file_is_the_same_experiment() -> None:
    e = given.experiment("sdxl", IMAGE_TO_IMAGE)
    twin = dataclasses.replace(e, image=dataclasses.replace(e.image, path="elsewhere.png"))
    other = given.experiment("sdxl", IMAGE_TO_IMAGE, "b")
    assert e == twin
    assert e.id == twin.id != other.id


@pytest.mark.parametrize("task", BOTH)
def test_memory_is_measured_before_any_picture_is_known(task: Task) -> None:
    """`cfgsweep phase` asks for it before the first run."""
    denoiser = RecordedPipeline("sdxl", of_task(tiny.build("sdxl"), task, "sdxl"), recorded.compute(), task=task)
    weights, row = denoiser.memory((32, 32))
    assert weights == given.denoiser("sdxl", task).memory((32, 32))[0]
    assert row > 1
