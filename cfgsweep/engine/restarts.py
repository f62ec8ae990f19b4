"""U-turns and forks: latents that are noised between two calls of the denoiser, and the sampler that goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from cfgsweep.engine.trajectory import PendingStep
from cfgsweep.errors import UserError
from cfgsweep.guidance.interface import Memory
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.samplers import Restart, Sampler, UTurn, restart_of_turn
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.input_pictures import input_picture


def restarted(
    step: PendingStep, latents: torch.Tensor, x0: torch.Tensor, memory: Memory, denoiser: Denoiser
) -> tuple[torch.Tensor, Sampler, Memory]:
    """The latents after the restart of a step, the sampler that goes on, and the guider's memory.

    latents: after the step. x0: what its guided prediction stands for. A picture that is noised again begins without
    memory.
    """
    (_, e), restart = step.node.members[0], step.operation.restart
    assert restart is not None
    sampler, noise = _begin(e, restart, step.node.call, latents, denoiser)
    if restart.renewed is None:
        return sampler.noised(latents, noise, step.node.call), sampler, None
    return sampler.renewed(latents, x0, noise, restart.renewed, step.node.call), sampler, memory


def begin_with_picture(
    denoiser: Denoiser, turn: UTurn, e: Experiment, like: torch.Tensor
) -> tuple[torch.Tensor, Sampler]:
    """The first latents of a U-turn of a picture file, and their sampler. like: latents of that shape and device.

    The picture is brought to the experiment's size. Raises UserError where the file has changed.
    """
    assert turn.image is not None
    assert turn.image.path is not None
    image, sha256 = input_picture(Path(turn.image.path))
    if sha256 != turn.image.sha256:
        raise UserError("the picture has changed since this command began", given=turn.image.path)
    size = e.size or denoiser.native_size
    resized = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
    picture = denoiser.encode_picture(resized).to(like)
    sampler, noise = _begin(e, restart_of_turn(turn, e.sampler, e.steps), 0, like, denoiser)
    return sampler.noised(picture, noise, 0), sampler


def _begin(
    e: Experiment, restart: Restart, call: int, latents: torch.Tensor, denoiser: Denoiser
) -> tuple[Sampler, torch.Tensor]:
    """The sampler that goes on at a call, and standard normal noise for its latents."""
    generator = torch.Generator().manual_seed(_seed_of(e, restart))
    noise = randn_tensor(latents.shape, generator=generator, device=latents.device)
    config = denoiser.scheduler_config
    return Sampler.start_late(e.sampler, config, e.steps, generator, restart.call, call), noise


def _seed_of(e: Experiment, restart: Restart) -> int:
    """The seed of a restart's random numbers: others than those of any experiment's own seed.

    It is the same at every noise level and every step, so that what differs between these is the level alone.
    """
    kind = "u-turn" if restart.renewed is None else "fork"
    return int.from_bytes(hashlib.sha256(f"{kind} {restart.seed} of {e.seed}".encode()).digest()[:8], "big")
