"""Pipelines for pictures that fewer people use, some of which call their networks in unusual ways."""

from __future__ import annotations

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from tests.support import tiny_models as tiny
from tests.support.tiny_networks import WIDTH, tiny_network
from tests.support.tiny_pipelines import autoencoders, language, texts
from tests.support.tiny_pipelines.assemble import assemble


def bria() -> diffusers.BriaPipeline:
    return assemble(
        diffusers.BriaPipeline,
        texts.t5(),
        transformer=tiny_network(diffusers.BriaTransformer2DModel),
        vae=tiny.autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def cogview3plus() -> diffusers.CogView3PlusPipeline:
    return assemble(
        diffusers.CogView3PlusPipeline,
        texts.t5(),
        transformer=tiny_network(diffusers.CogView3PlusTransformer2DModel),
        vae=tiny.autoencoder(),
        scheduler=diffusers.CogVideoXDDIMScheduler(prediction_type="v_prediction", clip_sample=False),
    )


def krea2() -> diffusers.Krea2Pipeline:
    return assemble(
        diffusers.Krea2Pipeline,
        language.qwen3_vl(diffusers.Krea2Pipeline),
        transformer=tiny_network(diffusers.Krea2Transformer2DModel),
        vae=autoencoders.qwen(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        text_encoder_select_layers=(0, 1, 2),
    )


def luminanext() -> diffusers.LuminaPipeline:
    text = language.gemma(diffusers.LuminaPipeline)
    transformer = diffusers.LuminaNextDiT2DModel(
        sample_size=8,
        in_channels=4,
        hidden_size=32,
        num_layers=2,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=16,
        cross_attention_dim=WIDTH,
    )
    torch.nn.init.normal_(transformer.pad_token)  # left as the memory was
    return assemble(
        diffusers.LuminaPipeline,
        text,
        transformer=transformer,
        vae=tiny.autoencoder(scale=8),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def prx() -> diffusers.PRXPipeline:
    texts.replace_missing_ftfy(diffusers.PRXPipeline)
    return assemble(
        diffusers.PRXPipeline,
        language.gemma(diffusers.PRXPipeline, model_max_length=16),  # T5Gemma's encoder is not saved whole
        transformer=tiny_network(diffusers.PRXTransformer2DModel),
        vae=autoencoders.flow(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )
