"""Pipelines for pictures that fewer people use, some of which call their networks in unusual ways."""

from __future__ import annotations

import torch
from diffusers import (
    BriaPipeline,
    BriaTransformer2DModel,
    CogVideoXDDIMScheduler,
    CogView3PlusPipeline,
    CogView3PlusTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    Krea2Pipeline,
    Krea2Transformer2DModel,
    LuminaNextDiT2DModel,
    LuminaPipeline,
    PixArtAlphaPipeline,
    PRXPipeline,
    PRXTransformer2DModel,
    SanaSprintPipeline,
    SCMScheduler,
)

from tests.support import tiny_models as tiny
from tests.support.tiny_pipelines import images, language, more_images, texts
from tests.support.tiny_pipelines.texts import WIDTH


def bria() -> BriaPipeline:
    text_encoder, tokenizer = texts.t5()
    transformer = BriaTransformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=[0, 4, 4],
    )
    return BriaPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny.autoencoder(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
    )


def pixart_alpha() -> PixArtAlphaPipeline:
    """With the size of the picture as a condition, which sample_size=128 switches on."""
    return more_images.pixart(PixArtAlphaPipeline, sample_size=128, num_attention_heads=3, cross_attention_dim=24)


def cogview3plus() -> CogView3PlusPipeline:
    text_encoder, tokenizer = texts.t5()
    transformer = CogView3PlusTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        text_embed_dim=WIDTH,
        time_embed_dim=16,
        condition_dim=8,
        pos_embed_max_size=16,
        sample_size=16,
    )
    return CogView3PlusPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=tiny.autoencoder(),
        transformer=transformer,
        scheduler=CogVideoXDDIMScheduler(prediction_type="v_prediction", clip_sample=False),
    )


def krea2() -> Krea2Pipeline:
    text_encoder, tokenizer = language.qwen3_vl(Krea2Pipeline)
    transformer = Krea2Transformer2DModel(
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        timestep_embed_dim=16,
        text_hidden_dim=WIDTH,
        num_text_layers=3,
        text_num_attention_heads=2,
        text_num_key_value_heads=1,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 2, 2),
    )
    return Krea2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=images.qwen_vae(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
        text_encoder_select_layers=(0, 1, 2),
    )


def luminanext() -> LuminaPipeline:
    text_encoder, tokenizer = language.gemma(LuminaPipeline)
    transformer = LuminaNextDiT2DModel(
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
    return LuminaPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=tiny.autoencoder(scale=8),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
    )


def prx() -> PRXPipeline:
    texts.replace_missing_ftfy(PRXPipeline)
    text_encoder, tokenizer = language.gemma(PRXPipeline, model_max_length=16)  # T5Gemma's encoder is not saved whole
    transformer = PRXTransformer2DModel(
        patch_size=2,
        in_channels=4,
        context_in_dim=WIDTH,
        hidden_size=32,
        mlp_ratio=2.0,
        num_heads=2,
        depth=2,
        axes_dim=[8, 8],
    )
    return PRXPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        vae=tiny.autoencoder(**images.FLOW_VAE),
    )


def sana_sprint() -> SanaSprintPipeline:
    """Distilled: guidance is an input of the network."""
    transformer = more_images.sana_transformer(guidance_embeds=True, qk_norm="rms_norm_across_heads")
    return more_images.sana_of(SanaSprintPipeline, transformer, SCMScheduler())


def flux_kontext() -> FluxKontextPipeline:
    """Edits a picture, whose tokens follow those of the latents."""
    return images.flux(FluxKontextPipeline)
