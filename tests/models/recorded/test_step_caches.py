"""`cache`: diffusers' step caches give the latents of the pipeline with the same cache, whatever else is computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.errors import UserError
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.guiders.own import PipelineGuidance
from cfgsweep.guidance.guiders.perturbation import PAG
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.settings import apply_settings
from cfgsweep.models.recorded.step_caches import _computed, configuration
from cfgsweep.samplers import StepCache
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.step_cache import parse_caches
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny
from tests.support.engine_runs import LastTally
from tests.support.older_diffusers import needs_group_offload

STEPS = 6
(FIRST_BLOCK,) = parse_caches({"first_block": {"threshold": 3.0}})
(MAG,) = parse_caches({"mag": {"mag_ratios": [1.0], "retention_ratio": 0.0}})
(TAYLORSEER,) = parse_caches({"taylorseer": {"disable_cache_before_step": 2, "taylor_factors_dtype": "float32"}})
EQUAL = [
    *itertools.product(["flux"], [FIRST_BLOCK, MAG, TAYLORSEER]),
    ("wan", FIRST_BLOCK),
    ("qwenimage", TAYLORSEER),
    *(recorded.slow(*one) for one in itertools.product(["wan", "wan22", "hunyuanvideo", "ltx", "cogvideox"], [MAG])),
    *(recorded.slow(*one) for one in itertools.product(["cogview4", "qwenimage"], [FIRST_BLOCK, MAG])),
    recorded.slow("flux2_klein", MAG),
    recorded.slow("flux2_klein", TAYLORSEER),
]
EXACT = 1e-5  # relative


def experiment(name: str, cache: StepCache | None, **changed: Any) -> Experiment:
    changed = {"negative_prompt": "bad" if recorded.denoiser(name).takes_negative else "", **changed}
    return recorded.experiment(name, **{"guider": PipelineGuidance(), "steps": STEPS, "cache": cache, **changed})


def latents(name: str, experiments: Sequence[Experiment], batch: int = 2) -> dict[Experiment, torch.Tensor]:
    """The last latents of experiments that are run together, as often as planned."""
    denoiser, plan, counted = recorded.denoiser(name), Plan(experiments), LastTally()
    for e in experiments:
        denoiser.check_sampling(StartKey.of(e).sampling)
    engine = Engine(recorded.LatentsAlone(denoiser), recorded.compute(), batch)
    found = {one.experiment: recorded.latents_of(one.image) for one in engine.run(plan, counted)}
    assert found.keys() == set(experiments)
    assert counted.tally.evaluations == plan.cost.evaluations
    return found


def with_cache(name: str, e: Experiment) -> torch.Tensor:
    """The last latents of the pipeline alone, with diffusers' own switch."""
    pipeline = tiny.build(name)
    for network in tiny.networks(pipeline).values():
        network.enable_cache(configuration(e.cache, e.steps))
    scale = e.value - 1 if recorded.denoiser(name).own_formula == "from_cond" else e.value
    return recorded.alone(pipeline, name, e, scale).latents


@pytest.mark.parametrize(("name", "cache"), EQUAL)
def test_latents_are_those_of_the_pipeline_with_this_cache(name: str, cache: StepCache) -> None:
    e = experiment(name, cache)
    plain = replace(e, cache=None)
    found = latents(name, [e, plain])
    theirs = with_cache(name, e)
    assert recorded.relative_difference(found[e], theirs) <= EXACT
    assert recorded.relative_difference(found[plain], theirs) > 1e-3, "the cache has no effect here"


def test_neighbours_and_batches_change_no_bit() -> None:
    ways = itertools.product((None, FIRST_BLOCK, MAG, TAYLORSEER), ("a cat", "some small dogs"), (0, 7))
    several = [experiment("flux", cache, prompt=prompt, seed=seed) for cache, prompt, seed in ways]
    together = latents("flux", several, batch=4)
    for e in several:
        if e.cache:  # of others, the batch's shape decides the last bits
            assert torch.equal(together[e], latents("flux", [e], batch=1)[e])


def test_shared_steps_share_their_caches() -> None:
    """Guidance that stops, or begins, at different steps: what others needed of a branch is not in its cache."""
    guiders = [CFG(), CFG(stop=0.5), CFG(start=0.5), CFG(start=0.34)]
    several = [experiment("flux", cache, guider=guider) for cache in (FIRST_BLOCK, TAYLORSEER) for guider in guiders]
    together = latents("flux", several)
    plan = Plan(several)
    assert plan.cost.evaluations < plan.cost.unshared
    for e in several:
        assert torch.equal(together[e], latents("flux", [e])[e])


class CallCounter:
    """Counts the calls of a module's attention, which caches leave out."""

    def __init__(self, module: nn.Module):
        self.count = 0
        module.register_forward_hook(self)

    def __call__(self, *_: Any) -> None:
        self.count += 1


def test_perturbed_predictions_are_computed_in_full() -> None:
    """A cache of all attention would give the branch of PAG what it computed before."""
    denoiser = recorded.recorded(tiny.build("flux"), "flux")
    counted = CallCounter(denoiser.recorder.pipeline.transformer.transformer_blocks[0].attn.to_q)
    guided = experiment("flux", TAYLORSEER, guider=PAG(layers=["double.0"], pag_scale=2.0), value=1.0)
    for e, wanted in ((guided, STEPS), (replace(guided, guider=CFG()), 0)):
        counted.count = 0
        engine = Engine(recorded.LatentsAlone(denoiser), recorded.compute(), 1)
        (found,) = engine.run(Plan([e]))
        computed = sum(_computed(configuration(TAYLORSEER, STEPS), STEPS))
        assert counted.count >= wanted + computed
        if not wanted:
            assert counted.count == computed < STEPS
        assert torch.equal(recorded.latents_of(found.image), latents("flux", [e, replace(e, seed=1)], batch=1)[e])


def test_blocks_are_left_out() -> None:
    denoiser = recorded.recorded(tiny.build("flux"), "flux")
    network = denoiser.recorder.pipeline.transformer
    counted = CallCounter(network.single_transformer_blocks[0].attn)
    e = experiment("flux", FIRST_BLOCK, guider=CFG(), value=1.0)
    list(Engine(recorded.LatentsAlone(denoiser), recorded.compute(), 4).run(Plan([e])))
    assert 0 < counted.count < STEPS
    assert not network.is_cache_enabled


@pytest.mark.parametrize("offload", [pytest.param("group", marks=needs_group_offload), "model"])
def test_networks_that_are_moved(offload: str) -> None:
    pipeline = tiny.build("flux")
    apply_settings(pipeline, LoadSettings(offload=offload), recorded.compute())
    denoiser = recorded.checked(RecordedPipeline("flux", pipeline, recorded.compute()), "flux")
    several = [experiment("flux", cache) for cache in (FIRST_BLOCK, None)]
    engine = Engine(recorded.LatentsAlone(denoiser), recorded.compute(), 2)
    found = {one.experiment: recorded.latents_of(one.image) for one in engine.run(Plan(several))}
    wanted = latents("flux", several)
    assert all(torch.equal(found[e], wanted[e]) for e in several)


REFUSED = [
    ("wan", TAYLORSEER, "none of its layers would be cached"),
    ("cogview4", TAYLORSEER, "none of its layers would be cached"),
    ("ltx", TAYLORSEER, "none of its layers would be cached"),
    ("ltx", FIRST_BLOCK, "decides for prompt and negative prompt together"),
    recorded.slow("kandinsky5", MAG, "does not keep the caches of prompt and negative prompt apart"),
    recorded.slow("chroma", TAYLORSEER, "does not keep the caches of prompt and negative prompt apart"),
    recorded.slow("flux2_klein", FIRST_BLOCK, "diffusers does not cache this model: the model cannot be run"),
    ("sd3", FIRST_BLOCK, "this network of diffusers takes no step cache"),
    ("sdxl", MAG, "this network of diffusers takes no step cache"),
    ("flux", parse_caches("taylorseer")[0], "every one of 3 calls is computed"),
    ("flux", parse_caches({"taylorseer": {"cache_identifiers": ["nothing"]}})[0], "none of its layers"),
]


@pytest.mark.parametrize(("name", "cache", "problem"), REFUSED)
def test_what_would_do_nothing_or_something_else_is_refused(name: str, cache: StepCache, problem: str) -> None:
    denoiser = recorded.denoiser(name)
    with pytest.raises(UserError, match=problem) as refused:
        denoiser.check_sampling(recorded.tried(name, steps=3, cache=cache))
    assert cache.name in str(refused.value)
    assert not any(getattr(net, "is_cache_enabled", False) for net in denoiser.recorder.networks.values())
