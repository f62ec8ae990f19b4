"""Transformers with streams of a picture and of a text, and with single streams of both."""

from __future__ import annotations

from typing import Any

import diffusers
import torch

from tests.support.tiny_networks import PACKED, tiny_network
from tests.support.tiny_transformers.inputs import (
    CHANNELS,
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


def sd3(**changes: Any) -> Made:
    network = tiny_network(diffusers.SD3Transformer2DModel, num_layers=3, joint_attention_dim=WIDTH, **changes)
    return network, {**usual(image()), "pooled_projections": torch.randn(ROWS, 2 * WIDTH)}, (8, 8)


def sd35_medium() -> Made:
    return sd3(dual_attention_layers=(0, 1), qk_norm="rms_norm")


def flux() -> Made:
    network = tiny_network(diffusers.FluxTransformer2DModel, guidance_embeds=False)
    arguments = {**usual(packed()), **positions(), "pooled_projections": torch.randn(ROWS, WIDTH)}
    return network, arguments, (4, 4)


def flux_kontext() -> Made:
    """The tokens of a picture to be edited come behind those of the latents."""
    network, arguments, shape = flux()
    ids = torch.cat([arguments["img_ids"], arguments["img_ids"]])
    return network, {**arguments, "hidden_states": packed(tokens=32), "img_ids": ids}, shape


def flux2() -> Made:
    network = tiny_network(diffusers.Flux2Transformer2DModel, joint_attention_dim=WIDTH)
    return network, {**usual(packed()), **positions(4), "guidance": torch.full((ROWS,), 4.0)}, (4, 4)


def flux3() -> Made:
    """A picture, a text and a picture to be edited, apart at first, in sequences of their own."""
    network = diffusers.Flux3Transformer2DModel(
        **PACKED, cond_in_channels=16, timestep_channels=16, axes_dims_rope=(4, 4, 4, 4)
    )
    ids = positions(4)
    edited = {"image_cond_hidden_states": packed(), "image_cond_ids": ids["img_ids"] + 1}
    return network, {**usual(packed()), "timestep": times() / 1000, **ids, **edited}, (4, 4)


def chroma() -> Made:
    network = tiny_network(diffusers.ChromaTransformer2DModel)
    there = torch.cat([mask(9, 16), torch.ones(ROWS, 16, dtype=torch.bool)], dim=1)
    return network, {**usual(packed()), **positions(), "attention_mask": there}, (4, 4)


def bria() -> Made:
    network = tiny_network(diffusers.BriaTransformer2DModel)
    return network, {**usual(packed()), **positions()}, (4, 4)


def qwenimage() -> Made:
    network = tiny_network(diffusers.QwenImageTransformer2DModel)
    arguments = {**usual(packed()), "encoder_hidden_states_mask": mask(9, 16), "img_shapes": [[(1, 4, 4)]] * ROWS}
    return network, arguments, (4, 4)


def auraflow() -> Made:
    network = tiny_network(diffusers.AuraFlowTransformer2DModel)
    return network, usual(image()), (8, 8)


def hidream() -> Made:
    network = tiny_network(
        diffusers.HiDreamImageTransformer2DModel,
        patch_size=2,
        max_resolution=(16, 16),
        llama_layers=[0, 0, 0, 0],
        force_inference_output=True,
    )
    for projection in network.caption_projection:  # equal ones, so that a network without a block is the same network
        projection.load_state_dict(network.caption_projection[0].state_dict())
    arguments = {
        "hidden_states": torch.randn(ROWS, CHANNELS, 4, 16),
        "timesteps": times(),
        "encoder_hidden_states_t5": text(5),
        "encoder_hidden_states_llama3": torch.randn(1, ROWS, 7, WIDTH),
        "pooled_embeds": torch.randn(ROWS, 2 * WIDTH),
    }
    return network, arguments, (4, 16)


def hunyuanimage() -> Made:
    network = tiny_network(diffusers.HunyuanImageTransformer2DModel, text_embed_2_dim=None)
    latents = torch.randn(ROWS, CHANNELS, 4, 4)
    return network, {**usual(latents), "encoder_attention_mask": mask(9, 16)}, (4, 4)


def krea2() -> Made:
    network = tiny_network(diffusers.Krea2Transformer2DModel)
    ids = positions()
    arguments = {
        **usual(packed()),
        "encoder_hidden_states": torch.randn(ROWS, TEXT, 3, WIDTH),
        "position_ids": torch.cat([ids["txt_ids"], ids["img_ids"]]),
        "encoder_attention_mask": mask(9, 16),
    }
    return network, arguments, (4, 4)
