"""Pipelines for pictures with several text encoders or with unusual ones: HiDream, HunyuanDiT, HunyuanImage, Kolors."""

from __future__ import annotations

import diffusers
from diffusers import AdaptiveProjectedMixGuidance, FlowMatchEulerDiscreteScheduler
from transformers import LlamaForCausalLM

from cfgsweep.samplers import STABLE_DIFFUSION_NOISE
from tests.support import tiny_models as tiny
from tests.support.tiny_networks import WIDTH, tiny_network
from tests.support.tiny_pipelines import autoencoders, language, texts
from tests.support.tiny_pipelines.assemble import assemble, shortened


def hidream() -> diffusers.HiDreamImagePipeline:
    """Its pictures have 128x128 latents, whatever height and width are: here 256 tokens, and as many pixels."""
    return assemble(
        diffusers.HiDreamImagePipeline,
        texts.clip_projected(),
        texts.clip_projected(),
        texts.t5(),
        language.llama(diffusers.HiDreamImagePipeline, LlamaForCausalLM),
        transformer=tiny_network(diffusers.HiDreamImageTransformer2DModel),
        vae=autoencoders.flow(scale=1, mid_block_add_attention=False),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def hunyuandit() -> diffusers.HunyuanDiTPipeline:
    return assemble(
        diffusers.HunyuanDiTPipeline,
        texts.bert(),
        texts.t5(),
        transformer=tiny_network(diffusers.HunyuanDiT2DModel),
        vae=tiny.autoencoder(scale=8),
        scheduler=diffusers.DDPMScheduler(**STABLE_DIFFUSION_NOISE, prediction_type="v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def hunyuanimage() -> diffusers.HunyuanImagePipeline:
    pipeline = assemble(
        diffusers.HunyuanImagePipeline,
        language.qwen_vl(diffusers.HunyuanImagePipeline, layers=3),  # the last two are skipped
        texts.byt5(),
        transformer=tiny_network(diffusers.HunyuanImageTransformer2DModel),
        vae=autoencoders.hunyuan_image(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=5),
        ocr_guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=38),
    )
    return shortened(pipeline, tokenizer_max_length=32, tokenizer_2_max_length=24)


def kolors() -> diffusers.KolorsPipeline:
    from diffusers.pipelines.kolors.pipeline_kolors import KolorsPipeline  # diffusers' own name needs sentencepiece

    return assemble(
        KolorsPipeline,
        language.chatglm(KolorsPipeline),
        vae=tiny.autoencoder(),
        unet=tiny.sdxl_unet(encoder_hid_dim=WIDTH, encoder_hid_dim_type="text_proj"),
        scheduler=diffusers.EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE),
    )
