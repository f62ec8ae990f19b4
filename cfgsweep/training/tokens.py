"""Texts as token ids of a CLIP tokenizer."""

from __future__ import annotations

import torch
from transformers import CLIPTokenizer


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Token ids [texts, length], padded or cut to the tokenizer's length."""
    settings = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
    return tokenizer(texts, max_length=tokenizer.model_max_length, **settings).input_ids
