"""Pipelines for pictures with several text encoders: HiDream, HunyuanDiT, HunyuanImage, Kolors."""

from __future__ import annotations

from diffusers import (
    AdaptiveProjectedMixGuidance,
    AutoencoderKLHunyuanImage,
    DDPMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    HiDreamImagePipeline,
    HiDreamImageTransformer2DModel,
    HunyuanDiT2DModel,
    HunyuanDiTPipeline,
    HunyuanImagePipeline,
    HunyuanImageTransformer2DModel,
)
from diffusers.pipelines.kolors.pipeline_kolors import KolorsPipeline  # diffusers.KolorsPipeline needs sentencepiece
from transformers import LlamaForCausalLM

from cfgsweep.samplers import STABLE_DIFFUSION_NOISE
from tests.support import tiny_models as tiny
from tests.support.tiny_pipelines import language, texts
from tests.support.tiny_pipelines.images import FLOW_VAE
from tests.support.tiny_pipelines.texts import WIDTH


def hidream() -> HiDreamImagePipeline:
    """Its pictures have 128x128 latents, whatever height and width are: here 256 tokens, and as many pixels."""
    (clip, tokenizer), (clip_2, tokenizer_2) = texts.clip_projected(), texts.clip_projected()
    t5, tokenizer_3 = texts.t5()
    llama, tokenizer_4 = language.llama(HiDreamImagePipeline, LlamaForCausalLM)
    transformer = HiDreamImageTransformer2DModel(
        patch_size=8,
        in_channels=4,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=[WIDTH, WIDTH],
        text_emb_dim=2 * WIDTH,
        num_routed_experts=2,
        num_activated_experts=1,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(128, 128),
        llama_layers=[0, 0, 1, 1],
    )
    return HiDreamImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny.autoencoder(scale=1, mid_block_add_attention=False, **FLOW_VAE),
        text_encoder=clip,
        tokenizer=tokenizer,
        text_encoder_2=clip_2,
        tokenizer_2=tokenizer_2,
        text_encoder_3=t5,
        tokenizer_3=tokenizer_3,
        text_encoder_4=llama,
        tokenizer_4=tokenizer_4,
        transformer=transformer,
    )


def hunyuandit() -> HunyuanDiTPipeline:
    (bert, tokenizer), (t5, tokenizer_2) = texts.bert(), texts.t5()
    transformer = HunyuanDiT2DModel(
        sample_size=16,
        num_layers=2,
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        hidden_size=16,
        in_channels=4,
        cross_attention_dim=WIDTH,
        cross_attention_dim_t5=WIDTH,
        pooled_projection_dim=8,
    )
    return HunyuanDiTPipeline(
        vae=tiny.autoencoder(scale=8),
        text_encoder=bert,
        tokenizer=tokenizer,
        transformer=transformer,
        scheduler=DDPMScheduler(**STABLE_DIFFUSION_NOISE, prediction_type="v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        text_encoder_2=t5,
        tokenizer_2=tokenizer_2,
    )


def hunyuanimage() -> HunyuanImagePipeline:
    qwen, tokenizer = language.qwen_vl(HunyuanImagePipeline, layers=3)  # the last two are skipped
    byt5, tokenizer_2 = texts.byt5()
    transformer = HunyuanImageTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_single_layers=2,
        num_refiner_layers=1,
        patch_size=(1, 1),
        text_embed_dim=WIDTH,
        text_embed_2_dim=WIDTH,
        rope_axes_dim=(4, 4),
    )
    vae = AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32, 32),
        layers_per_block=1,
        spatial_compression_ratio=4,
        sample_size=16,
        scaling_factor=0.75,
    )
    return HunyuanImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        vae=vae,
        text_encoder=qwen,
        tokenizer=tokenizer,
        text_encoder_2=byt5,
        tokenizer_2=tokenizer_2,
        transformer=transformer,
        guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=5),
        ocr_guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=38),
    )


def kolors() -> KolorsPipeline:
    text_encoder, tokenizer = language.chatglm(KolorsPipeline)
    return KolorsPipeline(
        vae=tiny.autoencoder(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=tiny.sdxl_unet(encoder_hid_dim=WIDTH, encoder_hid_dim_type="text_proj"),
        scheduler=EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE),
    )
