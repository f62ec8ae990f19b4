"""The memory that a row of a batch takes on the device, measured with one and with two rows.

Networks differ by more than ten times from what their shapes tell: libraries choose algorithms that need room, and
attention is or is not computed in parts. Where the estimate leaves no doubt that the usual batch fits, nothing is
measured, so that a small model has the same batches on every machine.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from cfgsweep.guidance.perturbations import Condition
from cfgsweep.models import device_memory
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.threads import one_thread_per_operation
from cfgsweep.samplers import Sampling

DOUBT = 16  # times the estimate; the largest factor that tests/bench/REAL_SIZE.md has found is 7
CPU_WORKSPACES = 3  # times the estimate: what four rows take in tests/bench/REAL_SIZE.md, on two models
STATUS, PEAK_BEGINS_ANEW = Path("/proc/self/status"), (Path("/proc/self/clear_refs"), "5")


def is_in_doubt(compute: Compute, weight_bytes: int, row_bytes: int) -> bool:
    """Whether the usual batch may not fit, if a row takes many times what its shapes tell."""
    rows = device_memory.default_batch_size(compute, row_bytes) * compute.workers
    return weight_bytes + DOUBT * rows * row_bytes > device_memory.memory_bytes(compute) // 2


def measured_row_bytes(
    denoiser: Denoiser, compute: Compute, sampling: Sampling, condition: Condition, estimate: int
) -> int | None:
    """By how many bytes two rows take more than one at their peak; None on a device that does not tell.

    On a CPU it is not less than CPU_WORKSPACES times the estimate: a process that uses freed memory again does not
    grow, and the workspaces of four rows are more than twice those of two. Where memory does not suffice for two rows,
    it is more than there is.
    """
    if not _tells_peak(compute):
        return None
    sampling = replace(sampling, cache=None)
    latents, sampler = denoiser.start(sampling, torch.Generator().manual_seed(0))
    latents, row = sampler.model_input(latents, 0), denoiser.inputs(condition, sampler, 0)

    def predict(rows: int) -> Callable[[], object]:
        return lambda: denoiser.predict_rows(latents.repeat(rows, *[1] * (latents.ndim - 1)), [row] * rows)

    try:
        with one_thread_per_operation(compute):
            predict(1)()  # what is made once in a process is not counted
            one, two = (_peak_bytes(compute, predict(rows)) for rows in (1, 2))
    except (RuntimeError, MemoryError) as error:
        if not device_memory.is_out_of_memory(error):
            raise
        return device_memory.memory_bytes(compute)
    finally:
        device_memory.release_memory(compute)
    return max(CPU_WORKSPACES * estimate if compute.device == "cpu" else 1, two - one)


def _peak_bytes(compute: Compute, call: Callable[[], object]) -> int:
    """The most bytes that a call takes at one time, beyond what was taken before."""
    if compute.device != "cpu":
        torch.cuda.reset_peak_memory_stats(compute.device)
        before = torch.cuda.memory_allocated(compute.device)
        call()
        return torch.cuda.max_memory_allocated(compute.device) - before
    ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back to the system, so that a second use of it is seen
    PEAK_BEGINS_ANEW[0].write_text(PEAK_BEGINS_ANEW[1])
    before = _of_process("VmRSS")
    call()
    return _of_process("VmHWM") - before


def _tells_peak(compute: Compute) -> bool:
    if compute.device.startswith("cuda"):
        return True
    return compute.device == "cpu" and sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


def _of_process(name: str) -> int:
    """A figure of /proc/self/status in bytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
