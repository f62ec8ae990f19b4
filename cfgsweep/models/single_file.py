"""Checkpoints in one file. diffusers takes their configuration and their tokenizer from a model on the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# What diffusers takes for checkpoints of Stable Diffusion 1.x and 2.x, and by which weights it knows the latter.
CONFIGURATION_1 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
CONFIGURATION_2 = "stabilityai/stable-diffusion-2-1"
KEY_OF_2 = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
TEXT_WIDTH_OF_2 = 1024
MOST_HEADER_BYTES = 100_000_000  # as safetensors has it


def configuration_of_file(path: Path) -> str | None:
    """The hub id of the model whose configuration a checkpoint is loaded with; None for a damaged file or a pickle."""
    header = _header(path)
    if header is None:
        return None
    try:
        width = header[KEY_OF_2]["shape"][-1] if KEY_OF_2 in header else None
    except (TypeError, KeyError, IndexError):
        return None
    return CONFIGURATION_2 if width == TEXT_WIDTH_OF_2 else CONFIGURATION_1


def _header(path: Path) -> dict[str, Any] | None:
    """The header of a safetensors file: names, types and shapes of its tensors."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            found = json.loads(file.read(length)) if length <= MOST_HEADER_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
