"""Files of LoRA weights with random numbers for tiny pipelines, as diffusers' training scripts save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from tests.support import tiny_pipelines as tiny

TARGETS = ["to_q", "to_k", "to_v", "q_proj", "k_proj", "v_proj"]


def save_lora(name: str, path: Path, seed: int, text_encoder: bool = False, alpha: int = 4) -> Path:
    """Writes a LoRA of rank 4 for the tiny pipeline of a family, and returns its path.

    text_encoder: whether it also changes the first text encoder. alpha: its strength times 4.
    """
    pipeline = tiny.build(name)
    network = next(part for part in tiny.NETWORKS if part in tiny.networks(pipeline))
    parts = [network, *(["text_encoder"] if text_encoder else [])]
    layers: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(seed)
    for part in parts:
        module = getattr(pipeline, part)
        module.add_adapter(LoraConfig(r=4, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=TARGETS))
        state = get_peft_model_state_dict(module, adapter_name="default")
        layers[f"{part}_lora_layers"] = {
            key: torch.randn(weight.shape, generator=generator) * 0.3 for key, weight in state.items()
        }
        layers[f"{part}_lora_adapter_metadata"] = module.peft_config["default"].to_dict()
    pipeline.save_lora_weights(path.parent, weight_name=path.name, **layers)
    return path
