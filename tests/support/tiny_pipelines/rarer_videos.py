"""Pipelines for videos that fewer people use, and those that continue a picture."""

from __future__ import annotations

from diffusers import (
    AutoencoderKLMochi,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
    LattePipeline,
    LatteTransformer3DModel,
    LTXImageToVideoPipeline,
    MochiPipeline,
    MochiTransformer3DModel,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
    WanImageToVideoPipeline,
)
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

from tests.support import tiny_models as tiny
from tests.support.tiny_pipelines import language, texts, videos
from tests.support.tiny_pipelines.texts import WIDTH


def mochi() -> MochiPipeline:
    text_encoder, tokenizer = texts.t5()
    transformer = MochiTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        text_embed_dim=WIDTH,
        time_embed_dim=16,
        max_sequence_length=16,
    )
    vae = AutoencoderKLMochi(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    return MochiPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
    )


def kandinsky5() -> Kandinsky5T2VPipeline:
    """The network is given the latents, those of a first picture, and a mask."""
    text_encoder, tokenizer = language.qwen_vl(Kandinsky5T2VPipeline)
    clip, tokenizer_2 = texts.clip(77)
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        out_visual_dim=4,
        in_text_dim=WIDTH,
        in_text_dim2=WIDTH,
        time_dim=16,
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(4, 2, 2),
        visual_cond=True,
    )
    return Kandinsky5T2VPipeline(
        transformer=transformer,
        vae=videos.hunyuan_vae(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=clip,
        tokenizer_2=tokenizer_2,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )


def latte() -> LattePipeline:
    text_encoder, tokenizer = texts.t5()
    transformer = LatteTransformer3DModel(
        sample_size=16,
        num_layers=2,
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        caption_channels=WIDTH,
        cross_attention_dim=16,
        in_channels=4,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        video_length=4,
    )
    return LattePipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=tiny.autoencoder(),
        transformer=transformer,
        scheduler=DDIMScheduler(clip_sample=False),
    )


def sana_video() -> SanaVideoPipeline:
    text_encoder, tokenizer = language.gemma2(SanaVideoPipeline)
    transformer = SanaVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=WIDTH,
        sample_size=8,
        rope_max_seq_len=32,
    )
    return SanaVideoPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=videos.wan_vae(4),
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0, algorithm_type="dpmsolver++"
        ),
    )


def wan_i2v() -> WanImageToVideoPipeline:
    """The network is given the latents, a mask, and the latents of the first picture."""
    texts.replace_missing_ftfy(WanImageToVideoPipeline)
    text_encoder, tokenizer = texts.umt5()
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=16,
        patch_size=4,
    )
    return WanImageToVideoPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=videos.wan_vae(4),
        scheduler=videos.wan_scheduler(),
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        image_encoder=CLIPVisionModel(vision),
        transformer=videos.wan_transformer(4, in_channels=4 + 2 + 4, image_dim=WIDTH),
    )


def ltx_i2v() -> LTXImageToVideoPipeline:
    """The first frame of the latents is the picture, and has timestep 0."""
    return videos.ltx(LTXImageToVideoPipeline)
