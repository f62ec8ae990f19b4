"""Tiny models with random weights, of the same structure as the real families."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DiTPipeline,
    DiTTransformer2DModel,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cfgsweep.samplers import LATENT_DEFAULTS, STABLE_DIFFUSION_NOISE

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
SMALL = {"sample_size": 8, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}  # U-Nets
VOCABULARY = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(letter + "</w>" for letter in LETTERS)]


def stable_diffusion(prediction_type: str = "epsilon", **of_the_unet: Any) -> StableDiffusionPipeline:
    """Stable Diffusion 1.x, or 2.x at 768 where it predicts v."""
    torch.manual_seed(0)
    noise = {**STABLE_DIFFUSION_NOISE, **LATENT_DEFAULTS}
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(clip_config(layers=2)),
        tokenizer=tokenizer(),
        unet=_unet(
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=16,
            **of_the_unet,
        ),
        scheduler=DDIMScheduler(**noise, prediction_type=prediction_type),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def tokenizer(length: int = 16) -> CLIPTokenizer:
    """A tokenizer with one token per letter."""
    vocabulary = {token: index for index, token in enumerate(VOCABULARY)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=length)


def clip_config(layers: int, **others: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        **{"max_position_embeddings": 16, **others},
    )


def sdxl_unet(**others: Any) -> UNet2DConditionModel:
    return _unet(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
        **others,
    )


def _unet(**others: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(**SMALL, attention_head_dim=2, **others).eval()


def autoencoder(scale: int = 2, **others: Any) -> AutoencoderKL:
    """Latents are `scale` times smaller in height and width, a power of two."""
    levels = scale.bit_length()
    return AutoencoderKL(
        block_out_channels=(8,) * levels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        norm_num_groups=4,
        sample_size=16,
        **others,
    ).eval()


def dit() -> DiTPipeline:
    """diffusers' DiT with 1,000 classes."""
    torch.manual_seed(0)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=4,
        out_channels=8,  # the prediction and a variance, as in the original
        num_layers=2,
        sample_size=8,
        patch_size=2,
        norm_num_groups=4,
    ).eval()
    for parameter in transformer.parameters():  # the layers for labels and timesteps are initialised with zeros
        torch.nn.init.normal_(parameter, std=0.2)
    scheduler = DDIMScheduler(beta_schedule="linear", beta_end=0.02, clip_sample=False)
    return DiTPipeline(transformer, autoencoder(), scheduler)


def labelled_unet(scheduler: Any = None, **of_the_unet: Any) -> DDPMPipeline:
    """A UNet2DModel with four labels and a null label, on grey pixels."""
    torch.manual_seed(0)
    settings = {
        "num_class_embeds": 5,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        **of_the_unet,
    }
    unet = UNet2DModel(
        **SMALL,
        in_channels=1,
        out_channels=1,
        attention_head_dim=8,
        **settings,
    ).eval()
    if unet.class_embedding is not None:
        unet.class_embedding.weight.data *= 5  # so that the label changes the prediction of random weights
    return DDPMPipeline(unet, scheduler or EulerDiscreteScheduler(prediction_type="v_prediction"))
