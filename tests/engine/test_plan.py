"""A plan has the counts of a brute-force walk, and needs neither torch nor a model."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cfgsweep.engine.cost
import cfgsweep.engine.plan
from cfgsweep.engine.cost import cost
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.engine.trace import ForwardPass, GuidanceTrace
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import Listed
from cfgsweep.samplers import SAMPLERS
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from tests.support.planned_experiments import STEPS, experiment, experiments


def brute_force(some: list[Experiment]) -> set:
    """Every distinct prediction: its start, all operations before it, and the forward pass."""
    needed = set()
    for e in some:
        operations = tuple(GuidanceTrace(e))
        for call, operation in enumerate(operations):
            needed |= {(StartKey.of(e), operations[:call], branch) for branch in operation.passes}
    return needed


@settings(max_examples=200)
@given(st.lists(experiments, min_size=1, max_size=12, unique=True))
def test_evaluations_are_the_distinct_predictions(some: list[Experiment]) -> None:
    got = cost(some)
    assert got.evaluations == len(brute_force(some))
    assert got.unshared == sum(len(brute_force([e])) for e in some)


@settings(max_examples=100)
@given(st.lists(experiments, min_size=1, max_size=8, unique=True))
def test_own_and_shared_add_up(some: list[Experiment]) -> None:
    parts = Plan(some).own_and_shared
    assert {e: sum(parts[e]) for e in some} == {e: cost([e]).unshared for e in some}
    everything = brute_force(some)
    for e in some:
        assert parts[e][0] == len(everything) - len(brute_force([other for other in some if other != e]))


@settings(max_examples=100)
@given(st.lists(experiments, min_size=1, max_size=8, unique=True))
def test_the_cost_of_a_plan_is_that_of_its_experiments(some: list[Experiment]) -> None:
    plan, half = Plan(some), some[: len(some) // 2]
    assert plan.cost == cost(some)
    assert plan.subset(half).cost == cost(half)
    assert plan.subset(some) is plan


def test_a_run_makes_one_trace_per_experiment(cli, sweep_file, tmp_path, labelled, monkeypatch) -> None:
    """Cost, own and shared counts, and the engine all use the same; so does a run that continues another."""
    text = f"name: x\nmodel: {labelled}\nlabel: [0, 1]\nseed: [1, 2]\nsteps: 2\nguider: [cfg, tnorm]\nvalue: [2, 3]\n"
    made = Counter()

    class CountedTrace(GuidanceTrace):
        def __init__(self, e: Experiment):
            made[e] += 1
            super().__init__(e)

    monkeypatch.setattr(cfgsweep.engine.plan, "GuidanceTrace", CountedTrace)
    monkeypatch.setattr(cfgsweep.engine.cost, "GuidanceTrace", CountedTrace)
    for pending, limit in ((5, ["--limit", "5"]), (11, [])):
        made.clear()
        assert cli("run", sweep_file(text), "--out", tmp_path / "out", "--device", "cpu", *limit).code == 0
        assert pending <= len(made) <= 16
        assert set(made.values()) == {1}


def test_tnorm_of_ten_values_shares_its_first_call() -> None:
    some = [experiment(guider=GUIDERS[g](), value=v / 10) for g in ("tnorm", "fullnorm") for v in range(1, 11)]
    assert cost(some).evaluations == 2 + 20 * 2 * (STEPS - 1)


def test_a_scale_with_a_single_branch_takes_one_prediction() -> None:
    assert {len(operation.passes) for operation in GuidanceTrace(experiment(value=1.0))} == {1}
    assert GuidanceTrace(experiment(value=1.0))[0].passes == (ForwardPass("a"),)
    assert GuidanceTrace(experiment(value=0.0, negative_prompt="n"))[0].passes == (ForwardPass("n"),)
    assert cost([experiment(value=1.0)]).evaluations == STEPS


def test_outside_the_window_only_the_condition_is_predicted() -> None:
    operations = list(GuidanceTrace(experiment(guider=GUIDERS["cfg"](start=2 / STEPS, stop=4 / STEPS))))
    assert [len(operation.passes) for operation in operations] == [1, 1, 2, 2, 1, 1]


def test_windows_share_the_steps_before_the_first_end() -> None:
    some = [experiment(guider=GUIDERS["cfg"](stop=stop / STEPS)) for stop in range(1, STEPS + 1)]
    longest = 2 * STEPS
    after_the_end = sum(STEPS - stop for stop in range(1, STEPS))
    # At the call at which a window ends, its conditional prediction is shared with the windows that go on.
    assert cost(some).evaluations == longest + after_the_end - (STEPS - 1)


def test_all_calls_of_a_step_have_one_scale() -> None:
    numbers = tuple(float(n) for n in range(2, 2 + STEPS))
    for name, kind in SAMPLERS.items():
        operations = GuidanceTrace(experiment(sampler=name, schedule=Listed(numbers=numbers), value=1.0))
        assert [operation.numbers[0] for operation in operations] == [numbers[s] for s in kind.steps_of_calls(STEPS)]


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys, cfgsweep.execution.dry_run, cfgsweep.engine.plan, cfgsweep.engine.cut, cfgsweep.cli\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_window_may_be_an_interval_of_noise(tiny_model, sweep_file) -> None:
    """The guided steps are those whose sigma in diffusers' scheduler is in the interval."""
    from diffusers import DDIMScheduler, EulerDiscreteScheduler

    low, high = 0.28, 5.42
    text = f"name: x\nmodel: {tiny_model}\nprompt: a\nsteps: 20\nguider: {{cfg: {{sigma: [{low}, {high}]}}}}\n"
    for sampler in ("euler", "ddim"):
        (e,) = expand(*read_sweep(sweep_file(text), [f"sampler={sampler}"]))
        if sampler == "euler":
            scheduler = EulerDiscreteScheduler.from_pretrained(tiny_model, subfolder="scheduler")
            scheduler.set_timesteps(20)
            sigmas = scheduler.sigmas[:20]
        else:
            scheduler = DDIMScheduler.from_pretrained(tiny_model, subfolder="scheduler")
            scheduler.set_timesteps(20)
            kept = scheduler.alphas_cumprod[scheduler.timesteps]
            sigmas = ((1 - kept) / kept) ** 0.5
        expected = [2 if low <= sigma <= high else 1 for sigma in sigmas.tolist()]
        assert 2 in expected
        assert expected[0] == expected[-1] == 1
        assert [len(operation.passes) for operation in GuidanceTrace(e)] == expected


@pytest.mark.parametrize(
    ("sigma", "message"), [("[900, 1000]", "no step has such a noise level"), ("[2, 1]", "low below")]
)
def test_an_interval_of_noise_without_a_step_is_refused(cli, sweep_file, sigma: str, message: str) -> None:
    text = f"name: x\nmodel: emoji\nprompt: a\nsteps: 20\nguider: {{cfg: {{sigma: {sigma}}}}}\n"
    refused = cli("plan", sweep_file(text))
    assert refused.code == 2
    assert message in refused.err


def test_parameters_without_effect_so_far_are_shared() -> None:
    late = {"list": [0, 0, 0, 1, 1, 1]}
    some = [
        experiment(guider=GUIDERS["cfg"]()),
        experiment(guider=GUIDERS["pag"](pag_scale=late)),
        experiment(guider=GUIDERS["seg"](seg_scale=late, blur_sigma=2.0)),
    ]
    apart = [2 * 3, 3 * 3, 3 * 3]
    together = 2 * 3 + 4  # the first half, and cond, uncond and two perturbed ones at the next call
    assert cost(some).evaluations == together + sum(apart) - 2 - 3 - 3


@pytest.mark.slow
def test_a_grid_of_absurd_size_is_refused_at_once(cli, sweep_file) -> None:
    text = "name: x\nmodel: emoji\nprompt: a\nguider: cfg\n"
    many = "value: {linspace: [1, 2, 900000]}\nseed: {range: [0, 900000, 1]}\nsteps: {range: [1, 900, 1]}\n"
    refused = cli("plan", sweep_file(text + many))
    assert refused.code == 2
    assert "too many experiments" in refused.err
