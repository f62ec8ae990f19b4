"""A CLIP model in transformers' form with random weights, and its tokenizer and image processor."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from cfgsweep.training.config import TextEncoder
from cfgsweep.training.data.dataset import Entry
from cfgsweep.training.tasks.text_to_image import build_tokenizer

SIDE, PROJECTION = 16, 12


def tiny_clip(folder: Path, seed: int = 0, processor: bool = True) -> CLIPModel:
    """Saves the model in a folder, and returns it. processor: whether tokenizer and image processor are there, too."""
    torch.manual_seed(seed)
    tokenizer: CLIPTokenizer = build_tokenizer(TextEncoder(vocabulary=600, length=12), [Entry("a horse")], 0)
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    form = {"intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": PROJECTION}
    text = CLIPTextConfig(
        vocab_size=600,
        hidden_size=16,
        max_position_embeddings=12,
        pad_token_id=tokenizer.pad_token_id,
        **special,
        **form,
    )
    vision = CLIPVisionConfig(hidden_size=16, image_size=SIDE, patch_size=4, **form)
    network = CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=PROJECTION)
    ).eval()
    torch.nn.init.normal_(network.text_projection.weight)
    torch.nn.init.normal_(network.visual_projection.weight)
    network.save_pretrained(folder)
    if processor:
        size = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
        CLIPImageProcessorPil(**size).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return network
