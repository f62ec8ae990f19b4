"""Recorded pipelines in the engine give the latents and the pictures of the pipelines themselves.

Every family is a tiny pipeline with random weights. The largest differences of the last latents to the pipeline's own,
over their largest number, after 4 steps in float32, were from 0 (Chroma) to 5e-6 (HunyuanDiT); HiDream 3e-5; Kandinsky
5 2e-4, which rounds its rotary embeddings to bfloat16.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.guiders.norms import TNorm
from cfgsweep.guidance.guiders.own import PipelineGuidance
from cfgsweep.models.recorded.recording import Output
from cfgsweep.models.video import Picture, frames_of
from cfgsweep.storage.png import pixels_sha256
from cfgsweep.sweep.experiment import Experiment
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny
from tests.support.engine_runs import LastTally, LatentsInPictures

BATCH = 5  # more rows than one experiment has
LONG = "some small dogs in a field"
BY_LENGTH = ("qwenimage", "zimage", "kandinsky5")  # their networks are given texts as long as these are
LARGEST = {"hidream": 1e-4, "kandinsky5": 1e-3}  # relative differences of latents; see above


def experiments(name: str) -> list[Experiment]:
    """Two prompts of unequal length with their negative prompts, two scales, two seeds."""
    texts = [("a cat", "bad"), (LONG, "worse" if name == "cogview4" else "")]  # tiny CogView4 encodes no empty text
    if not recorded.denoiser(name).takes_negative:
        texts = [(prompt, "") for prompt, _ in texts]
    scales = (1.0,) if name == "flux2" else (2.0, 5.0)  # it has no guidance of its own but an input of its network
    return [
        recorded.experiment(name, prompt=prompt, negative_prompt=negative, value=scale, seed=seed)
        for (prompt, negative), scale, seed in product(texts, scales, (0, 7))
    ]


def run(name: str, some: list[Experiment]) -> dict[Experiment, Picture]:
    denoiser, counted = recorded.denoiser(name), LastTally()
    finished = list(Engine(LatentsInPictures(denoiser), recorded.compute(), BATCH).run(Plan(some), counted))
    assert counted.tally.evaluations == cost(some).evaluations
    return {one.experiment: one.image for one in finished}


@functools.cache
def together(name: str) -> dict[Experiment, Picture]:
    return run(name, experiments(name))


class TorchWithoutNorms:
    """torch, but the norms of the predictions before and after guidance are 1: QwenImage multiplies by their ratio."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def norm(self, x: torch.Tensor, dim: int, keepdim: bool) -> torch.Tensor:
        return torch.ones_like(x[..., :1])


@contextmanager
def plain_cfg(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Leaves out what a pipeline does after CFG. Gives the inputs of its call for that."""
    with monkeypatch.context() as patched:
        if name == "qwenimage":
            patched.setattr(pipeline_qwenimage, "torch", TorchWithoutNorms())
        yield {"cfg_normalization": False} if name == "lumina2" else {}


@pytest.mark.parametrize("name", recorded.EVERY)
def test_cfg_equals_the_pipeline(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, pipeline = together(name), tiny.build(name)
    formula = recorded.denoiser(name).own_formula
    assert len(ours) == len(experiments(name))
    for e in experiments(name):
        scale = e.value - 1 if formula == "from_cond" else e.value  # cond + s (cond - uncond)
        with plain_cfg(name, monkeypatch) as inputs:
            theirs = recorded.alone(pipeline, name, e, scale=scale, **inputs)
        latents = recorded.latents_of(ours[e])
        assert recorded.relative_difference(latents, theirs.latents) <= LARGEST.get(name, 1e-5), (e.prompt, e.value)
        frames = np.stack(frames_of(ours[e])).astype(int)
        assert np.abs(frames - (theirs.pixels * 255).round().reshape(frames.shape)).max() <= 1


OTHER_FORMULAS = {"qwenimage": "renormalised", "lumina2": "renormalised", "zimage": "from_cond", "krea2": "from_cond"}


@pytest.mark.parametrize(
    "name", [name if name == "qwenimage" else recorded.slow(name) for name in ("sdxl", *OTHER_FORMULAS)]
)
def test_the_guider_of_the_pipeline_equals_the_pipeline(name: str) -> None:
    """Also where the pipeline's own guidance is another formula than CFG, at its own scale."""
    assert recorded.denoiser(name).own_formula == OTHER_FORMULAS.get(name, "cfg")
    some = [dataclasses.replace(e, guider=PipelineGuidance()) for e in experiments(name)[::3]]
    ours, pipeline = run(name, some), tiny.build(name)
    for e in some:
        theirs = recorded.alone(pipeline, name, e)
        assert recorded.relative_difference(recorded.latents_of(ours[e]), theirs.latents) <= 1e-5


@pytest.mark.parametrize("name", recorded.EVERY)
def test_neighbours_change_no_bit(name: str) -> None:
    for alone in (experiments(name)[0], experiments(name)[-1]):
        picture = run(name, [alone])[alone]
        assert torch.equal(recorded.latents_of(picture), recorded.latents_of(together(name)[alone]))
        assert pixels_sha256(picture) == pixels_sha256(together(name)[alone])


@pytest.mark.parametrize("name", recorded.EVERY)
def test_texts_of_unequal_length_share_batches_where_the_pipeline_pads_them(name: str) -> None:
    """As docs/models.md says. The others would have to be padded here: to what length, depends on the other rows."""
    denoiser = recorded.denoiser(name)
    _, sampler = denoiser.start(recorded.tried(name), torch.Generator().manual_seed(0))
    keys = {denoiser.inputs(text, sampler, 0).key for text in ("a cat", LONG)}
    assert len(keys) == (2 if name in BY_LENGTH else 1)


@pytest.mark.parametrize("name", recorded.EVERY)
def test_the_plan_has_the_evaluations_and_calls_of_the_run(name: str) -> None:
    """With windows that share a prefix, two guiders, and a negative prompt that is another experiment's prompt."""
    guiders = [CFG(), CFG(start=0.5), CFG(stop=0.5), TNorm()]
    texts = [("a cat", "bad"), ("a cat", LONG), (LONG, "bad"), (LONG, LONG)]
    some = [
        recorded.experiment(name, guider, prompt=prompt, negative_prompt=negative, value=value)
        for guider, (prompt, negative), value in product(guiders, texts, (1.0, 3.0))
    ]
    some = list(dict.fromkeys(some))
    denoiser, counted, batches = recorded.denoiser(name), LastTally(), []

    def count(network: Any, inputs: Any, output: Any) -> None:
        if not isinstance(output, Output):  # of a recording, in which the network does not run
            batches.append(output[0])

    hooks = [network.register_forward_hook(count) for network in denoiser.recorder.networks.values()]
    try:
        finished = list(Engine(recorded.LatentsAlone(denoiser), recorded.compute(), BATCH).run(Plan(some), counted))
    finally:
        for hook in hooks:
            hook.remove()
    assert len(finished) == len(some)
    planned = cost(some)
    assert counted.tally.evaluations == planned.evaluations < planned.unshared
    assert len(batches) == counted.tally.batches
    assert {len(rows) for rows in batches} == {BATCH}


@pytest.mark.slow
def test_a_flow_model_whose_time_runs_backwards_is_guided_like_the_others() -> None:
    """Mochi's network gives x0 - epsilon: all of its guidance is about what other flow models predict."""
    denoiser, e = recorded.denoiser("mochi"), recorded.experiment("mochi")
    latents, sampler = denoiser.start(recorded.tried("mochi"), torch.Generator().manual_seed(0))
    row = denoiser.inputs("a cat", sampler, 0)
    network = denoiser.recorder.networks["transformer"]
    with torch.no_grad():
        own = network(**denoiser.learnt.input.filled(row.arguments, latents))[0]
    assert torch.equal(denoiser.predict_rows(latents, [row]), -own)
    levels = [sampler.sigmas_at(call) for call in range(e.steps)]
    assert levels[0][0] == float("inf")
    assert levels == sorted(levels, reverse=True)
    assert levels[-1][1] == 0.0
