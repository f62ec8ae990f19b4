"""Whether this CPU really computes bfloat16 matrix products, tried in another process before the first one here.

Some virtual machines have a CPU that advertises AMX and does not run its instructions: the first bfloat16 product in
oneDNN ends the process with "Illegal instruction". No exception can be caught, so the trial is made in a child process.

The child is a fresh interpreter, not a fork: torch may have started OpenMP threads here, which do not exist in a forked
child, where the next parallel operation can then wait for ever. The price is one import of torch, a few seconds.

This module does not import torch, so that it can be called before torch is there. See `bfloat16_works`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

# Products by matrix multiplication and convolution, forward and backward, as training has them.
TRIAL = """
import torch
rows = torch.randn(64, 256, requires_grad=True)
linear, convolution = torch.nn.Linear(256, 256), torch.nn.Conv2d(16, 16, 3, padding=1)
with torch.autocast("cpu", dtype=torch.bfloat16):
    out = convolution(linear(rows).view(64, 16, 4, 4))
out.float().sum().backward()
(rows.detach().bfloat16() @ rows.detach().bfloat16().T).sum().item()
"""
TIME_LIMIT = 180.0  # seconds; importing torch from a cold disk takes a part of it

# oneDNN reads this variable when it is first used in a process, and never again.
WITHOUT_AMX = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}

_works: bool | None = None  # what `bfloat16_works` found in this process


def bfloat16_works(notice: Callable[[str], object]) -> bool:
    """Whether bfloat16 matrix products can be computed on the CPU in this process.

    Call this before every use of bfloat16 on a CPU. The first call in a process makes the trial. Where it fails,
    AMX is switched off by an environment variable of oneDNN if that helps. The variable can be effective only before
    oneDNN is used, so this is done only where torch has not been imported yet; later there is no bfloat16, and callers
    use float32.

    notice: called once in a process, where the trial failed, with an explanation for the user.
    """
    global _works
    if _works is None:
        _works = survives({}) or _switch_off_amx(notice)
    return _works


def _switch_off_amx(notice: Callable[[str], object]) -> bool:
    """Whether bfloat16 products can be computed without AMX. Tells the user what is done instead of AMX."""
    problem = "bfloat16 matrix products crash on this CPU, which advertises instructions that it does not run"
    if "torch" in sys.modules or not survives(WITHOUT_AMX):
        notice(f"{problem}: computing in float32 instead")
        return False
    os.environ.update(WITHOUT_AMX)
    variables = ", ".join(f"{name}={value}" for name, value in WITHOUT_AMX.items())
    notice(f"{problem}: computing without AMX ({variables})")
    return True


def survives(variables: Mapping[str, str]) -> bool:
    """Whether a child process computes bfloat16 products and ends in order, with these environment variables."""
    command = [sys.executable, "-P", "-c", TRIAL]  # -P: no modules from the current folder
    try:
        done = subprocess.run(
            command, env={**os.environ, **variables}, timeout=TIME_LIMIT, stdin=subprocess.DEVNULL, capture_output=True
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


def advertises_amx() -> bool:
    """Whether the CPU says that it multiplies bfloat16 in hardware (AMX). Only Linux is looked at."""
    try:
        return "amx_tile" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
