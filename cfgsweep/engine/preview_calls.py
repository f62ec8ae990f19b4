"""Which calls of the denoiser have previews."""

from __future__ import annotations


def preview_calls(calls: int, count: int) -> list[int]:
    """Which of so many calls have previews: the last, and the others at even distances before it."""
    count = min(count, calls)
    return [round(calls * (number + 1) / count) - 1 for number in range(count)]
