"""Language models as text encoders, and their byte-level tokenizer."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2Model,
    GlmConfig,
    GlmModel,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
)

from tests.support import tiny_models as tiny
from tests.support.tiny_pipelines.texts import WIDTH, WORDS

SIZES = {
    "hidden_size": WIDTH,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
    "initializer_range": 0.3,  # the usual 0.02 leaves hidden states before the last norm near zero
}
QWEN_TOKENS = ["<|im_start|>", "<|im_end|>"]
QWEN_CHAT = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}"""
MISTRAL_CHAT = "{% for message in messages %}[{{ message.role }}]{{ message.content[0].text }}{% endfor %}"


def gemma2(of: type) -> tuple[Gemma2Model, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of)
    return Gemma2Model(Gemma2Config(**SIZES, vocab_size=len(tokenizer), query_pre_attn_scalar=8)), tokenizer


def glm(of: type) -> tuple[GlmModel, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of, padding_side="left")
    return GlmModel(GlmConfig(**SIZES, vocab_size=len(tokenizer))), tokenizer


def qwen3(of: type, model: type, layers: int = 2) -> tuple[PreTrainedModel, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of, chat_template=QWEN_CHAT)
    return model(Qwen3Config(**{**SIZES, "num_hidden_layers": layers}, vocab_size=len(tokenizer))), tokenizer


def mistral3(of: type, layers: int) -> tuple[Mistral3ForConditionalGeneration, Qwen2Tokenizer]:
    """Text alone: instead of a processor for pictures and text, its tokenizer."""
    tokenizer = byte_tokenizer(of, chat_template=MISTRAL_CHAT, padding_side="left")
    text = {**SIZES, "model_type": "mistral", "num_hidden_layers": layers, "vocab_size": len(tokenizer)}
    vision = {"model_type": "pixtral", "hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 2, "head_dim": 8, "image_size": 28, "patch_size": 14}
    config = Mistral3Config(text_config=text, vision_config=vision, image_token_index=1)
    return Mistral3ForConditionalGeneration(config), tokenizer


def qwen_vl(of: type) -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
    text = {**SIZES, "vocab_size": len(tokenizer), "rope_parameters": rope}
    vision = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    ids = {name: len(tokenizer) - 1 for name in ("vision_start_token_id", "vision_end_token_id")}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
    ), tokenizer


def byte_tokenizer(of: type, **others: Any) -> Qwen2Tokenizer:
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
    tokenizer.train_from_iterator([corpus, f" {WORDS}", *WORDS.split()], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]
