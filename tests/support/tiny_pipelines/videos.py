"""Pipelines for videos."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLHunyuanVideo,
    AutoencoderKLHunyuanVideo15,
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    ClassifierFreeGuidance,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import LlamaModel

from tests.support.tiny_pipelines import language, texts
from tests.support.tiny_pipelines.texts import WIDTH


def wan() -> WanPipeline:
    return _wan(transformer=wan_transformer(4), vae=wan_vae(4))


def wan22() -> WanPipeline:
    """Two networks, one for high noise and one for low."""
    networks = {"transformer": wan_transformer(4), "transformer_2": wan_transformer(4)}
    return _wan(**networks, vae=wan_vae(4), boundary_ratio=0.875)


def wan5b() -> WanPipeline:
    """One timestep per token."""
    vae = wan_vae(8, is_residual=True, patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=8)
    return _wan(transformer=wan_transformer(8), vae=vae, expand_timesteps=True)


def _wan(**parts: Any) -> WanPipeline:
    text_encoder, tokenizer = texts.umt5()
    return WanPipeline(tokenizer=tokenizer, text_encoder=text_encoder, scheduler=wan_scheduler(), **parts)


def wan_scheduler() -> UniPCMultistepScheduler:
    return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)


def wan_vae(channels: int, **others: Any) -> AutoencoderKLWan:
    """4 times smaller in height and width (times the patch size), 2 times in time."""
    settings = {
        "base_dim": 4,
        "z_dim": channels,
        "dim_mult": [1, 1, 1],
        "num_res_blocks": 1,
        "temperal_downsample": [False, True],
        "latents_mean": [0.0] * channels,
        "latents_std": [1.0] * channels,
        "scale_factor_temporal": 2,
        "scale_factor_spatial": 4,
    }
    return AutoencoderKLWan(**{**settings, **others})


def wan_transformer(channels: int, **others: Any) -> WanTransformer3DModel:
    settings = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": channels,
        "out_channels": channels,
        "text_dim": WIDTH,
        "freq_dim": 32,
        "ffn_dim": 32,
        "num_layers": 2,
        "rope_max_seq_len": 256,  # positions of the native size, with which a model is tried when it is loaded
    }
    return WanTransformer3DModel(**{**settings, **others})


def ltx(of: type = LTXPipeline) -> Any:
    text_encoder, tokenizer = texts.t5()
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        num_layers=2,
        caption_channels=WIDTH,
    )
    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        patch_size=1,
    )
    return of(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
    )


def cogvideox() -> CogVideoXPipeline:
    text_encoder, tokenizer = texts.t5()
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=16,
        text_embed_dim=WIDTH,
        num_layers=2,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        max_text_seq_length=16,
    )
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 3,
        up_block_types=("CogVideoXUpBlock3D",) * 3,
        block_out_channels=(8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
    )
    noise = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False}
    return CogVideoXPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=vae,
        transformer=transformer,
        scheduler=CogVideoXDDIMScheduler(**noise, prediction_type="v_prediction", rescale_betas_zero_snr=True),
    )


def hunyuanvideo() -> HunyuanVideoPipeline:
    text_encoder, tokenizer = language.llama(HunyuanVideoPipeline, LlamaModel, layers=3)  # the last two are skipped
    clip, tokenizer_2 = texts.clip(77)
    transformer = HunyuanVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_single_layers=2,
        num_refiner_layers=1,
        text_embed_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        rope_axes_dim=(4, 2, 2),
    )
    return HunyuanVideoPipeline(
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
        vae=hunyuan_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=clip,
        tokenizer_2=tokenizer_2,
    )


def hunyuan_vae() -> AutoencoderKLHunyuanVideo:
    return AutoencoderKLHunyuanVideo(
        latent_channels=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 3,
        up_block_types=("HunyuanVideoUpBlock3D",) * 3,
        block_out_channels=(8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        spatial_compression_ratio=4,
    )


def hunyuanvideo15() -> HunyuanVideo15Pipeline:
    qwen, tokenizer = language.qwen_vl_text(HunyuanVideo15Pipeline, layers=3)  # the last two are skipped
    byt5, tokenizer_2 = texts.byt5()
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9,  # latents, those of a first picture, and a mask
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=WIDTH,
        text_embed_2_dim=WIDTH,
        image_embed_dim=8,
        rope_axes_dim=(4, 2, 2),
        target_size=16,
        task_type="t2v",
    )
    vae = AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=2,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    return HunyuanVideo15Pipeline(
        text_encoder=qwen,
        tokenizer=tokenizer,
        transformer=transformer,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=byt5,
        tokenizer_2=tokenizer_2,
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
    )
