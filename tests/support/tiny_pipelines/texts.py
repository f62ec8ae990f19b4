"""CLIP and T5 of a few thousand parameters with their tokenizers, built without a network."""

from __future__ import annotations

import sys
from string import ascii_lowercase
from types import SimpleNamespace
from typing import Any

from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    ByT5Tokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.support import tiny_models as tiny
from tests.support.tiny_networks import WIDTH

# Words that are one token; others are split into letters.
WORDS = "a the of on in and red blue green black white cat dog dogs horse house photo square bad worse ugly some two"


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


def byt5() -> tuple[T5EncoderModel, ByT5Tokenizer]:
    tokenizer = ByT5Tokenizer()
    return T5EncoderModel(T5Config(**{**_t5_sizes(), "vocab_size": len(tokenizer)})), tokenizer


def bert() -> tuple[BertModel, BertTokenizer]:
    """One token per letter, padded to 77 tokens."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ascii_lowercase, *("##" + letter for letter in ascii_lowercase)]
    tokenizer = BertTokenizer(vocab={token: index for index, token in enumerate(vocabulary)}, model_max_length=77)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=77,
        initializer_range=0.2,
    )
    return BertModel(config), tokenizer


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


def replace_missing_ftfy(of: type) -> None:
    """Leave texts as they are: diffusers 0.42 calls ftfy in some pipelines without asking whether it is installed."""
    vars(sys.modules[of.__module__]).setdefault("ftfy", SimpleNamespace(fix_text=str))
