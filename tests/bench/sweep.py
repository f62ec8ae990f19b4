"""Whole sweeps against the loops that people write, in one process, as ratios: `python -m tests.bench.sweep`.

Two sweeps on the bundled model: `configs/tnorm.yaml` against a loop in the manner of min_diffusion with cf_guidance,
and `configs/windows.yaml` against `StableDiffusionPipeline` with `callback_on_step_end` as diffusers' guide on
dynamic classifier-free guidance has it. The table goes to RESULTS.md beside this file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from cf_guidance.transforms import FullNormGuidance, TNormGuidance
from diffusers import StableDiffusionPipeline

from cfgsweep import device, models
from cfgsweep.config import read_sweep
from cfgsweep.engine.loop import Engine, Tally
from cfgsweep.engine.plan import cost
from cfgsweep.experiments import Experiment, expand
from cfgsweep.models.source import Source
from cfgsweep.samplers import build_scheduler
from tests.bench.pages import publish, versions

ROOT = Path(__file__).parents[2]
GUIDES = {"tnorm": TNormGuidance, "fullnorm": FullNormGuidance}


def main() -> None:
    compute = device.choose()
    denoiser = models.load(Source.of("emoji"), compute)
    pipeline = StableDiffusionPipeline.from_pretrained(Source.of("emoji").place, safety_checker=None)
    pipeline.to(compute.device).set_progress_bar_config(disable=True)
    pipeline.scheduler = build_scheduler("euler", denoiser.scheduler_config)
    rows = [
        measure("tnorm", denoiser, compute, lambda e: norm_loop(pipeline, e)),
        measure("windows", denoiser, compute, lambda e: callback_loop(pipeline, e)),
    ]
    lines = [
        "# Results of the bench",
        "",
        f"`python -m tests.bench.sweep`, {compute.workers} cores, {device.describe(compute)}, {compute.dtype_name}, "
        f"{versions()}. The loop ran first, then cfgsweep.",
        "",
        "| sweep | pictures | loop, s a picture | cfgsweep, s a picture | times as fast | evaluations done | distinct "
        "| without sharing | batch rows used | inside the denoiser |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        *command_lines(),
    ]
    publish("RESULTS", lines)


def measure(name: str, denoiser: object, compute: device.Compute, loop: Callable[[Experiment], object]) -> str:
    """One table row: the peer's loop over the sweep, then ours."""
    sweep, document = read_sweep(ROOT / "configs" / f"{name}.yaml", ["model=emoji"])
    experiments = expand(sweep, document)
    loop(experiments[0])  # warm up
    started = time.perf_counter()
    for experiment in experiments:
        loop(experiment)
    theirs = time.perf_counter() - started

    clock = Stopwatch(denoiser.predict)  # type: ignore[attr-defined]
    denoiser.predict = clock  # type: ignore[attr-defined]
    engine = Engine(denoiser, compute, device.auto_batch_size(compute, *denoiser.memory((64, 64))))  # type: ignore
    list(engine.run(experiments[:2]))  # warm up
    engine.tally = Tally()
    clock.seconds = 0.0
    started = time.perf_counter()
    pictures = list(engine.run(experiments))
    ours = time.perf_counter() - started
    denoiser.predict = clock.call  # type: ignore[attr-defined]

    planned, tally, count = cost(experiments), engine.tally, len(pictures)
    inside = clock.seconds / (ours * compute.workers)
    return (
        f"| {name} | {count} | {theirs / count:.2f} | {ours / count:.2f} | {theirs / ours:.1f} | {tally.evaluations} "
        f"| {planned.evaluations} | {planned.unshared} | {tally.evaluations / tally.rows:.1%} | {inside:.0%} |"
    )


class Stopwatch:
    """Sums the seconds that threads spend in a call."""

    def __init__(self, call: Callable[..., torch.Tensor]):
        self.call, self.seconds, self.lock = call, 0.0, threading.Lock()

    def __call__(self, *arguments: torch.Tensor) -> torch.Tensor:
        started = time.perf_counter()
        result = self.call(*arguments)
        with self.lock:
            self.seconds += time.perf_counter() - started
        return result


@torch.no_grad()
def norm_loop(pipeline: StableDiffusionPipeline, e: Experiment) -> object:
    """One picture in the manner of min_diffusion: batch of two, guided by cf_guidance."""
    guide = GUIDES[e.guider.name]({"g": e.scales()})
    cond, uncond = pipeline.encode_prompt(e.prompt, pipeline.device, 1, True, e.negative_prompt)
    text = torch.cat([uncond, cond])
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(e.steps)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(e.seed))
    latents = noise.to(pipeline.device) * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps):
        both = scheduler.scale_model_input(torch.cat([latents] * 2), timestep)
        u, t = pipeline.unet(both, timestep, encoder_hidden_states=text).sample.chunk(2)
        latents = scheduler.step(guide(u, t, index), timestep, latents).prev_sample
    pixels = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return pipeline.image_processor.postprocess(pixels)[0]


def callback_loop(pipeline: StableDiffusionPipeline, e: Experiment) -> object:
    """One picture with guidance switched off after its window, by diffusers' own recipe."""
    last = e.guider.window(e.steps).stop - 1

    def stop(pipe: StableDiffusionPipeline, step: int, timestep: int, tensors: dict) -> dict:
        if step == last:
            tensors["prompt_embeds"] = tensors["prompt_embeds"].chunk(2)[-1]
            pipe._guidance_scale = 0.0
        return tensors

    return pipeline(
        e.prompt,
        num_inference_steps=e.steps,
        guidance_scale=e.value,
        generator=torch.Generator().manual_seed(e.seed),
        callback_on_step_end=stop,
        callback_on_step_end_tensor_inputs=["prompt_embeds"],
    ).images[0]


BIG = """\
name: big
model: emoji
prompt: a cat
guider: [tnorm, fullnorm]
value: {linspace: [0.01, 0.3, 50000]}
"""


def command_lines() -> list[str]:
    """Start-up, planning and memory of the command itself."""
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder) / "big.yaml"
        big.write_text(BIG)
        described = {
            "`cfgsweep --help`": ["--help"],
            "`cfgsweep plan` of 100,000 experiments, all different": ["plan", str(big), "--json"],
            "the same with cosine schedules": ["plan", str(big), "--json", "--set", "schedule={cosine: {min_val: 0}}"],
            "`cfgsweep run configs/tnorm.yaml`": ["run", str(ROOT / "configs/tnorm.yaml"), "--out", f"{folder}/run"],
        }
        rows = ["| command | seconds | peak memory, MB |", "| --- | --- | --- |"]
        for words, arguments in described.items():
            seconds, peak = peak_of([sys.executable, "-m", "cfgsweep", *arguments])
            rows.append(f"| {words} | {seconds:.2f} | {peak:.0f} |")
    return rows


def peak_of(command: list[str]) -> tuple[float, float]:
    """Wall seconds and the highest resident memory of a command, measured by a process between it and us."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
        "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return time.perf_counter() - started, int(done.stdout) / (1024 if sys.platform == "linux" else 2**20)


if __name__ == "__main__":
    main()
