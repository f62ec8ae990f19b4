"""What the command line adds to a sweep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What the command line adds to a sweep."""

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    limit: int | None = None
    allow_pickle: bool = False
    fail_fast: bool = False
    retry_failed: bool = False
    wait: bool = False
    command: str = "python"  # as environment.json names it
