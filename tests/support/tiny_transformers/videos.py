"""Transformers for videos, of two frames of 4 by 2 tokens."""

from __future__ import annotations

import diffusers
import torch

from tests.support.tiny_transformers.inputs import (
    CHANNELS,
    HEADS,
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
    network = diffusers.WanTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        text_dim=WIDTH,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=12,
        rope_max_seq_len=32,
    )
    return network, usual(video()), (2, 8, 4)


def ltx() -> Made:
    network = diffusers.LTXVideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        cross_attention_dim=16,
        num_layers=2,
        caption_channels=WIDTH,
        **HEADS,
    )
    sizes = {"num_frames": 2, "height": 4, "width": 2}
    return network, {**usual(packed()), "encoder_attention_mask": mask(9, 16), **sizes}, (2, 4, 2)


def hunyuanvideo(image_condition_type: str | None = None) -> Made:
    network = diffusers.HunyuanVideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=2,
        num_single_layers=2,
        num_refiner_layers=1,
        text_embed_dim=WIDTH,
        pooled_projection_dim=8,
        rope_axes_dim=(4, 4, 8),
        image_condition_type=image_condition_type,
        attention_head_dim=16,
        num_attention_heads=2,
    )
    more = {"pooled_projections": torch.randn(ROWS, 8), "guidance": torch.full((ROWS,), 4.0)}
    return network, {**usual(video()), "encoder_attention_mask": mask(9, 16), **more}, (2, 8, 4)


def hunyuanvideo_i2v() -> Made:
    return hunyuanvideo("token_replace")


def hunyuanvideo15() -> Made:
    network = diffusers.HunyuanVideo15Transformer3DModel(
        in_channels=2 * CHANNELS + 1,
        out_channels=CHANNELS,
        num_layers=2,
        num_refiner_layers=1,
        text_embed_dim=WIDTH,
        text_embed_2_dim=WIDTH,
        image_embed_dim=WIDTH,
        rope_axes_dim=(4, 4, 8),
        attention_head_dim=16,
        num_attention_heads=2,
        task_type="t2v",
    )
    arguments = {
        **usual(torch.randn(ROWS, 2 * CHANNELS + 1, 2, 4, 2)),
        "encoder_attention_mask": mask(9, 16),
        "encoder_hidden_states_2": text(tokens=4),
        "encoder_attention_mask_2": mask(2, 4)[:, :4],
        "image_embeds": torch.zeros(ROWS, 3, WIDTH),
    }
    return network, arguments, (2, 4, 2)


def cogvideox() -> Made:
    network = diffusers.CogVideoXTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        time_embed_dim=4,
        text_embed_dim=WIDTH,
        num_layers=2,
        sample_width=4,
        sample_height=8,
        sample_frames=5,
        max_text_seq_length=TEXT,
        **HEADS,
    )
    return network, usual(torch.randn(ROWS, 2, CHANNELS, 8, 4)), (2, 8, 4)


def mochi() -> Made:
    """Its rows attend one after the other, each to its own text without padding."""
    network = diffusers.MochiTransformer3DModel(
        num_layers=2, pooled_projection_dim=16, in_channels=CHANNELS, text_embed_dim=WIDTH, time_embed_dim=4, **HEADS
    )
    return network, {**usual(video()), "encoder_attention_mask": mask(9, 16)}, (2, 8, 4)


def allegro() -> Made:
    network = diffusers.AllegroTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=24,
        num_layers=2,
        cross_attention_dim=48,
        sample_height=8,
        sample_width=4,
        sample_frames=2,
        caption_channels=WIDTH,
    )
    grid = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(4), torch.arange(2), indexing="ij")).view(3, 1, -1)
    angles = tuple(torch.outer(torch.arange(16.0), torch.ones(8)) for _ in range(3))
    rope = (tuple((a.cos(), a.sin()) for a in angles), tuple(grid))
    there = {"attention_mask": torch.ones(ROWS, 2, 8, 4), "encoder_attention_mask": mask(9, 16).float()}
    return network, {**usual(video()), **there, "image_rotary_emb": rope}, (2, 8, 4)


def kandinsky5() -> Made:
    network = diffusers.Kandinsky5Transformer3DModel(
        in_visual_dim=CHANNELS,
        out_visual_dim=CHANNELS,
        in_text_dim=WIDTH,
        in_text_dim2=8,
        time_dim=16,
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(4, 2, 2),
    )
    arguments = {
        **usual(torch.randn(1, 2, 8, 4, CHANNELS)),
        "encoder_hidden_states": text()[:1],
        "timestep": times()[:1],
        "pooled_projections": torch.randn(1, 8),
        "visual_rope_pos": [torch.arange(2), torch.arange(4), torch.arange(2)],
        "text_rope_pos": torch.arange(TEXT),
    }
    return network, arguments, (2, 8, 4)


def ltx2() -> Made:
    """With sound, whose tokens are not the latents'."""
    network = diffusers.LTX2VideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        cross_attention_dim=16,
        audio_in_channels=CHANNELS,
        audio_out_channels=CHANNELS,
        audio_num_attention_heads=2,
        audio_attention_head_dim=8,
        audio_cross_attention_dim=16,
        num_layers=2,
        caption_channels=WIDTH,
        **HEADS,
    )
    sound = {"audio_hidden_states": packed(), "audio_encoder_hidden_states": text(), "audio_num_frames": 16}
    return network, {**usual(packed()), **sound, "num_frames": 2, "height": 4, "width": 2}, (2, 4, 2)


def sana_video() -> Made:
    network = diffusers.SanaVideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=WIDTH,
        sample_size=4,
    )
    return network, {**usual(video()), "encoder_attention_mask": mask(9, 16)}, (2, 8, 4)
