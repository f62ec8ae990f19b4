"""Pipelines for videos, and those that continue a picture."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, LlamaModel

from tests.support import tiny_models as tiny
from tests.support.tiny_networks import CROSS, PICTURE, WIDTH, tiny_network
from tests.support.tiny_pipelines import autoencoders, language, texts
from tests.support.tiny_pipelines.assemble import FLOW, assemble, shortened


def wan() -> diffusers.WanPipeline:
    return _wan(transformer=_wan_network(), vae=autoencoders.wan(4))


def wan22() -> diffusers.WanPipeline:
    """Two networks, one for high noise and one for low."""
    networks = {"transformer": _wan_network(), "transformer_2": _wan_network()}
    return _wan(**networks, vae=autoencoders.wan(4), boundary_ratio=0.875)


def wan5b() -> diffusers.WanPipeline:
    """One timestep per token."""
    vae = autoencoders.wan(8, is_residual=True, patch_size=2, in_channels=12, out_channels=12, scale_factor_spatial=8)
    return _wan(transformer=_wan_network(in_channels=8, out_channels=8), vae=vae, expand_timesteps=True)


def wan_i2v() -> diffusers.WanImageToVideoPipeline:
    """The network is given the latents, a mask, and the latents of the first picture."""
    texts.replace_missing_ftfy(diffusers.WanImageToVideoPipeline)
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=16,
        patch_size=4,
    )
    return assemble(
        diffusers.WanImageToVideoPipeline,
        texts.umt5(),
        scheduler=_wan_scheduler(),
        vae=autoencoders.wan(4),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        image_encoder=CLIPVisionModel(vision),
        transformer=_wan_network(in_channels=4 + 2 + 4, image_dim=WIDTH),
    )


def _wan(**parts: Any) -> diffusers.WanPipeline:
    return assemble(diffusers.WanPipeline, texts.umt5(), scheduler=_wan_scheduler(), **parts)


def _wan_scheduler() -> diffusers.UniPCMultistepScheduler:
    return diffusers.UniPCMultistepScheduler(**FLOW, flow_shift=3.0)


def _wan_network(**changes: Any) -> diffusers.WanTransformer3DModel:
    return tiny_network(diffusers.WanTransformer3DModel, **changes)


def ltx(of: type = diffusers.LTXPipeline) -> Any:
    return assemble(
        of,
        texts.t5(),
        transformer=tiny_network(diffusers.LTXVideoTransformer3DModel),
        vae=autoencoders.ltx(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def ltx_i2v() -> diffusers.LTXImageToVideoPipeline:
    """The first frame of the latents is the picture, and has timestep 0."""
    return ltx(diffusers.LTXImageToVideoPipeline)


def cogvideox() -> diffusers.CogVideoXPipeline:
    noise = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False}
    return assemble(
        diffusers.CogVideoXPipeline,
        texts.t5(),
        transformer=tiny_network(diffusers.CogVideoXTransformer3DModel),
        vae=autoencoders.cogvideox(),
        scheduler=diffusers.CogVideoXDDIMScheduler(
            **noise, prediction_type="v_prediction", rescale_betas_zero_snr=True
        ),
    )


def hunyuanvideo() -> diffusers.HunyuanVideoPipeline:
    return assemble(
        diffusers.HunyuanVideoPipeline,
        language.llama(diffusers.HunyuanVideoPipeline, LlamaModel, layers=3),  # the last two are skipped
        texts.clip(77),
        transformer=tiny_network(diffusers.HunyuanVideoTransformer3DModel),
        vae=autoencoders.hunyuan_video(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )


def hunyuanvideo15() -> diffusers.HunyuanVideo15Pipeline:
    pipeline = assemble(
        diffusers.HunyuanVideo15Pipeline,
        language.qwen_vl_text(diffusers.HunyuanVideo15Pipeline, layers=3),  # the last two are skipped
        texts.byt5(),
        transformer=tiny_network(diffusers.HunyuanVideo15Transformer3DModel),
        vae=autoencoders.hunyuan_video15(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        guider=diffusers.ClassifierFreeGuidance(guidance_scale=6.0),
    )
    lengths = {"tokenizer_max_length": 32, "tokenizer_2_max_length": 24, "vision_num_semantic_tokens": 9}
    return shortened(pipeline, **lengths)


def mochi() -> diffusers.MochiPipeline:
    return assemble(
        diffusers.MochiPipeline,
        texts.t5(),
        transformer=tiny_network(diffusers.MochiTransformer3DModel),
        vae=autoencoders.mochi(),
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
    )


def kandinsky5() -> diffusers.Kandinsky5T2VPipeline:
    """The network is given the latents, those of a first picture, and a mask."""
    return assemble(
        diffusers.Kandinsky5T2VPipeline,
        language.qwen_vl(diffusers.Kandinsky5T2VPipeline),
        texts.clip(77),
        transformer=tiny_network(diffusers.Kandinsky5Transformer3DModel),
        vae=autoencoders.hunyuan_video(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )


def latte() -> diffusers.LattePipeline:
    text = texts.t5()
    transformer = diffusers.LatteTransformer3DModel(
        **CROSS,
        **PICTURE,
        in_channels=4,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        video_length=4,
    )
    return assemble(
        diffusers.LattePipeline,
        text,
        transformer=transformer,
        vae=tiny.autoencoder(),
        scheduler=diffusers.DDIMScheduler(clip_sample=False),
    )


def sana_video() -> diffusers.SanaVideoPipeline:
    return assemble(
        diffusers.SanaVideoPipeline,
        language.gemma2(diffusers.SanaVideoPipeline),
        transformer=tiny_network(diffusers.SanaVideoTransformer3DModel),
        vae=autoencoders.wan(4),
        scheduler=diffusers.DPMSolverMultistepScheduler(**FLOW, flow_shift=8.0, algorithm_type="dpmsolver++"),
    )
