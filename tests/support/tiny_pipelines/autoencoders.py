"""Autoencoders of a few thousand parameters."""

from __future__ import annotations

from typing import Any

import diffusers

from tests.support import tiny_models as tiny


def flow(**others: Any) -> diffusers.AutoencoderKL:
    """As SD3, Flux and later models have it: without convolutions of moments, and with a shift of the latents."""
    return tiny.autoencoder(
        use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06, scaling_factor=1.5, **others
    )


def flux2() -> diffusers.AutoencoderKLFlux2:
    return diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def qwen() -> diffusers.AutoencoderKLQwenImage:
    return diffusers.AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )


def dc() -> diffusers.AutoencoderDC:
    side = {
        "block_types": ("ResBlock", "ResBlock", "EfficientViTBlock"),
        "block_out_channels": (8, 8, 8),
        "layers_per_block": (1, 1, 1),
        "qkv_multiscales": ((), (), (5,)),
    }
    sides = {f"{name}_{key}": value for name in ("encoder", "decoder") for key, value in side.items()}
    return diffusers.AutoencoderDC(in_channels=3, latent_channels=4, attention_head_dim=4, **sides)


def hunyuan_image() -> diffusers.AutoencoderKLHunyuanImage:
    return diffusers.AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32, 32),
        layers_per_block=1,
        spatial_compression_ratio=4,
        sample_size=16,
        scaling_factor=0.75,
    )


def wan(channels: int, **others: Any) -> diffusers.AutoencoderKLWan:
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
    return diffusers.AutoencoderKLWan(**{**settings, **others})


def ltx() -> diffusers.AutoencoderKLLTXVideo:
    return diffusers.AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        patch_size=1,
    )


def cogvideox() -> diffusers.AutoencoderKLCogVideoX:
    return diffusers.AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 3, up_block_types=("CogVideoXUpBlock3D",) * 3, **VIDEO
    )


def hunyuan_video() -> diffusers.AutoencoderKLHunyuanVideo:
    return diffusers.AutoencoderKLHunyuanVideo(
        down_block_types=("HunyuanVideoDownBlock3D",) * 3,
        up_block_types=("HunyuanVideoUpBlock3D",) * 3,
        spatial_compression_ratio=4,
        **VIDEO,
    )


VIDEO = {"block_out_channels": (8, 8, 8), "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 4}


def hunyuan_video15() -> diffusers.AutoencoderKLHunyuanVideo15:
    return diffusers.AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(32, 32),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=2,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )


def mochi() -> diffusers.AutoencoderKLMochi:
    return diffusers.AutoencoderKLMochi(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
