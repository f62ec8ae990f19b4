"""Devices: which one a denoiser runs on, in which dtype, at which batch size, with how many workers."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.models.bfloat16 import bfloat16_works

DEVICES = ("cuda", "mps", "cpu")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
BATCH_SIZES = (32, 16, 8, 4, 2, 1)
CPU_BATCH = 8  # enough to keep one thread busy; with larger batches a short sweep waits longer for every step
SMALL_CPU_BATCH, SMALL_ROW = 16, 2 * 2**20  # for rows of few bytes, where the overhead of a call dominates


@dataclass(frozen=True)
class Compute:
    """A device, a dtype, and the number of batches that are computed at the same time.

    On a CPU, every batch runs on one thread, and there is one worker per core. For small models this is faster than
    all cores in one operation, and the results do not depend on the number of cores.
    """

    device: str
    dtype: torch.dtype
    workers: int

    @property
    def traces_networks(self) -> bool:
        """Whether networks are traced. On an accelerator, Python runs ahead of the operations and costs no time."""
        return self.device == "cpu"

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def accelerator() -> str | None:
    """'cuda' or 'mps' if there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def choose(device: str = "auto", dtype: str = "auto") -> Compute:
    """Resolves a device and dtype as given on the command line. Raises UserError where one is unknown or not available.

    'auto' is the accelerator if there is one, else the CPU; and float16 on CUDA, else float32. bfloat16 is float32 on
    a CPU that does not compute it (see `usable_dtype`).
    """
    found = accelerator()
    name = found or "cpu" if device == "auto" else device
    if name.split(":")[0] not in DEVICES:
        raise unknown_name("device", name, ["auto", *DEVICES], "--device")
    if name != "cpu" and (name.split(":")[0] != found or not _has_index(name)):
        raise UserError("this device is not here", where="--device", given=name, allowed=["auto", found or "cpu"])
    if dtype == "auto":
        dtype = "float16" if name.startswith("cuda") else "float32"
    if dtype not in DTYPES:
        raise unknown_name("dtype", dtype, ["auto", *DTYPES], "--dtype")
    return Compute(name, DTYPES[usable_dtype(name, dtype)], workers=cores() if name == "cpu" else 1)


def _has_index(name: str) -> bool:
    """Whether the device number in a name like 'cuda:1' exists."""
    index = name.partition(":")[2] or "0"
    return index.isdecimal() and int(index) < (torch.cuda.device_count() if name.startswith("cuda") else 1)


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_batch_size(compute: Compute, row_bytes: int) -> int:
    """Rows per batch on any machine with memory enough, a function of the kind of device, model and picture size.

    row_bytes: from `Denoiser.memory`.
    """
    if compute.device != "cpu":
        return BATCH_SIZES[0]
    return SMALL_CPU_BATCH if row_bytes <= SMALL_ROW else CPU_BATCH


def fitting_batch_size(compute: Compute, most: int, weight_bytes: int, row_bytes: int) -> int:
    """The largest of the batch sizes up to `most` that fits with the weights into half of the device's total memory.

    What is free at the moment plays no part, so that it is the same every time. weight_bytes, row_bytes: from
    `Denoiser.memory`.
    """
    budget = memory_bytes(compute) // 2 - weight_bytes
    fitting = [size for size in BATCH_SIZES if size <= most and size * row_bytes <= budget]
    return fitting[0] if fitting else 1


def with_room(compute: Compute, batch_size: int, weight_bytes: int, row_bytes: int) -> Compute:
    """The same with no more workers than have room for a batch each. The number of workers changes no pixel."""
    batches = (memory_bytes(compute) // 2 - weight_bytes) // (batch_size * row_bytes)
    return replace(compute, workers=max(1, min(compute.workers, batches)))


def memory_bytes(compute: Compute) -> int:
    """Total memory of the device."""
    if compute.device.startswith("cuda"):
        return torch.cuda.get_device_properties(compute.device).total_memory
    if compute.device == "mps":
        return torch.mps.recommended_max_memory()
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def describe(compute: Compute) -> str:
    """The name of the device's model where it has one, for records."""
    if compute.device.startswith("cuda"):
        return torch.cuda.get_device_name(compute.device)
    return compute.device


@contextmanager
def one_thread_per_operation(compute: Compute) -> Iterator[None]:
    """Makes operations single-threaded within the block, on a CPU, where workers run in parallel."""
    before = torch.get_num_threads()
    if compute.device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory was not enough. The CPU's allocator raises a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("allocate memory", "out of memory", "can't start new thread")  # the CPU's allocator, MPS's, Python's
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def release_memory(compute: Compute) -> None:
    """Frees tensors after a failure: they are held by the frames of its traceback, in reference cycles."""
    gc.collect()
    if compute.device.startswith("cuda"):
        torch.cuda.empty_cache()


def usable_dtype(device: str, dtype: str, notice: Callable[[str], object] = warnings.warn) -> str:
    """The dtype, or 'float32' in place of 'bfloat16' on a CPU that does not compute it (see models/bfloat16.py).

    notice: called once in a process with an explanation, where bfloat16 does not work.
    """
    on_cpu = device == "cpu" or (device == "auto" and accelerator() is None)
    return "float32" if dtype == "bfloat16" and on_cpu and not bfloat16_works(notice) else dtype


def training_dtype(dtype: str = "auto", notice: Callable[[str], object] = warnings.warn) -> torch.dtype:
    """The dtype of matrix products in training, which runs on the CPU.

    'auto' is bfloat16 where the CPU computes it in hardware (AMX), else float32: emulated, bfloat16 is many times
    slower. notice: as for `usable_dtype`.
    """
    if dtype == "auto":
        dtype = "bfloat16" if torch.cpu._is_amx_tile_supported() else "float32"
    return DTYPES[usable_dtype("cpu", dtype, notice)]
