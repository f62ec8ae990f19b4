"""The names of a sweep's axes, in the order in which experiments are expanded: the last one fastest."""

from __future__ import annotations

from collections.abc import Iterable

AXES = (
    "model",
    "label",
    "prompt",
    "negative_prompt",
    "image",
    "mask",
    "strength",
    "seed",
    "steps",
    "sampler",
    "size",
    "call",
    "lora",
    "cache",
    "vae",
    "fork",
    "start",
    "guider",
    "schedule",
    "value",
)
TEXTS = ("prompt", "negative_prompt")


def with_variables(names: Iterable[str]) -> tuple[str, ...]:
    """The axes with these variables among them, after the prompt that they are in."""
    place = AXES.index("prompt") + 1
    return (*AXES[:place], *names, *AXES[place:])
