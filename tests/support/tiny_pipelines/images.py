"""Pipelines for pictures."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler
from transformers import Qwen3ForCausalLM, Qwen3Model

from cfgsweep.samplers import STABLE_DIFFUSION_NOISE
from tests.support import tiny_models as tiny
from tests.support.tiny_networks import WIDTH, tiny_network
from tests.support.tiny_pipelines import autoencoders, language, texts
from tests.support.tiny_pipelines.assemble import FLOW, assemble


def sdxl() -> diffusers.StableDiffusionXLPipeline:
    return assemble(
        diffusers.StableDiffusionXLPipeline,
        texts.clip(),
        texts.clip_projected(),
        vae=tiny.autoencoder(),
        unet=tiny.sdxl_unet(),
        scheduler=EulerDiscreteScheduler(**STABLE_DIFFUSION_NOISE),
        add_watermarker=False,
    )


def sd3() -> diffusers.StableDiffusion3Pipeline:
    return assemble(
        diffusers.StableDiffusion3Pipeline,
        texts.clip_projected(),
        texts.clip_projected(),
        texts.t5(2 * WIDTH),  # CLIP's embeddings are as wide together
        transformer=tiny_network(diffusers.SD3Transformer2DModel),
        vae=autoencoders.flow(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def flux(of: type = diffusers.FluxPipeline) -> Any:
    return assemble(
        of,
        texts.clip(),
        texts.t5(),
        transformer=tiny_network(diffusers.FluxTransformer2DModel),
        vae=autoencoders.flow(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def flux_kontext() -> diffusers.FluxKontextPipeline:
    """Edits a picture, whose tokens follow those of the latents."""
    return flux(diffusers.FluxKontextPipeline)


def flux2() -> diffusers.Flux2Pipeline:
    of = diffusers.Flux2Pipeline
    return _flux2(of, language.mistral3(of, layers=30), True)  # hidden states 10, 20 and 30 are used


def flux2_klein() -> diffusers.Flux2KleinPipeline:
    of = diffusers.Flux2KleinPipeline
    return _flux2(of, language.qwen3(of, Qwen3ForCausalLM, layers=27), False)  # 9, 18 and 27


def _flux2(of: type, text: tuple[Any, Any], guidance_embeds: bool) -> Any:
    return assemble(
        of,
        text,
        vae=autoencoders.flux2(),
        transformer=tiny_network(diffusers.Flux2Transformer2DModel, guidance_embeds=guidance_embeds),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def qwenimage() -> diffusers.QwenImagePipeline:
    return assemble(
        diffusers.QwenImagePipeline,
        language.qwen_vl(diffusers.QwenImagePipeline),
        transformer=tiny_network(diffusers.QwenImageTransformer2DModel),
        vae=autoencoders.qwen(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def chroma() -> diffusers.ChromaPipeline:
    return assemble(
        diffusers.ChromaPipeline,
        texts.t5(),
        transformer=tiny_network(diffusers.ChromaTransformer2DModel),
        vae=autoencoders.flow(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def cogview4() -> diffusers.CogView4Pipeline:
    shifts = {"base_shift": 0.25, "max_shift": 0.75, "use_dynamic_shifting": True, "time_shift_type": "linear"}
    return assemble(
        diffusers.CogView4Pipeline,
        language.glm(diffusers.CogView4Pipeline),
        transformer=tiny_network(diffusers.CogView4Transformer2DModel),
        vae=tiny.autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(**shifts),
    )


def pixart_sigma() -> diffusers.PixArtSigmaPipeline:
    return _pixart(diffusers.PixArtSigmaPipeline)


def pixart_alpha() -> diffusers.PixArtAlphaPipeline:
    """With the size of the picture as a condition, which sample_size=128 switches on."""
    wider = {"num_attention_heads": 3, "cross_attention_dim": 24}
    return _pixart(diffusers.PixArtAlphaPipeline, sample_size=128, **wider)


def _pixart(of: type, **of_the_network: Any) -> Any:
    return assemble(
        of,
        texts.t5(),
        vae=tiny.autoencoder(),
        transformer=tiny_network(diffusers.PixArtTransformer2DModel, **of_the_network),
        scheduler=DDIMScheduler(clip_sample=False),
    )


def sana() -> diffusers.SanaPipeline:
    return _sana(diffusers.SanaPipeline, diffusers.DPMSolverMultistepScheduler(**FLOW, flow_shift=3.0))


def sana_sprint() -> diffusers.SanaSprintPipeline:
    """Distilled: guidance is an input of the network."""
    settings = {"guidance_embeds": True, "qk_norm": "rms_norm_across_heads"}
    return _sana(diffusers.SanaSprintPipeline, diffusers.SCMScheduler(), **settings)


def _sana(of: type, scheduler: Any, **of_the_network: Any) -> Any:
    transformer = tiny_network(diffusers.SanaTransformer2DModel, **of_the_network)
    return assemble(of, language.gemma2(of), transformer=transformer, vae=autoencoders.dc(), scheduler=scheduler)


def auraflow() -> diffusers.AuraFlowPipeline:
    return assemble(
        diffusers.AuraFlowPipeline,
        texts.umt5(),
        transformer=tiny_network(diffusers.AuraFlowTransformer2DModel),
        vae=tiny.autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
    )


def lumina2() -> diffusers.Lumina2Pipeline:
    return assemble(
        diffusers.Lumina2Pipeline,
        language.gemma2(diffusers.Lumina2Pipeline),
        transformer=tiny_network(diffusers.Lumina2Transformer2DModel),
        vae=autoencoders.flow(scale=8),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
    )


def zimage() -> diffusers.ZImagePipeline:
    return assemble(
        diffusers.ZImagePipeline,
        language.qwen3(diffusers.ZImagePipeline, Qwen3Model),
        transformer=tiny_network(diffusers.ZImageTransformer2DModel),
        vae=autoencoders.flow(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )
