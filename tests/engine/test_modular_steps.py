"""Steps and noise levels of calls of the network in modular pipelines, by diffusers' own schedulers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    HeliosScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    PNDMScheduler,
)

from cfgsweep.engine.diffusers_modular import ModularGuider
from cfgsweep.engine.modular_steps import Call, sampler_name
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.samplers import STABLE_DIFFUSION_NOISE

STEPS = 6


def made(scheduler: Any) -> Any:
    scheduler.set_timesteps(STEPS)
    return scheduler


def calls(scheduler: Any, begin: int, steps: int) -> list[Call]:
    """Those of a run that begins at a timestep after the first."""
    return [Call.find(scheduler, number, steps, t) for number, t in enumerate(scheduler.timesteps[begin:])]


def test_every_call_has_its_step_and_its_noise_level() -> None:
    flow = made(FlowMatchEulerDiscreteScheduler(shift=3.0))
    assert [call.step for call in calls(flow, 0, STEPS)] == list(range(STEPS))
    heun = made(FlowMatchHeunDiscreteScheduler(shift=3.0))
    assert [call.step for call in calls(heun, 0, STEPS)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    for scheduler in (flow, heun):
        levels = [t / (1 - t) for t in scheduler.sigmas[1:].tolist()]
        got = [call.sigmas for call in calls(scheduler, 0, STEPS)[1:]]
        assert np.array(got) == pytest.approx(np.array(list(itertools.pairwise(levels))))
    pndm = made(PNDMScheduler(skip_prk_steps=True, **STABLE_DIFFUSION_NOISE))
    assert [call.step for call in calls(pndm, 0, STEPS)] == [0, *range(STEPS)]


@pytest.mark.parametrize("scheduler", [EulerDiscreteScheduler, HeunDiscreteScheduler, DDIMScheduler])
def test_runs_that_begin_late_have_their_own_steps_and_the_levels_of_the_scheduler(scheduler: type) -> None:
    """As for pictures that are changed: with `set_begin_index` where the scheduler has it."""
    late = made(scheduler(**STABLE_DIFFUSION_NOISE))
    begin = 2 * late.order
    whole = calls(late, 0, STEPS)
    if hasattr(late, "set_begin_index"):
        late.set_begin_index(begin)
    part = calls(late, begin, STEPS - 2)
    assert [call.sigmas for call in part] == [call.sigmas for call in whole[begin:]]
    assert [call.step + 2 for call in part] == [call.step for call in whole[begin:]]
    assert part[0].noise_levels == whole[0].noise_levels[2:]


def test_the_second_of_two_networks_has_the_levels_of_the_whole_run() -> None:
    scheduler = made(FlowMatchEulerDiscreteScheduler())
    call = Call.find(scheduler, 4, STEPS, scheduler.timesteps[4])
    assert (call.step, call.index, len(call.noise_levels)) == (4, 4, STEPS)


def test_inverted_times_go_from_noise_to_x0() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(invert_sigmas=True, num_train_timesteps=1)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / STEPS, STEPS))
    found = calls(scheduler, 0, STEPS)
    times = scheduler.sigmas.tolist()
    assert found[1].sigmas[0] == pytest.approx((1 - times[1]) / times[1])
    flow = torch.randn(1, 4, 2)
    assert torch.equal(found[0].as_model(flow, flow, x0=False), -flow)
    assert found[0].sigmas[0] == float("inf")
    assert found[-1].sigmas[1] == 0


def test_schedulers_whose_calls_are_not_known_are_refused() -> None:
    for scheduler in (KDPM2DiscreteScheduler(), PNDMScheduler(skip_prk_steps=False)):
        with pytest.raises(UserError, match="unknown number of calls"):
            sampler_name(scheduler)
    with pytest.raises(UserError, match="stages of different sizes"):
        sampler_name(HeliosScheduler(stages=3))


def test_a_scheduler_that_the_pipeline_does_not_have_is_refused() -> None:
    with pytest.raises(UserError, match="does not have this timestep"):
        Call.find(made(DDIMScheduler()), 0, STEPS, 123.4)


def test_guiders_that_are_not_defined_for_a_scheduler_are_refused() -> None:
    with pytest.raises(UserError, match="cfg_pp is not defined for this scheduler"):
        ModularGuider(GUIDERS["cfg_pp"](), HeunDiscreteScheduler())
    ModularGuider(GUIDERS["cfg_pp"](), FlowMatchEulerDiscreteScheduler())


def test_steps_that_would_move_the_latents_are_refused() -> None:
    waiting = GUIDERS["cfg"](zero_init_steps=1)
    with pytest.raises(UserError, match="no step that leaves the latents"):
        ModularGuider(waiting, HeunDiscreteScheduler())
    for scheduler in (FlowMatchHeunDiscreteScheduler(), EulerDiscreteScheduler()):
        ModularGuider(waiting, scheduler)
