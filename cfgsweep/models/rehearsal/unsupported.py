"""The reason why a pipeline cannot be run row by row."""

from __future__ import annotations


class Unsupported(Exception):
    """A pipeline's way from latents to predictions was not found, or does not give what the pipeline itself gives."""
