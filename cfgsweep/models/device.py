"""Devices: which one a denoiser runs on, in which dtype, with how many workers.

Torch is imported where a function needs it, so that a command that computes nothing does not wait for it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.models.bfloat16 import bfloat16_works

if TYPE_CHECKING:
    import torch

DEVICES = ("cuda", "mps", "cpu")
DTYPES = ("float32", "float16", "bfloat16")
BATCH_SIZES = (32, 16, 8, 4, 2, 1)  # rows; the first one is the default on GPUs


@dataclass(frozen=True)
class Compute:
    """A device, a dtype, and the number of batches that are computed at the same time.

    On a CPU, every batch runs on one thread, and there is one worker per core. For small models this is faster than
    all cores in one operation, and the results do not depend on the number of cores.

    sharers: how many processes share the memory of the device.
    """

    device: str
    dtype_name: str
    workers: int
    sharers: int = 1

    @property
    def traces_networks(self) -> bool:
        """Whether networks are traced. On an accelerator, Python runs ahead of the operations and costs no time."""
        return self.device == "cpu"

    @property
    def dtype(self) -> torch.dtype:
        return torch_dtype(self.dtype_name)


def torch_dtype(name: str) -> torch.dtype:
    """The dtype with this name, one of DTYPES."""
    import torch

    return getattr(torch, name)


def accelerator() -> str | None:
    """'cuda' or 'mps' if there is one."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


OTHER_NAMES = {
    **dict.fromkeys(("gpu", "nvidia", "rocm"), "cuda"),
    **dict.fromkeys(("metal", "apple"), "mps"),
    **{"fp16": "float16", "half": "float16", "bf16": "bfloat16", "fp32": "float32", "float": "float32"},
}


def kind(device: str) -> str:
    """'cuda' of 'cuda:1'."""
    return device.partition(":")[0]


def here_like(device: str) -> str | None:
    """That device, or where this machine has only others of its kind, the first of them; None where it has none."""
    if device != "cpu" and kind(device) != accelerator():
        return None
    return device if device == "cpu" or _has_index(device) else kind(device)


def choose(device: str = "auto", dtype: str = "auto") -> Compute:
    """Resolves a device and dtype as given on the command line. Raises UserError where one is unknown or not available.

    'auto' is the accelerator if there is one, else the CPU; and float16 on CUDA, else float32. bfloat16 is float32 on
    a CPU that does not compute it (see `usable_dtype`).
    """
    name = accelerator() or "cpu" if device == "auto" else device
    if kind(name) not in DEVICES:
        raise _unknown("device", name, ["auto", *DEVICES])
    if name != "cpu":
        _refuse_absent(name)
    if dtype == "auto":
        dtype = "float16" if name.startswith("cuda") else "float32"
    if dtype not in DTYPES:
        raise _unknown("dtype", dtype, ["auto", *DTYPES])
    return Compute(name, usable_dtype(name, dtype), workers=cores() if name == "cpu" else 1)


def _unknown(kind: str, given: str, known: list[str]) -> UserError:
    """With the name that other programs have for one of the known ones."""
    error = unknown_name(kind, given, known, f"--{kind}")
    ours = OTHER_NAMES.get(given.lower().removeprefix("torch."))
    error.hint = f"did you mean {ours!r}?" if ours else error.hint
    return error


def _refuse_absent(name: str) -> None:
    """Raises UserError where this machine does not have the accelerator."""
    found = accelerator()
    if kind(name) != found or not _has_index(name):
        raise UserError("this device is not here", where="--device", given=name, allowed=["auto", found or "cpu"])


def _has_index(name: str) -> bool:
    """Whether the device number in a name like 'cuda:1' exists."""
    import torch

    index = name.partition(":")[2] or "0"
    return index.isdecimal() and int(index) < (torch.cuda.device_count() if name.startswith("cuda") else 1)


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(compute: Compute) -> str:
    """The name of the device's model where it has one, for records."""
    if compute.device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(compute.device)
    return compute.device


def capability(compute: Compute) -> str | None:
    """What decides which code computes on the device, and so the last bits: "9.0" of CUDA, "AVX512" of a CPU."""
    import torch

    if compute.device.startswith("cuda"):
        return ".".join(map(str, torch.cuda.get_device_capability(compute.device)))
    return torch.backends.cpu.get_cpu_capability() if compute.device == "cpu" else None


def usable_dtype(device: str, dtype: str, notice: Callable[[str], object] = warnings.warn) -> str:
    """The dtype, or 'float32' in place of 'bfloat16' on a CPU that does not compute it (see models/bfloat16.py).

    notice: called once in a process with an explanation, where bfloat16 does not work.
    """
    if dtype != "bfloat16":
        return dtype
    on_cpu = device == "cpu" or (device == "auto" and accelerator() is None)
    return "float32" if on_cpu and not bfloat16_works(notice) else dtype


def training_dtype(dtype: str = "auto", notice: Callable[[str], object] = warnings.warn) -> torch.dtype:
    """The dtype of matrix products in training, which runs on the CPU.

    'auto' is bfloat16 where the CPU computes it in hardware (AMX), else float32: emulated, bfloat16 is many times
    slower. notice: as for `usable_dtype`.
    """
    import torch

    if dtype == "auto":
        dtype = "bfloat16" if torch.cpu._is_amx_tile_supported() else "float32"
    return torch_dtype(usable_dtype("cpu", dtype, notice))
