"""Other transformers for pictures."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from torch import nn

from tests.support.tiny_transformers.inputs import CHANNELS, HEADS, ROWS, WIDTH, Made, image, mask, text, times, usual


def pixart() -> Made:
    network = diffusers.PixArtTransformer2DModel(
        in_channels=CHANNELS, sample_size=8, num_layers=2, cross_attention_dim=16, caption_channels=WIDTH, **HEADS
    )
    added = {"added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}
    return network, {**usual(image()), "encoder_attention_mask": mask(9, 16), **added}, (8, 8)


def dit() -> Made:
    network = diffusers.DiTTransformer2DModel(
        in_channels=CHANNELS, sample_size=8, num_layers=2, norm_num_groups=4, num_embeds_ada_norm=10, **HEADS
    )
    return network, {"hidden_states": image(), "timestep": times().long(), "class_labels": torch.tensor([1, 2])}, (8, 8)


def cogview3() -> Made:
    return _cogview(diffusers.CogView3PlusTransformer2DModel, pos_embed_max_size=8)


def cogview4() -> Made:
    return _cogview(diffusers.CogView4Transformer2DModel, rope_axes_dim=(8, 8))


def _cogview(kind: Any, **more: Any) -> Made:
    network = kind(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        sample_size=8,
        num_layers=2,
        text_embed_dim=WIDTH,
        time_embed_dim=16,
        condition_dim=4,
        **HEADS,
        **more,
    )
    size = torch.tensor([[64.0, 64.0]] * ROWS)
    return network, {**usual(image()), "original_size": size, "target_size": size, "crop_coords": size * 0}, (8, 8)


def lumina2() -> Made:
    """Every row's picture begins behind its own text, and is followed by padding."""
    network = diffusers.Lumina2Transformer2DModel(
        sample_size=8,
        in_channels=CHANNELS,
        hidden_size=24,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=8,
        axes_dim_rope=(4, 4, 4),
        axes_lens=(32, 16, 16),
        cap_feat_dim=WIDTH,
    )
    return network, {**usual(image()), "encoder_attention_mask": mask(9, 16)}, (8, 8)


def hunyuandit() -> Made:
    network = diffusers.HunyuanDiT2DModel(
        in_channels=CHANNELS,
        patch_size=2,
        sample_size=8,
        hidden_size=16,
        num_layers=4,
        cross_attention_dim=WIDTH,
        cross_attention_dim_t5=WIDTH,
        pooled_projection_dim=8,
        text_len=8,
        text_len_t5=8,
        use_style_cond_and_image_meta_size=False,
        **HEADS,
    )
    arguments = {
        "hidden_states": image(),
        "timestep": times(),
        "encoder_hidden_states": text(tokens=8),
        "encoder_hidden_states_t5": text(tokens=8),
        "text_embedding_mask": mask()[:, :8],
        "text_embedding_mask_t5": mask()[:, :8],
        "image_rotary_emb": (torch.ones(16, 8), torch.zeros(16, 8)),
    }
    return network, arguments, (8, 8)


def z_image() -> Made:
    """Lists of rows, which the network pads to multiples of 32 tokens."""
    network = diffusers.ZImageTransformer2DModel(
        in_channels=CHANNELS,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=WIDTH,
        axes_dims=[4, 4, 8],
        axes_lens=[128, 32, 32],
    )
    for token in (network.x_pad_token, network.cap_pad_token):  # which are made without values
        nn.init.normal_(token)
    latents, texts = list(torch.randn(ROWS, CHANNELS, 1, 8, 8)), [text()[0], text(tokens=9)[0]]
    return network, {"x": latents, "t": times() / 1000, "cap_feats": texts}, (8, 8)


def sana() -> Made:
    network = diffusers.SanaTransformer2DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=8,
        cross_attention_dim=16,
        caption_channels=WIDTH,
        sample_size=4,
        **HEADS,
    )
    latents = torch.randn(ROWS, CHANNELS, 4, 4)
    return network, {**usual(latents), "encoder_attention_mask": mask(9, 16)}, (4, 4)


def prx() -> Made:
    network = diffusers.PRXTransformer2DModel(
        in_channels=CHANNELS, context_in_dim=WIDTH, hidden_size=16, num_heads=2, depth=2, axes_dim=[4, 4]
    )
    return network, {**usual(image()), "attention_mask": mask(9, 16)}, (8, 8)
