"""Recorded pipelines sample by every sampler that the pipeline itself takes, and refuse the others in words."""

from __future__ import annotations

import pytest
import torch

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Finished
from cfgsweep.errors import UserError
from cfgsweep.guidance.guiders.own import PipelineGuidance
from cfgsweep.samplers import OWN_SAMPLER, SAMPLERS, build_scheduler
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny

STEPS = 5
OF_FLOW = ("euler", "dpm++2m", "heun", "unipc")
OF_NOISE = tuple(name for name in SAMPLERS if name != OWN_SAMPLER)
# The samplers of every family that equal its pipeline with that scheduler.
RUN = {
    "sdxl": OF_NOISE,
    "sd3": OF_FLOW,
    "flux": ("euler", "dpm++2m", "unipc"),
    "wan": OF_FLOW,
    "qwenimage": ("euler", "unipc"),
    "zimage": ("euler",),
    "sana": OF_FLOW,
    "mochi": ("euler",),
    "cogvideox": OF_NOISE,
    "pixart_sigma": OF_NOISE,
}
FAST = ("flux",)
FAMILIES = [name if name in FAST else recorded.slow(name) for name in RUN]


@pytest.mark.parametrize("name", FAMILIES)
def test_samplers_equal_the_pipeline_with_that_scheduler(name: str) -> None:
    """All of them in one run, where rows of several samplers share batches. The noise of a step is the same, too."""
    denoiser, pipeline = recorded.denoiser(name), tiny.build(name)
    own = pipeline.scheduler
    some = [
        recorded.experiment(name, PipelineGuidance(), sampler=sampler, steps=STEPS, seed=3)
        for sampler in (OWN_SAMPLER, *RUN[name])
    ]
    for e in some:
        denoiser.check_sampling(recorded.tried(name, sampler=e.sampler, steps=STEPS))
    results = list(Engine(recorded.LatentsAlone(denoiser), recorded.compute(), 3).run(Plan(some)))
    latents = {one.experiment: recorded.latents_of(one.image) for one in results if isinstance(one, Finished)}
    for e in some:
        fitting = build_scheduler(e.sampler, denoiser.scheduler_config)
        pipeline.scheduler = own if e.sampler == OWN_SAMPLER else fitting
        theirs = recorded.alone(pipeline, name, e).latents
        assert recorded.relative_difference(latents[e], theirs) <= 1e-5, e.sampler


@pytest.mark.parametrize("name", FAMILIES)
def test_other_samplers_are_refused_in_words(name: str) -> None:
    """By what the model predicts, or because the pipeline does not take the scheduler."""
    denoiser = recorded.denoiser(name)
    for sampler in SAMPLERS.keys() - {OWN_SAMPLER, *RUN[name]}:
        with pytest.raises(UserError) as refused:
            denoiser.check_sampling(recorded.tried(name, sampler=sampler, steps=STEPS))
        said = str(refused.value)
        reasons = (
            ("the model cannot be run", "not reproduced") if sampler in OF_FLOW else ("not a sampler for flow models",)
        )
        assert any(reason in said for reason in reasons)


@pytest.mark.parametrize("sampler", ["euler_a", "ddpm"])
def test_samplers_that_draw_noise_go_on_with_the_noise_of_the_seed(sampler: str) -> None:
    """Two seeds differ in every step's noise; the same seed gives the same picture, alone and with others."""
    some = [recorded.experiment("sdxl", sampler=sampler, seed=seed) for seed in (0, 1)]
    engine = Engine(recorded.LatentsAlone(recorded.denoiser("sdxl")), recorded.compute(), 4)
    both = [recorded.latents_of(one.image) for one in engine.run(Plan(some)) if isinstance(one, Finished)]
    again = [recorded.latents_of(one.image) for one in engine.run(Plan(some[1:])) if isinstance(one, Finished)]
    assert torch.equal(both[1], again[0])
    assert recorded.relative_difference(both[0], both[1]) > 0.1
