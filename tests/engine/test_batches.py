"""How many rows the network and the formulas are given at a time, and which come first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from cfgsweep.engine.batching import BatchQueue
from cfgsweep.engine.denoiser_calls import DenoiserCalls
from cfgsweep.engine.guiding import guide_steps
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.trajectory import Trajectory, pending_steps
from cfgsweep.guidance import GUIDERS, StepContext
from cfgsweep.guidance.interface import GUIDED_ROWS
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.support.engine_runs import run


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path) -> Any:
    return load_model(Source("tiny", str(tiny_model)), device.choose("cpu", "float32"))


def test_a_formula_is_always_given_the_same_number_of_rows(denoiser, sweep_file, monkeypatch) -> None:
    """Since the last bits of a row may depend on how many rows are computed with it."""
    tnorm, given = GUIDERS["tnorm"], set[int]()
    combine = tnorm.combine

    def counted(self: Any, ctx: StepContext) -> Any:
        given.add(len(ctx.cond))
        return combine(self, ctx)

    monkeypatch.setattr(tnorm, "combine", counted)
    text = "name: x\nmodel: tiny\nprompt: a\nguider: tnorm\nsteps: 3\nvalue: [0.1, 0.2, 0.3]\n"
    run(denoiser, denoiser.compute, expand(*read_sweep(sweep_file(text))))
    assert given == {GUIDED_ROWS}


def test_trajectories_at_early_calls_come_first_and_their_rows_stay_together(denoiser, sweep_file) -> None:
    text = "name: x\nmodel: tiny\nprompt: a\nguider: cfg\nsteps: 3\nvalue: 3\n"
    ((start, first),) = Plan(expand(*read_sweep(sweep_file(text)))).starts.items()
    ((_, second),) = first.children()
    latents, sampler = denoiser.start(start.sampling, torch.Generator().manual_seed(0))
    queue = BatchQueue(3, DenoiserCalls(denoiser, 3).key)
    for node in (second, first):
        queue.add(Trajectory(node, latents, sampler))
    batches = [queue.next_batch(), queue.next_batch()]
    assert [[trajectory.node.call for trajectory, _ in batch] for batch in batches] == [[0, 0], [1, 1]]
    assert not queue


def test_latents_of_different_shapes_are_guided_apart(denoiser, sweep_file) -> None:
    """As those of videos with different numbers of frames, which a plan's part of one size can have."""
    text = "name: x\nmodel: tiny\nprompt: a\nguider: cfg\nsteps: 3\nvalue: 3\nsize: [native, [24, 16]]\n"
    steps = []
    for start, node in Plan(expand(*read_sweep(sweep_file(text)))).starts.items():
        trajectory = Trajectory(node, *denoiser.start(start.sampling, torch.Generator().manual_seed(0)))
        trajectory.predictions = {needed: torch.randn_like(trajectory.latents) for needed in trajectory.needed}
        steps += pending_steps(trajectory)
    guided = {one.step: one.prediction.shape for one in guide_steps(steps, "epsilon", "cfg")}
    assert guided == {step: step.parent.latents.shape for step in steps}
    assert len(set(guided.values())) == 2
