"""Transformers for videos, of two frames of 4 by 2 tokens."""

from __future__ import annotations

import diffusers
import torch

from tests.support.tiny_networks import CROSS, tiny_network
from tests.support.tiny_transformers.inputs import (
    CHANNELS,
    ROWS,
    TEXT,
    WIDTH,
    Made,
    mask,
    packed,
    text,
    times,
    usual,
    video,
)


def wan() -> Made:
    network = tiny_network(diffusers.WanTransformer3DModel)
    return network, usual(video()), (2, 8, 4)


def ltx() -> Made:
    network = tiny_network(diffusers.LTXVideoTransformer3DModel, in_channels=CHANNELS, out_channels=CHANNELS)
    sizes = {"num_frames": 2, "height": 4, "width": 2}
    return network, {**usual(packed(CHANNELS)), "encoder_attention_mask": mask(9, 16), **sizes}, (2, 4, 2)


def hunyuanvideo(image_condition_type: str | None = None) -> Made:
    network = tiny_network(diffusers.HunyuanVideoTransformer3DModel, image_condition_type=image_condition_type)
    more = {"pooled_projections": torch.randn(ROWS, WIDTH), "guidance": torch.full((ROWS,), 4.0)}
    return network, {**usual(video()), "encoder_attention_mask": mask(9, 16), **more}, (2, 8, 4)


def hunyuanvideo_i2v() -> Made:
    return hunyuanvideo("token_replace")


def hunyuanvideo15() -> Made:
    network = tiny_network(diffusers.HunyuanVideo15Transformer3DModel)
    arguments = {
        **usual(torch.randn(ROWS, 2 * CHANNELS + 1, 2, 4, 2)),
        "encoder_attention_mask": mask(9, 16),
        "encoder_hidden_states_2": text(4),
        "encoder_attention_mask_2": mask(2, 4)[:, :4],
        "image_embeds": torch.zeros(ROWS, 3, 8),
    }
    return network, arguments, (2, 4, 2)


def cogvideox() -> Made:
    network = tiny_network(diffusers.CogVideoXTransformer3DModel)
    return network, usual(torch.randn(ROWS, 2, CHANNELS, 8, 4)), (2, 8, 4)


def mochi() -> Made:
    """Its rows attend one after the other, each to its own text without padding."""
    network = tiny_network(diffusers.MochiTransformer3DModel)
    return network, {**usual(video(channels=12)), "encoder_attention_mask": mask(9, 16)}, (2, 8, 4)


def allegro() -> Made:
    network = diffusers.AllegroTransformer3DModel(
        **{**CROSS, "attention_head_dim": 24, "cross_attention_dim": 48},
        sample_height=8,
        sample_width=4,
        sample_frames=2,
    )
    grid = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(4), torch.arange(2), indexing="ij")).view(3, 1, -1)
    angles = tuple(torch.outer(torch.arange(16.0), torch.ones(8)) for _ in range(3))
    rope = (tuple((a.cos(), a.sin()) for a in angles), tuple(grid))
    there = {"attention_mask": torch.ones(ROWS, 2, 8, 4), "encoder_attention_mask": mask(9, 16).float()}
    return network, {**usual(video()), **there, "image_rotary_emb": rope}, (2, 8, 4)


def kandinsky5() -> Made:
    network = tiny_network(diffusers.Kandinsky5Transformer3DModel, visual_cond=False)
    arguments = {
        **usual(torch.randn(1, 2, 8, 4, CHANNELS)),
        "encoder_hidden_states": text()[:1],
        "timestep": times()[:1],
        "pooled_projections": torch.randn(1, WIDTH),
        "visual_rope_pos": [torch.arange(2), torch.arange(4), torch.arange(2)],
        "text_rope_pos": torch.arange(TEXT),
    }
    return network, arguments, (2, 8, 4)


def ltx2() -> Made:
    """With sound, whose tokens are not the latents'."""
    network = diffusers.LTX2VideoTransformer3DModel(
        **CROSS,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        audio_in_channels=CHANNELS,
        audio_out_channels=CHANNELS,
        audio_num_attention_heads=2,
        audio_attention_head_dim=8,
        audio_cross_attention_dim=16,
    )
    sound = {"audio_hidden_states": packed(CHANNELS), "audio_encoder_hidden_states": text(), "audio_num_frames": 16}
    return network, {**usual(packed(CHANNELS)), **sound, "num_frames": 2, "height": 4, "width": 2}, (2, 4, 2)


def sana_video() -> Made:
    network = tiny_network(diffusers.SanaVideoTransformer3DModel)
    return network, {**usual(video()), "encoder_attention_mask": mask(9, 16)}, (2, 8, 4)
