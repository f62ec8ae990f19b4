"""Transformers with streams of a picture and of a text, and with single streams of both."""

from __future__ import annotations

from typing import Any

import diffusers
import torch

from tests.support.tiny_transformers.inputs import (
    CHANNELS,
    HEADS,
    ROPE,
    ROWS,
    TEXT,
    WIDTH,
    Made,
    image,
    mask,
    packed,
    positions,
    text,
    times,
    usual,
)


def sd3(**more: Any) -> Made:
    network = diffusers.SD3Transformer2DModel(
        sample_size=8,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=3,
        joint_attention_dim=WIDTH,
        caption_projection_dim=16,
        pooled_projection_dim=8,
        pos_embed_max_size=8,
        **HEADS,
        **more,
    )
    pooled = torch.randn(ROWS, 8)
    return network, {**usual(image()), "pooled_projections": pooled}, (8, 8)


def sd35_medium() -> Made:
    return sd3(dual_attention_layers=(0, 1), qk_norm="rms_norm")


def flux() -> Made:
    network = diffusers.FluxTransformer2DModel(
        in_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=8,
        **ROPE,
    )
    arguments = {**usual(packed()), **positions(), "pooled_projections": torch.randn(ROWS, 8)}
    return network, arguments, (4, 4)


def flux_kontext() -> Made:
    """The tokens of a picture to be edited come behind those of the latents."""
    network, arguments, shape = flux()
    ids = torch.cat([arguments["img_ids"], arguments["img_ids"]])
    return network, {**arguments, "hidden_states": packed(tokens=32), "img_ids": ids}, shape


def flux2() -> Made:
    network = diffusers.Flux2Transformer2DModel(
        in_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        joint_attention_dim=WIDTH,
        timestep_guidance_channels=16,
        **{**ROPE, "axes_dims_rope": (4, 4, 4, 4)},
    )
    return network, {**usual(packed()), **positions(4), "guidance": torch.full((ROWS,), 4.0)}, (4, 4)


def flux3() -> Made:
    """A picture, a text and a picture to be edited, apart at first, in sequences of their own."""
    network = diffusers.Flux3Transformer2DModel(
        in_channels=CHANNELS,
        cond_in_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        joint_attention_dim=WIDTH,
        timestep_channels=16,
        **{**ROPE, "axes_dims_rope": (4, 4, 4, 4)},
    )
    ids = positions(4)
    edited = {"image_cond_hidden_states": packed(), "image_cond_ids": ids["img_ids"] + 1}
    return network, {**usual(packed()), "timestep": times() / 1000, **ids, **edited}, (4, 4)


def chroma() -> Made:
    network = diffusers.ChromaTransformer2DModel(
        in_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        joint_attention_dim=WIDTH,
        approximator_num_channels=8,
        approximator_hidden_dim=16,
        approximator_layers=1,
        **ROPE,
    )
    there = torch.cat([mask(9, 16), torch.ones(ROWS, 16, dtype=torch.bool)], dim=1)
    return network, {**usual(packed()), **positions(), "attention_mask": there}, (4, 4)


def bria() -> Made:
    network = diffusers.BriaTransformer2DModel(
        in_channels=CHANNELS, num_layers=2, num_single_layers=2, joint_attention_dim=WIDTH, **ROPE
    )
    return network, {**usual(packed()), **positions()}, (4, 4)


def qwenimage() -> Made:
    network = diffusers.QwenImageTransformer2DModel(
        in_channels=CHANNELS, out_channels=CHANNELS, num_layers=2, joint_attention_dim=WIDTH, patch_size=1, **ROPE
    )
    arguments = {**usual(packed()), "encoder_hidden_states_mask": mask(9, 16), "img_shapes": [[(1, 4, 4)]] * ROWS}
    return network, arguments, (4, 4)


def auraflow() -> Made:
    network = diffusers.AuraFlowTransformer2DModel(
        sample_size=8,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_mmdit_layers=2,
        num_single_dit_layers=2,
        joint_attention_dim=WIDTH,
        caption_projection_dim=16,
        pos_embed_max_size=64,
        **HEADS,
    )
    return network, usual(image()), (8, 8)


def hidream() -> Made:
    network = diffusers.HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=[WIDTH, WIDTH],
        text_emb_dim=8,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(16, 16),
        llama_layers=[0, 0, 0, 0],
        force_inference_output=True,
    )
    for projection in network.caption_projection:  # equal ones, so that a network without a block is the same network
        projection.load_state_dict(network.caption_projection[0].state_dict())
    arguments = {
        "hidden_states": torch.randn(ROWS, CHANNELS, 4, 16),
        "timesteps": times(),
        "encoder_hidden_states_t5": text(tokens=5),
        "encoder_hidden_states_llama3": torch.randn(1, ROWS, 7, WIDTH),
        "pooled_embeds": torch.randn(ROWS, 8),
    }
    return network, arguments, (4, 16)


def hunyuanimage() -> Made:
    network = diffusers.HunyuanImageTransformer2DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        num_refiner_layers=1,
        text_embed_dim=WIDTH,
        rope_axes_dim=(8, 8),
        attention_head_dim=16,
        num_attention_heads=2,
    )
    latents = torch.randn(ROWS, CHANNELS, 4, 4)
    return network, {**usual(latents), "encoder_attention_mask": mask(9, 16)}, (4, 4)


def krea2() -> Made:
    network = diffusers.Krea2Transformer2DModel(
        in_channels=CHANNELS,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        timestep_embed_dim=16,
        text_hidden_dim=WIDTH,
        num_text_layers=2,
        text_num_attention_heads=2,
        text_num_key_value_heads=2,
        text_intermediate_size=32,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 4, 8),
    )
    ids = positions()
    arguments = {
        **usual(packed()),
        "encoder_hidden_states": torch.randn(ROWS, TEXT, 2, WIDTH),
        "position_ids": torch.cat([ids["txt_ids"], ids["img_ids"]]),
        "encoder_attention_mask": mask(9, 16),
    }
    return network, arguments, (4, 4)
