"""Reads what a LoRA file says of itself, before diffusers takes it. Such files come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.source import Source

MOST_TENSORS = 100_000
METADATA = "lora_adapter_metadata"  # diffusers' key of the adapters' configurations in a file's metadata
# Settings of peft's LoraConfig that a file may have other than peft's defaults. Others would replace weights of the
# model, compute decompositions of them, or import a package that the file names.
OF_FILES = (
    *("r", "lora_alpha", "rank_pattern", "alpha_pattern", "target_modules", "use_rslora", "use_dora", "lora_bias"),
    *("lora_dropout", "peft_version", "base_model_name_or_path", "revision", "inference_mode"),
)
INITIALISATIONS = (True, False, "gaussian")  # of the weights that the file then replaces


def checked_lora_file(name: str) -> Path:
    """The path of a LoRA file. Raises UserError, with its name, where it is none or does more than add to weights."""
    from safetensors import SafetensorError, safe_open

    source = Source.of(name)
    path = Path(source.place)
    if not path.is_file():
        raise UserError("not a file", where="lora", given=name)
    try:
        with safe_open(path, "pt") as file:
            keys, metadata = list(file.keys()), file.metadata() or {}
            if len(keys) > MOST_TENSORS:
                raise UserError("too many tensors for a LoRA", where="lora", given=f"{name}: {len(keys):,}")
            types = {key: file.get_slice(key).get_dtype() for key in keys}
    except (SafetensorError, OSError) as error:
        raise UserError(f"damaged: {shorten(str(error))}", where="lora", given=name) from None
    _check_keys(name, keys)
    if wrong := [key for key in keys if types[key] not in ("F32", "F16", "BF16", "F64")]:
        raise UserError("its numbers are no floats", where="lora", given=f"{name}: {wrong[0]} is {types[wrong[0]]}")
    _check_metadata(name, metadata)
    return path


def _check_keys(name: str, keys: Iterable[str]) -> None:
    other = [key for key in keys if "lora" not in key and not key.endswith((".alpha", ".dora_scale"))]
    if other or not keys:
        problem = "not a LoRA: it has other weights, which would replace those of the model" if other else "it is empty"
        raise UserError(problem, where="lora", given=f"{name}: {shorten(other[0])}" if other else name)


def _check_metadata(name: str, metadata: dict[str, str]) -> None:
    """diffusers hands these settings to peft as they are."""
    if METADATA not in metadata:
        return
    try:
        found = json.loads(metadata[METADATA])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UserError(f"damaged: {METADATA} is no JSON object", where="lora", given=name)
    from peft import LoraConfig

    names = {field.name for field in fields(LoraConfig)}
    defaults: dict[str, Any] = json.loads(json.dumps(LoraConfig().to_dict(), default=list))
    for key, value in found.items():
        setting = key.rpartition(".")[2]
        if setting in OF_FILES or (setting == "init_lora_weights" and value in INITIALISATIONS):
            continue
        if setting not in names | {"peft_type"} or value not in (defaults.get(setting), None, [], {}):
            problem = "its configuration does more than add to weights"
            raise UserError(problem, where="lora", given=f"{name}: {key}: {shorten(repr(value))}")
