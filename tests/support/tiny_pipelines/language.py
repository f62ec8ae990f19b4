"""Language models as text encoders, and their byte-level tokenizer."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    BatchEncoding,
    Gemma2Config,
    Gemma2Model,
    GemmaConfig,
    GemmaModel,
    GlmConfig,
    GlmModel,
    LlamaConfig,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3VLConfig,
    Qwen3VLModel,
)

from tests.support import tiny_models as tiny
from tests.support.tiny_networks import WIDTH
from tests.support.tiny_pipelines.texts import WORDS

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
QWEN_VISION = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
ROLES = ["system", "user", "assistant"]
QWEN_TOKENS = ["<|im_start|>", "<|im_end|>"]
LLAMA_TOKENS = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
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


def gemma(of: type, **others: Any) -> tuple[GemmaModel, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of, **others)
    return GemmaModel(GemmaConfig(**SIZES, vocab_size=len(tokenizer))), tokenizer


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


def llama(of: type, model: type, layers: int = 2) -> tuple[PreTrainedModel, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of, LLAMA_TOKENS, bos_token="<|begin_of_text|>", add_bos_token=True)
    return model(LlamaConfig(**{**SIZES, "num_hidden_layers": layers}, vocab_size=len(tokenizer))), tokenizer


def qwen_vl_text(of: type, layers: int) -> tuple[Qwen2_5_VLTextModel, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of, chat_template=QWEN_CHAT)
    return Qwen2_5_VLTextModel(Qwen2_5_VLTextConfig(**_qwen_vl_sizes(tokenizer, layers))), tokenizer


def qwen_vl(of: type, layers: int = 2) -> tuple[Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of)
    text = _qwen_vl_sizes(tokenizer, layers)
    ids = {name: len(tokenizer) - 1 for name in ("vision_start_token_id", "vision_end_token_id")}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=QWEN_VISION, **ids)
    ), tokenizer


def qwen3_vl(of: type) -> tuple[Qwen3VLModel, Qwen2Tokenizer]:
    tokenizer = byte_tokenizer(of)
    text = _qwen_vl_sizes(tokenizer, layers=2)
    return Qwen3VLModel(Qwen3VLConfig(text_config=text, vision_config=QWEN_VISION)), tokenizer


def _qwen_vl_sizes(tokenizer: Qwen2Tokenizer, layers: int) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
    return {**SIZES, "num_hidden_layers": layers, "vocab_size": len(tokenizer), "rope_parameters": rope}


def chatglm(of: type) -> tuple[PreTrainedModel, WithPositions]:
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel

    tokenizer = WithPositions(**_vocabulary(of), padding_side="left")
    config = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        ffn_hidden_size=32,
        kv_channels=8,
        num_attention_heads=2,
        seq_length=64,
        multi_query_attention=True,
        multi_query_group_num=1,
        original_rope=True,
    )
    model = ChatGLMModel(config)
    for parameter in model.parameters():  # left as the memory was
        torch.nn.init.normal_(parameter, std=0.3) if parameter.ndim > 1 else torch.nn.init.ones_(parameter)
    return model, tokenizer


class WithPositions(Qwen2Tokenizer):
    """Instead of ChatGLM's tokenizer, which needs the package sentencepiece."""

    def __call__(self, *args: Any, **settings: Any) -> BatchEncoding:
        encoding = super().__call__(*args, **settings)
        encoding["position_ids"] = (encoding["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        return encoding


def byte_tokenizer(of: type, special: Sequence[str] = QWEN_TOKENS, **others: Any) -> Qwen2Tokenizer:
    """Byte-level BPE with one token per word of the prompt template of the pipeline class `of`.

    Pipelines cut a fixed number of tokens off their template, which has one token per word with the original
    tokenizer; with one per letter, the prompt itself would be cut off at `max_sequence_length`.
    """
    return Qwen2Tokenizer(**_vocabulary(of), extra_special_tokens=list(special), **others)


def _vocabulary(of: type) -> dict[str, Any]:
    vocabulary, merges = _byte_level_bpe(inspect.getsource(sys.modules[of.__module__]).replace("\\n", "\n"))
    return {"vocab": dict(vocabulary), "merges": list(merges)}


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
    tokenizer.train_from_iterator([corpus, f" {WORDS}", *WORDS.split(), *ROLES, 8 * " "], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]
