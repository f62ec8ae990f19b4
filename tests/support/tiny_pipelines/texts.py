"""Tokenizers and text encoders of a few thousand parameters, built without a network."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.support import tiny_models as tiny

WIDTH = 16  # channels of every text encoder
# Of language models. The usual initializer_range of 0.02 leaves hidden states before the last norm near zero.
LANGUAGE = {"num_attention_heads": 2, "num_hidden_layers": 2, "hidden_size": WIDTH, "intermediate_size": 32}
IDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "initializer_range": 0.3}
QWEN_TOKENS = ["<|im_start|>", "<|im_end|>"]
# Words that are one token; others are split into letters.
WORDS = "a the of on in and red blue green black white cat dog dogs horse house photo picture bad worse some two"


def clip(length: int = 32) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """CLIP with one token per letter, padded to `length` tokens."""
    return CLIPTextModel(_clip_config(length)), tiny.tokenizer(length)


def clip_projected(length: int = 32) -> tuple[CLIPTextModelWithProjection, CLIPTokenizer]:
    """CLIP with pooled embeddings."""
    return CLIPTextModelWithProjection(_clip_config(length)), tiny.tokenizer(length)


def _clip_config(length: int) -> CLIPTextConfig:
    return tiny.clip_config(layers=3, projection_dim=WIDTH, max_position_embeddings=length, initializer_range=0.2)


def t5(width: int = WIDTH) -> tuple[T5EncoderModel, T5Tokenizer]:
    return T5EncoderModel(T5Config(**{**_t5_sizes(), "d_model": width})), t5_tokenizer()


def umt5() -> tuple[UMT5EncoderModel, T5Tokenizer]:
    return UMT5EncoderModel(UMT5Config(**_t5_sizes())), t5_tokenizer()


def _t5_sizes() -> dict[str, Any]:
    return {
        "vocab_size": len(t5_tokenizer()),
        "d_model": WIDTH,
        "d_kv": 8,
        "d_ff": 32,
        "num_layers": 2,
        "num_heads": 2,
        "feed_forward_proj": "gated-gelu",
    }


def t5_tokenizer() -> T5Tokenizer:
    """Unigram: one token per word of WORDS, one per character of others; `</s>` at the end."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    characters = [(character, -10.0) for character in ["▁", *tiny.LETTERS]]
    words = [("▁" + word, -1.0) for word in WORDS.split() if len(word) > 1]
    return T5Tokenizer(vocab=[*special, *characters, *words], extra_ids=0, model_max_length=64)


def qwen_vl(of: type) -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer]:
    """Qwen2.5-VL for the pipeline class `of`."""
    tokenizer = qwen_tokenizer(of)
    text = {
        "vocab_size": len(tokenizer),
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
        **LANGUAGE,
        **IDS,
    }
    vision = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    ids = {name: len(tokenizer) - 1 for name in ("vision_start_token_id", "vision_end_token_id")}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
    ), tokenizer


def qwen_tokenizer(of: type, **others: Any) -> Qwen2Tokenizer:
    """Byte-level BPE with one token per word of the prompt template of the pipeline class `of`.

    Pipelines cut a fixed number of tokens off their template, which has one token per word with the original
    tokenizer; with one per letter, the prompt itself would be cut off at `max_sequence_length`.
    """
    vocabulary, merges = _byte_level_bpe(inspect.getsource(sys.modules[of.__module__]).replace("\\n", "\n"))
    return Qwen2Tokenizer(vocab=dict(vocabulary), merges=list(merges), extra_special_tokens=QWEN_TOKENS, **others)


@functools.cache
def _byte_level_bpe(corpus: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges in which every word of the corpus is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=100_000,  # never reached: training ends when every word is merged
        min_frequency=0,
        initial_alphabet=tiny.LETTERS,
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator([corpus, f" {WORDS}"], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]
