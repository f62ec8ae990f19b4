"""Memory of networks of real size on the CPU, against what `auto` takes them for: `python -m tests.bench.real_size`.

Stable Diffusion 1.5 and SDXL with random weights, which need no download, and small text encoders. The table goes to
REAL_SIZE.md beside this file. Only Linux tells the peak of a process's memory.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfgsweep.models.bfloat16 import bfloat16_works

if "bfloat16" in sys.argv:  # AMX can be switched off only before torch is imported
    bfloat16_works(lambda notice: print(f"NOTICE: {notice}", file=sys.stderr))

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, PreTrainedModel

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.schedules import Constant
from cfgsweep.models import device_memory
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.families.stable_diffusion import StableDiffusion
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.row_memory import measured_row_bytes
from cfgsweep.samplers import STABLE_DIFFUSION_NOISE, Sampling
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.quiet import quiet_libraries
from tests.bench.pages import publish, versions
from tests.support import tiny_models as tiny
from tests.support.recorded_pipelines import LatentsAlone

SIZE, SAMPLER, STEPS, ROWS, TOKENS = (256, 256), "euler", 2, (1, 2, 4), 77
MIB, GIB = 2**20, 2**30
HEAD = ("model", "dtype", "weights, GiB", "batch of auto", "rows", "estimate, MiB", "auto, MiB", "measured, MiB", "s")
XL_UNET = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


def main() -> None:
    page([*in_another_process("sd15", "float32"), *in_another_process("sdxl", "bfloat16")])


def page(rows: list[list[str]]) -> None:
    lines = [
        "# Memory of networks of real size",
        "",
        f"`python -m tests.bench.real_size`: {STEPS} Euler steps at {SIZE[0]}x{SIZE[1]} with random weights, on one",
        "thread of a CPU. *Estimate* is what the shapes tell of so many rows, *auto* what `auto` counts on: so many",
        "times what two rows took beyond one, or three times the estimate. *Measured* is by how much the process grew",
        f"at its peak in a run, with what is made once for a batch shape, such as a trace; {versions()}.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    publish("REAL_SIZE", lines)


def in_another_process(name: str, dtype: str) -> list[list[str]]:
    command = [sys.executable, "-m", "tests.bench.real_size", name, dtype]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measured(name: str, dtype: str) -> list[list[str]]:
    """The rows of the table for a model."""
    compute = Compute("cpu", dtype, workers=1)
    with quiet_libraries("diffusers", "transformers"):
        denoiser = LatentsAlone(MODELS[name](compute))
    denoiser.check_sampling(Sampling(SAMPLER, STEPS, SIZE))
    weights, estimate = denoiser.memory(SIZE)
    row = measured_row_bytes(denoiser, compute, StartKey.of(experiment(0)).sampling, "a cat", estimate)
    assert row is not None
    most = device_memory.default_batch_size(compute, estimate)
    chosen = device_memory.fitting_batch_size(compute, most, weights, row)
    grown(denoiser, compute, 1)  # what is made once
    cells = []
    for rows in ROWS:
        started = time.monotonic()
        taken = grown(denoiser, compute, rows)
        seconds = time.monotonic() - started
        before = [name, dtype, f"{weights / GIB:.2f}", str(chosen)]
        cells.append(
            [
                *before,
                str(rows),
                f"{rows * estimate / MIB:.0f}",
                f"{rows * row / MIB:.0f}",
                f"{taken / MIB:.0f}",
                f"{seconds:.0f}",
            ]
        )
    return cells


def grown(denoiser: Denoiser, compute: Compute, rows: int) -> int:
    """By how many bytes the process grows at its peak while so many experiments run together."""
    experiments = [experiment(seed) for seed in range(rows)]
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    assert len(list(Engine(denoiser, compute, rows).run(Plan(experiments)))) == rows
    return memory("VmHWM") - before


def memory(name: str) -> int:
    """A figure of /proc/self/status in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def experiment(seed: int) -> Experiment:
    """Without guidance: one prediction a step."""
    texts, sampling = {"prompt": "a cat", "negative_prompt": ""}, {"steps": STEPS, "sampler": SAMPLER, "size": SIZE}
    guidance = {"guider": CFG(), "schedule": Constant(), "value": 1.0}
    return Experiment(model="real", seed=seed, **texts, **sampling, **guidance)


def sd15(compute: Compute) -> Denoiser:
    pipeline = StableDiffusionPipeline(
        vae=filled(autoencoder, compute),
        text_encoder=filled(lambda: CLIPTextModel(clip(768)), compute),
        tokenizer=tiny.tokenizer(TOKENS),
        unet=filled(lambda: UNet2DConditionModel(sample_size=64, cross_attention_dim=768), compute),
        scheduler=EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return StableDiffusion("sd15", pipeline, compute)


def sdxl(compute: Compute) -> Denoiser:
    pipeline = StableDiffusionXLPipeline(
        vae=filled(autoencoder, compute),
        text_encoder=filled(lambda: CLIPTextModel(clip(768)), compute),
        text_encoder_2=filled(lambda: CLIPTextModelWithProjection(clip(1280)), compute),
        tokenizer=tiny.tokenizer(TOKENS),
        tokenizer_2=tiny.tokenizer(TOKENS),
        unet=filled(lambda: UNet2DConditionModel(**XL_UNET), compute),
        scheduler=EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE),
        add_watermarker=False,
    )
    return RecordedPipeline("sdxl", pipeline, compute)


def clip(width: int) -> CLIPTextConfig:
    """A text encoder of the real width, and of few layers."""
    sizes = {"hidden_size": width, "projection_dim": width, "intermediate_size": width, "num_hidden_layers": 2}
    tokens = {"vocab_size": len(tiny.VOCABULARY), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    return CLIPTextConfig(**sizes, **tokens, max_position_embeddings=TOKENS)


def autoencoder() -> AutoencoderKL:
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return AutoencoderKL(**kinds, block_out_channels=(128, 256, 512, 512), layers_per_block=2)


@torch.no_grad()
def filled(make: Callable[[], nn.Module], compute: Compute) -> Any:
    """A network with random weights, which repeat: drawing billions of numbers takes minutes."""
    with torch.device("meta"):
        network = make().to(compute.dtype)
    if isinstance(network, PreTrainedModel):  # small, and with buffers that have values
        return make().to(compute.dtype).eval()
    noise = 0.02 * torch.randn(2**20, generator=torch.Generator().manual_seed(0))
    for weights in network.to_empty(device="cpu").parameters():
        flat = weights.view(-1)
        flat.copy_(noise.repeat(-(-len(flat) // len(noise)))[: len(flat)])
    return network.eval()


MODELS: dict[str, Callable[[Compute], Denoiser]] = {"sd15": sd15, "sdxl": sdxl}

if __name__ == "__main__":
    print(json.dumps(measured(*sys.argv[1:]))) if len(sys.argv) > 1 else main()
