"""Counts in sentences."""

from __future__ import annotations


def counted(count: int, noun: str, verbs: tuple[str, str] | None = None) -> str:
    """'1 picture', '1,200 pictures'; with the verbs for one and for several, '1 picture is', '2 pictures are'."""
    words = f"{count:,} {noun}{'' if count == 1 else 's'}"
    return f"{words} {verbs[count != 1]}" if verbs else words
