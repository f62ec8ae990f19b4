"""Pipelines for pictures."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLQwenImage,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionXLPipeline,
)

from cfgsweep.samplers import STABLE_DIFFUSION_NOISE
from tests.support import tiny_models as tiny
from tests.support.tiny_pipelines import language, texts
from tests.support.tiny_pipelines.texts import WIDTH

FLOW_VAE = {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.06, "scaling_factor": 1.5}


def sdxl() -> StableDiffusionXLPipeline:
    (clip, tokenizer), (clip_2, tokenizer_2) = texts.clip(), texts.clip_projected()
    return StableDiffusionXLPipeline(
        vae=tiny.autoencoder(),
        text_encoder=clip,
        text_encoder_2=clip_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        unet=tiny.sdxl_unet(),
        scheduler=EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE),
        add_watermarker=False,
    )


def sd3() -> StableDiffusion3Pipeline:
    (clip, tokenizer), (clip_2, tokenizer_2) = texts.clip_projected(), texts.clip_projected()
    t5, t5_tokenizer = texts.t5(2 * WIDTH)  # CLIP's embeddings are as wide together
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_projection_dim=16,
        joint_attention_dim=2 * WIDTH,
        pooled_projection_dim=2 * WIDTH,
        pos_embed_max_size=32,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny.autoencoder(**FLOW_VAE),
        text_encoder=clip,
        tokenizer=tokenizer,
        text_encoder_2=clip_2,
        tokenizer_2=tokenizer_2,
        text_encoder_3=t5,
        tokenizer_3=t5_tokenizer,
    )


def flux(of: type = FluxPipeline) -> Any:
    (clip, tokenizer), (t5, t5_tokenizer) = texts.clip(), texts.t5()
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,  # 4 channels of 2x2 latents
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=True,
        axes_dims_rope=[4, 4, 8],
    )
    return of(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=tiny.autoencoder(**FLOW_VAE),
        text_encoder=clip,
        tokenizer=tokenizer,
        text_encoder_2=t5,
        tokenizer_2=t5_tokenizer,
        transformer=transformer,
    )


def qwenimage() -> QwenImagePipeline:
    text_encoder, tokenizer = language.qwen_vl(QwenImagePipeline)
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(8, 4, 4),
    )
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=qwen_vae(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
    )


def qwen_vae() -> AutoencoderKLQwenImage:
    return AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
