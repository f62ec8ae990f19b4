"""The engine makes the planned number of evaluations, and pixels that equal references and depend on no batch."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
import torch
import yaml
from cf_guidance.transforms import BaseNormGuidance, FullNormGuidance, TNormGuidance

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.observer import Tally
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.trace import GuidanceTrace
from cfgsweep.errors import UserError
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.samplers import SAMPLERS, Sampler, build_scheduler
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from tests.conftest import DEVICE
from tests.support import tiny_models as tiny
from tests.support.engine_runs import LastTally, LatentsInPictures, StepTraces, hashes, largest_difference, run

SWEEP = """\
name: mixed
model: tiny
prompt: [a cat, two dogs]
negative_prompt: ""
seed: [1, 2]
steps: [4, 6]
size: [native, [24, 16]]
sampler: {samplers}
guider:
  - tnorm
  - fullnorm
  - cfg
  - cfg: {{start: 0.25, stop: 0.75}}
  - cfg: {{zero_init_steps: 1, guidance_rescale: 0.7}}
  - apg
  - apg: {{momentum: {{linear: {{max_val: -0.5}}}}, start: 0.25}}
  - pag: {{pag_scale: {{linear: {{}}}}, layers: [mid, up.1]}}
  - slg: {{skip: attention, stop: 0.5}}
  - seg: {{blur_sigma: 1.0, zero_init_steps: 1}}
  - autoguidance
  - perp_neg
  - fdg
  - mimic
schedule: [constant, {{cosine: {{min_val: 0.0}}}}]
value: [0.0, 1.0, 3.0]
"""


@pytest.fixture(scope="module")
def compute() -> device.Compute:
    return device.choose(DEVICE, "float32")


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path, compute: device.Compute):
    return load_model(Source("tiny", str(tiny_model)), compute)


@pytest.fixture
def mixed(sweep_file) -> list[Experiment]:
    """A sample of a sweep over guiders, samplers, sizes and steps, in which many experiments share predictions."""
    everything = expand(*read_sweep(sweep_file(SWEEP.format(samplers=list(SAMPLERS)))))
    return random.Random(0).sample(everything, 90)


def test_a_picture_depends_on_its_experiment_alone(denoiser, compute, mixed) -> None:
    together = hashes(run(denoiser, compute, mixed))
    assert len(set(together.values())) > len(mixed) // 2
    order = random.Random(1)
    for size in (1, 2, 7, 30):
        some = order.sample(mixed, size)
        apart = hashes(run(denoiser, compute, some))
        assert apart == {experiment: together[experiment] for experiment in some}


def test_the_number_of_workers_changes_no_pixel(denoiser, compute, mixed) -> None:
    one = device.Compute(compute.device, compute.dtype_name, workers=1)
    three = device.Compute(compute.device, compute.dtype_name, workers=3)
    assert hashes(run(denoiser, one, mixed[:20])) == hashes(run(denoiser, three, mixed[:20]))


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_many_pictures_that_differ_in_the_last_step_are_all_finished(
    denoiser, compute, sweep_file, batch_size: int
) -> None:
    text = "name: x\nmodel: tiny\nprompt: a\nguider: {cfg: {start: 0.75}}\nsteps: 4\nvalue: {linspace: [2, 9, 50]}\n"
    run(denoiser, compute, expand(*read_sweep(sweep_file(text))), batch_size)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.skipif(DEVICE == "cpu", reason="half precision is for accelerators")
def test_other_experiments_change_no_pixel_in_half_precision(tiny_model, mixed, dtype: str) -> None:
    half = device.choose(DEVICE, dtype)
    denoiser = load_model(Source("tiny", str(tiny_model)), half)
    together = hashes(run(denoiser, half, mixed))
    assert hashes(run(denoiser, half, mixed[:3])) == {e: together[e] for e in mixed[:3]}


def test_batches_are_full_until_the_end(denoiser, compute, sweep_file) -> None:
    text = "name: x\nmodel: tiny\nprompt: a\nguider: cfg\nsteps: 10\nvalue: {linspace: [2, 9, 13]}\n"
    experiments = expand(*read_sweep(sweep_file(text)))
    counted = LastTally()
    list(Engine(denoiser, compute, 4).run(Plan(experiments), counted))
    assert counted.tally.rows == 4 * counted.tally.batches
    assert counted.tally.rows - counted.tally.evaluations < 20  # of 236: the first call and the last few


@pytest.mark.parametrize(
    ("family", "sampler"),
    [
        *(("tiny_model", sampler) for sampler in SAMPLERS),
        *(
            pytest.param("tiny_v_model", sampler, marks=() if sampler in ("euler", "dpm++2m") else pytest.mark.slow)
            for sampler in SAMPLERS
        ),
    ],
)
def test_plain_cfg_equals_the_pipeline(family: str, sampler: str, compute, request, sweep_file) -> None:
    folder = request.getfixturevalue(family)
    text = f"name: x\nmodel: tiny\nprompt: a cat\nnegative_prompt: a dog\nsteps: 7\nsampler: {sampler}\nguider: cfg\n"
    (experiment,) = expand(*read_sweep(sweep_file(text + "seed: 5\nvalue: 4.0\n")))
    denoiser = load_model(Source("tiny", str(folder)), compute)
    ours = run(denoiser, compute, [experiment], batch_size=2)[experiment]
    pipeline = denoiser.pipeline
    pipeline.scheduler = build_scheduler(sampler, denoiser.scheduler_config)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        "a cat",
        negative_prompt="a dog",
        num_inference_steps=7,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(5),
    ).images[0]
    assert ours.size == theirs.size == (16, 16)
    assert largest_difference(ours, theirs) <= 1


REFERENCES = {"prednorm": BaseNormGuidance, "tnorm": TNormGuidance, "fullnorm": FullNormGuidance}


COSINE = "{cosine: {min_val: 0.01, num_warmup_steps: 3}}"


@pytest.mark.parametrize(
    ("guider", "value", "schedule"),
    [
        ("tnorm", 0.15, COSINE),
        *(pytest.param(*norm, COSINE, marks=pytest.mark.slow) for norm in (("prednorm", 7.5), ("fullnorm", 0.3))),
        *(
            pytest.param(*norm, "constant", marks=pytest.mark.slow)
            for norm in (("prednorm", 7.5), ("tnorm", 0.15), ("fullnorm", 0.3))
        ),
    ],
)
def test_whole_trajectories_of_the_norms_equal_cf_guidance(guider, value, schedule, sweep_file) -> None:
    """On the bundled model, against a loop as in min_diffusion."""
    text = (
        f"name: x\nmodel: emoji\nprompt: 3d render style a photograph of a cat\nsteps: 12\nseed: 7\nguider: {guider}\n"
    )
    sweep, document = read_sweep(sweep_file(text + f"schedule: {schedule}\nvalue: {value}\n"))
    (experiment,) = expand(sweep, document)
    compute = device.choose(DEVICE, "float32")
    denoiser = load_model(Source.of("emoji"), compute)
    ours = run(denoiser, compute, [experiment], batch_size=2)[experiment]

    guide = REFERENCES[guider]({"g": experiment.scales()})
    scheduler = build_scheduler("euler", denoiser.scheduler_config)
    scheduler.set_timesteps(12)
    latents = denoiser.noise((64, 64), torch.Generator().manual_seed(7)) * scheduler.init_noise_sigma
    text_rows = torch.cat([denoiser.encode(""), denoiser.encode(experiment.prompt)])
    for index, timestep in enumerate(scheduler.timesteps):
        both = scheduler.scale_model_input(torch.cat([latents] * 2), timestep)
        uncond, cond = denoiser.predict(both, timestep.expand(2), text_rows).chunk(2)
        latents = scheduler.step(guide(uncond, cond, index), timestep, latents).prev_sample
    assert largest_difference(ours, denoiser.decode(latents)) <= 1


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_the_sampler_table_has_every_call(name: str, steps: int, denoiser) -> None:
    scheduler = build_scheduler(name, denoiser.scheduler_config)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == len(SAMPLERS[name].steps_of_calls(steps))


def test_a_step_of_heun_is_its_first_order_call_and_the_one_after(denoiser) -> None:
    """As in the scheduler's own state, which has whether the next call begins a step."""
    sampler = Sampler.start("heun", denoiser.scheduler_config, 6, torch.Generator())
    latents, begun = torch.zeros(1, 4, 8, 8), []
    for call in range(len(sampler.scheduler.timesteps)):
        begun.append(sampler.scheduler.state_in_first_order)
        latents = sampler.step(latents, latents, call)
    assert SAMPLERS["heun"].steps_of_calls(6) == [sum(begun[: call + 1]) - 1 for call in range(len(begun))]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_forked_sampler_is_independent(name: str, denoiser) -> None:
    """Stepping a fork does not change the original, and both draw the same noise."""
    start = Sampler.start(name, denoiser.scheduler_config, 8, torch.Generator().manual_seed(3))
    predictions = [torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(20)]
    latents = torch.ones(1, 4, 8, 8)
    for call in range(3):
        latents = start.step(predictions[call], latents, call)
    fork = start.fork()

    def finish(sampler: Sampler, latents: torch.Tensor, offset: int) -> torch.Tensor:
        for call in range(3, 8):
            latents = sampler.step(predictions[call + offset], latents, call)
        return latents

    other = finish(fork, latents, 10)
    assert torch.equal(finish(start.fork(), latents, 0), finish(start.fork(), latents, 0))
    mine = finish(start, latents, 0)
    alone = Sampler.start(name, denoiser.scheduler_config, 8, torch.Generator().manual_seed(3))
    x = torch.ones(1, 4, 8, 8)
    for call in range(3):
        x = alone.step(predictions[call], x, call)
    assert torch.equal(finish(alone, x, 0), mine)
    assert not torch.equal(mine, other)


@pytest.mark.parametrize("sampler", ["euler_a", "ddpm"])
def test_experiments_with_one_seed_draw_the_same_noise(denoiser, compute, sweep_file, sampler: str) -> None:
    """Almost equal guidance gives almost equal pictures, which it would not with different noise."""
    text = f"name: x\nmodel: tiny\nprompt: a\nsampler: {sampler}\nsteps: 8\nguider: cfg\nvalue: [2.0, 2.000001]\n"
    experiments = expand(*read_sweep(sweep_file(text + "seed: [1, 2]\n")))
    pictures = run(denoiser, compute, experiments)
    one, almost, other, _ = (pictures[e] for e in experiments)
    assert largest_difference(one, almost) <= 1
    assert largest_difference(one, other) > 20


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_latent_models_are_not_clipped(sampler: str) -> None:
    """A configuration saved by Euler has no setting for clipping, and the defaults of DDIM and DDPM would clip."""
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
    assert not build_scheduler(sampler, config).config.clip_sample


def test_a_text_is_encoded_once_whatever_the_perturbation(denoiser, compute, sweep_file, monkeypatch) -> None:
    """Guiders of diffusers have a perturbation of their own at every step; only another model has its own encoder."""
    skipped = {"indices": [0], "fqn": "mid_block.attentions.0.transformer_blocks"}
    guiders = [
        "cfg",
        {"pag": {"layers": ["mid"]}},
        {"diffusers.SkipLayerGuidance": {"skip_layer_config": skipped, "skip_layer_guidance_stop": 1.0}},
    ]
    text = {"name": "x", "model": "tiny", "prompt": "one", "negative_prompt": "two", "steps": 3, "guider": guiders}
    experiments = expand(*read_sweep(sweep_file(yaml.safe_dump(text))))
    encoded, encode = [], type(denoiser).encode

    def note_and_encode(self, condition):
        encoded.append(condition)
        return encode(self, condition)

    monkeypatch.setattr(type(denoiser), "encode", note_and_encode)
    list(Engine(denoiser, compute, 4).run(Plan(experiments)))
    assert sorted(encoded) == ["one", "two"]


def test_an_observer_sees_every_batch_and_the_steps_that_it_traces(denoiser, compute, sweep_file) -> None:
    class Observed(StepTraces):
        def __init__(self, traces_steps: bool):
            super().__init__()
            self.traces_steps, self.batches = traces_steps, []

        def batch_done(self, tally: Tally) -> None:
            self.batches.append(tally.batches)

    text = "name: x\nmodel: tiny\nprompt: a\nsteps: 5\nguider: {cfg: {zero_init_steps: 1}}\nvalue: [2, 3]\n"
    experiments = expand(*read_sweep(sweep_file(text)))
    one_worker = device.Compute(compute.device, compute.dtype_name, workers=1)
    for traces_steps, steps in ((True, 1 + 2 * 4), (False, 0)):  # the zero-init step serves both
        observed = Observed(traces_steps)
        list(Engine(denoiser, one_worker, 4).run(Plan(experiments), observed))
        assert observed.batches == [1, 2, 3, 4]
        assert len(observed.x0) == steps


def test_an_error_in_a_prediction_reaches_the_caller(denoiser, compute, mixed, monkeypatch) -> None:
    calls = itertools.count()

    def fail(*_: object) -> None:
        if next(calls) == 5:
            raise ZeroDivisionError
        return predict(*_)

    predict = denoiser.predict
    monkeypatch.setattr(denoiser, "predict", fail)
    with pytest.raises(ZeroDivisionError):
        list(Engine(denoiser, compute, 4).run(Plan(mixed)))


@pytest.mark.parametrize("family", ["tiny_model", "tiny_v_model"])
@pytest.mark.parametrize("steps", [1, 3])
def test_zero_init_steps_leave_the_denoiser_s_input(family: str, steps: int, compute, request, sweep_file) -> None:
    """After zero-init steps the next call is given the first latents, at a later noise level."""
    text = (
        f"name: x\nmodel: tiny\nprompt: a\nsteps: 5\nguider: {{cfg: {{zero_init_steps: {steps}}}}}\nvalue: 3\nseed: 4\n"
    )
    denoiser = load_model(Source("tiny", str(request.getfixturevalue(family))), compute)
    seen = []

    class Watching(LatentsInPictures):
        def perturbed(self, perturbation):
            return self

        def predict_rows(self, latents, rows):
            seen.append((latents[0].clone(), float(rows[0].timestep)))
            return self.denoiser.predict_rows(latents, rows)

    for sampler in sorted(SAMPLERS.keys() - {"euler_a", "ddpm"}):  # which add noise of their own
        seen.clear()
        (e,) = expand(*read_sweep(sweep_file(text), [f"sampler={sampler}"]))
        list(Engine(Watching(denoiser), compute, 2).run(Plan([e])))
        start = Sampler.start(sampler, denoiser.scheduler_config, 5, torch.Generator())
        noise = denoiser.noise(denoiser.native_size, torch.Generator().manual_seed(4))
        first = start.model_input(noise * start.scheduler.init_noise_sigma, 0)
        step_of_call = SAMPLERS[sampler].steps_of_calls(5)
        assert len(seen) == len(step_of_call) - step_of_call.index(steps)
        assert seen[0][1] == float(start.timestep(step_of_call.index(steps)))
        torch.testing.assert_close(seen[0][0], first[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spacing", ["leading", "linspace"])
def test_cfg_plus_plus_equals_its_algorithm(spacing: str, tiny_model, compute, sweep_file) -> None:
    """Against the paper's algorithm on DDIM: the guided x0 with the unconditional noise."""
    denoiser = load_model(Source("tiny", str(tiny_model)), compute)
    denoiser.scheduler_config = {**denoiser.scheduler_config, "timestep_spacing": spacing}
    text = "name: x\nmodel: tiny\nprompt: a cat\nsteps: 6\nsampler: ddim\nguider: cfg_pp\nvalue: 0.6\nseed: 4\n"
    (e,) = expand(*read_sweep(sweep_file(text)))
    ours = run(denoiser, compute, [e], batch_size=2)[e]
    scheduler = build_scheduler("ddim", denoiser.scheduler_config)
    scheduler.set_timesteps(6)
    x = denoiser.noise(denoiser.native_size, torch.Generator().manual_seed(4))
    conditions = torch.cat([denoiser.encode("a cat"), denoiser.encode("")])
    for t in scheduler.timesteps:
        cond, uncond = denoiser.predict(torch.cat([x, x]), torch.stack([t, t]).float(), conditions).chunk(2)
        guided = uncond + 0.6 * (cond - uncond)
        kept, following = scheduler.alphas_cumprod[t], t - 1000 // 6
        after = scheduler.alphas_cumprod[following] if following >= 0 else scheduler.final_alpha_cumprod
        if after == kept:  # linspace ends at timestep 0, from where DDIM does not move
            break
        data = (x - (1 - kept) ** 0.5 * guided) / kept**0.5
        x = after**0.5 * data + (1 - after) ** 0.5 * uncond
    theirs = denoiser.decode(x)
    assert largest_difference(ours, theirs) <= 1


def test_autoguidance_by_a_weaker_model(denoiser, compute, tiny_v_model, tmp_path: Path, sweep_file) -> None:
    """The same prompt through another network with its own text encoder; a model of another kind is refused."""
    weak = tiny.stable_diffusion("epsilon")
    with torch.no_grad():
        for parameter in weak.text_encoder.parameters():
            parameter.mul_(1.5)
        for parameter in weak.unet.conv_out.parameters():
            parameter.mul_(0.5)
    weak.save_pretrained(tmp_path / "weak")
    text = "name: x\nmodel: tiny\nprompt: a cat\nsteps: 4\nsampler: ddim\nvalue: 2.5\nseed: 4\nguider: "
    guider = f"{{autoguidance: {{model: {tmp_path / 'weak'}}}}}\n"
    (e,) = expand(*read_sweep(sweep_file(text + guider)))
    ours = run(denoiser, compute, [e], batch_size=2)[e]
    other = load_model(Source("weak", str(tmp_path / "weak")), compute)
    scheduler = build_scheduler("ddim", denoiser.scheduler_config)
    scheduler.set_timesteps(4)
    x = denoiser.noise(denoiser.native_size, torch.Generator().manual_seed(4))
    for t in scheduler.timesteps:
        good, bad = (m.predict(x, t[None].float(), m.encode("a cat")) for m in (denoiser, other))
        x = scheduler.step(bad + 2.5 * (good - bad), t, x).prev_sample
    assert largest_difference(ours, denoiser.decode(x)) <= 1

    guider = f"{{autoguidance: {{model: {tiny_v_model}}}}}\n"
    (wrong,) = expand(*read_sweep(sweep_file(text + guider)))
    with pytest.raises(UserError, match="not a model of the same kind"):
        denoiser.perturbed(GuidanceTrace(wrong)[0].passes[1].perturbation)
