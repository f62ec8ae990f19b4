"""Counts and times in sentences."""

from __future__ import annotations


def counted(count: int, noun: str, verbs: tuple[str, str] | None = None) -> str:
    """'1 picture', '1,200 pictures'; with the verbs for one and for several, '1 picture is', '2 pictures are'."""
    words = f"{count:,} {noun}{'' if count == 1 else 's'}"
    return f"{words} {verbs[count != 1]}" if verbs else words


def duration(seconds: float) -> str:
    """'40 s', '3 min', '2 h 05 min', '3 days 4 h'."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"
