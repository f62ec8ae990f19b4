"""Checkpoints in one file. diffusers takes their configuration and their tokenizer from a model on the hub."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# What diffusers takes for checkpoints of Stable Diffusion 1.x and 2.x, and by which weights it knows the latter.
CONFIGURATION_1 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
CONFIGURATION_2 = "stabilityai/stable-diffusion-2-1"
KEY_OF_2 = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
TEXT_WIDTH_OF_2 = 1024
TEXT_ENCODER = "cond_stage_model."  # how weights are named that only checkpoints of Stable Diffusion 1.x and 2.x have
INPUT = "model.diffusion_model.input_blocks.0.0.weight"
LATENT_CHANNELS = 4  # inpainting and other variants have more
MOST_HEADER_BYTES = 100_000_000  # as safetensors has it


def configuration_of_file(path: Path) -> str | None:
    """The hub id of the model whose configuration a checkpoint is loaded with; None for a damaged file or a pickle.

    It is the one that diffusers takes, which is only imported for checkpoints of other families.
    """
    shapes = _shapes(path)
    if shapes is None:
        return None
    try:
        if any(name.startswith(TEXT_ENCODER) for name in shapes) and shapes[INPUT][1] == LATENT_CHANNELS:
            return CONFIGURATION_2 if shapes.get(KEY_OF_2, (0,))[-1] == TEXT_WIDTH_OF_2 else CONFIGURATION_1
        return _by_diffusers(shapes)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # not the shapes of any checkpoint
        return None


def _by_diffusers(shapes: dict[str, tuple[int, ...]]) -> str:
    from diffusers.loaders.single_file_utils import fetch_diffusers_config

    found = fetch_diffusers_config({name: SimpleNamespace(shape=shape) for name, shape in shapes.items()})
    return str(found["pretrained_model_name_or_path"])


def _shapes(path: Path) -> dict[str, tuple[int, ...]] | None:
    """The shapes of a safetensors file's tensors, from its header; None where it has none."""
    header = _header(path)
    try:
        return header and {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (TypeError, KeyError):
        return None


def _header(path: Path) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            found = json.loads(file.read(length)) if length <= MOST_HEADER_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
