"""The options of a command that are no part of the sweep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sweep is to be computed, as given on the command line or to a function of the API.

    model: replaces the sweep's model, and has no fallback.
    device, dtype: "auto" leaves the choice to the run folder or the machine.
    batch_size: rows in every call of the denoiser. limit: the largest number of pictures to compute.
    command: what environment.json records as the command.
    """

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    limit: int | None = None
    allow_pickle: bool = False
    fail_fast: bool = False
    retry_failed: bool = False
    wait: bool = False
    command: str = "python"
