"""The memory of a device: how many rows of a batch it has room for, and what happens where it does not suffice."""

from __future__ import annotations

import gc
import os
from dataclasses import replace

import torch

from cfgsweep.models.device import BATCH_SIZES, Compute

CPU_BATCH = 8  # enough to keep one thread busy; with larger batches a short sweep waits longer for every step
SMALL_CPU_BATCH, SMALL_ROW = 16, 2 * 2**20  # for rows of few bytes, where the overhead of a call dominates


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
    """Total memory of the device, or this process's share of it."""
    return _total_bytes(compute) // compute.sharers


def _total_bytes(compute: Compute) -> int:
    if compute.device.startswith("cuda"):
        return torch.cuda.get_device_properties(compute.device).total_memory
    if compute.device == "mps":
        return torch.mps.recommended_max_memory()
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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
