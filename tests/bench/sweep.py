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
from functools import partial
from pathlib import Path

import torch
from cf_guidance.transforms import FullNormGuidance, TNormGuidance
from diffusers import StableDiffusionPipeline
from torch.utils.flop_counter import FlopCounterMode

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.models import device, device_memory
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.samplers import build_scheduler
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from tests.bench.pages import publish, versions
from tests.support.engine_runs import LastTally

RULE = "| --- "
TURNS = 4
ROOT = Path(__file__).parents[2]
GUIDES = {"tnorm": TNormGuidance, "fullnorm": FullNormGuidance}


def main() -> None:
    compute = device.choose()
    denoiser = load_model(Source.of("emoji"), compute)
    pipeline = StableDiffusionPipeline.from_pretrained(Source.of("emoji").place, safety_checker=None)
    pipeline.to(compute.device).set_progress_bar_config(disable=True)
    pipeline.scheduler = build_scheduler("euler", denoiser.scheduler_config)
    rows = [
        measure("tnorm", denoiser, compute, lambda e: norm_loop(pipeline, e)),
        measure("windows", denoiser, compute, lambda e: callback_loop(pipeline, e)),
    ]
    lines = [
        "# Speed and memory",
        "",
        f"`python -m tests.bench.sweep`, {compute.workers} cores, {device.describe(compute)}, {compute.dtype_name}, "
        f"{versions()}. The loops and cfgsweep ran alternately.",
        "",
        "| sweep | pictures | loop, s a picture | cfgsweep, s a picture | times as fast | evaluations done | distinct "
        "| without sharing | batch rows used | wall time inside the denoiser | time of both workers |",
        RULE * 11 + "|",
        *rows,
        "",
        *headroom(pipeline.unet, pipeline.encode_prompt("a cat", pipeline.device, 1, False)[0]),
        "",
        *command_lines(),
    ]
    publish("RESULTS", lines)


def measure(name: str, denoiser: object, compute: device.Compute, loop: Callable[[Experiment], object]) -> str:
    """A table row: the loop over a part of the sweep and cfgsweep over the whole sweep, alternately, for every part.

    They alternate because the speed of a machine varies. The time of both workers includes waiting.
    """
    sweep, document = read_sweep(ROOT / "configs" / f"{name}.yaml", ["model=emoji"])
    experiments = expand(sweep, document)
    clock = Stopwatch(denoiser.predict)  # type: ignore[attr-defined]
    denoiser.predict = clock  # type: ignore[attr-defined]
    engine = Engine(denoiser, compute, device_memory.default_batch_size(compute, denoiser.memory((64, 64))[1]))  # type: ignore
    loop(experiments[0]), list(engine.run(Plan(experiments[:2])))  # warm up
    clock.reset()
    theirs = ours = 0.0
    for turn in range(TURNS):
        theirs += seconds_of(lambda turn=turn: [loop(e) for e in experiments[turn::TURNS]])
        counted = LastTally()
        ours += seconds_of(lambda counted=counted: list(engine.run(Plan(experiments), counted))) / TURNS
    denoiser.predict = clock.call  # type: ignore[attr-defined]

    planned, tally, count = cost(experiments), counted.tally, len(experiments)
    whole, inside = clock.any / TURNS / ours, clock.seconds / TURNS / (ours * compute.workers)
    return (
        f"| {name} | {count} | {theirs / count:.2f} | {ours / count:.2f} | {theirs / ours:.1f} | {tally.evaluations} "
        f"| {planned.evaluations} | {planned.unshared} | {tally.evaluations / tally.rows:.1%} | {whole:.0%} "
        f"| {inside:.0%} |"
    )


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


class Stopwatch:
    """Seconds that threads spend in a call, summed (`seconds`), and seconds in which at least one does (`any`)."""

    def __init__(self, call: Callable[..., torch.Tensor]):
        self.call, self.lock = call, threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.seconds, self.any, self._busy, self._since = 0.0, 0.0, 0, time.perf_counter()

    def __call__(self, *arguments: torch.Tensor) -> torch.Tensor:
        self._now_busy(1)
        try:
            return self.call(*arguments)
        finally:
            self._now_busy(-1)

    def _now_busy(self, change: int) -> None:
        with self.lock:
            now = time.perf_counter()
            self.seconds += self._busy * (now - self._since)
            self.any += min(self._busy, 1) * (now - self._since)
            self._busy, self._since = self._busy + change, now


@torch.no_grad()
def headroom(network: torch.nn.Module, text: torch.Tensor) -> list[str]:
    """A table of what batching alone gains on this machine, with the pipeline's network and all cores in every call."""
    flops = FlopCounterMode(display=False)
    with flops:
        network(torch.randn(1, 4, 16, 16), 500, text)
    lines = ["| rows in one call | rows a second | times two rows | of the rate of matrix products |", RULE * 4 + "|"]
    peak, two = product_rate(), 0.0
    for rows in (2, 8, 16, 32, 64):
        latents, texts = torch.randn(rows, 4, 16, 16), text.expand(rows, -1, -1)
        rate = rows * rate_of(partial(network, latents, 500, texts))
        two = two or rate
        lines.append(f"| {rows} | {rate:.0f} | {rate / two:.1f} | {rate * flops.get_total_flops() / peak:.0%} |")
    return lines


def product_rate() -> float:
    """Floating-point operations per second of a matrix product on all cores."""
    side = 1024
    one, other = torch.randn(side, side), torch.randn(side, side)
    return 2 * side**3 * rate_of(lambda: one @ other)


def rate_of(call: Callable[[], object], seconds: float = 3.0) -> float:
    """Calls per second."""
    for _ in range(3):
        call()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        call()
        count += 1
    return count / (time.perf_counter() - started)


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
    """A table of time and memory of whole commands."""
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
    """Wall seconds and peak resident memory in MB of a command, measured by a process that starts it."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
        "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return time.perf_counter() - started, int(done.stdout) / (1024 if sys.platform == "linux" else 2**20)


if __name__ == "__main__":
    main()
