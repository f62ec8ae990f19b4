"""Settings of diffusers' transformers with which they are tiny, for the tests that build pipelines and networks alone.

Two blocks of two heads, random weights; latents have 4 channels, or 16 where 2x2 latents are packed into a token.
"""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

WIDTH = 16  # channels of texts
HEADS = {"num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 8}
CHANNELS = {"in_channels": 4, "out_channels": 4}
PICTURE = {"sample_size": 16, "patch_size": 2}
PACKED = {**HEADS, "num_single_layers": 2, "attention_head_dim": 16, "in_channels": 16, "joint_attention_dim": WIDTH}
COGVIEW = {**HEADS, **CHANNELS, **PICTURE, "text_embed_dim": WIDTH, "time_embed_dim": 16, "condition_dim": 8}
CROSS = {**HEADS, "caption_channels": WIDTH, "cross_attention_dim": 16}  # attention to the text is a layer of its own
SANA = {**CROSS, **CHANNELS, "sample_size": 8, "num_cross_attention_heads": 2, "cross_attention_head_dim": 8}
HUNYUAN = {**HEADS, **CHANNELS, "num_refiner_layers": 1, "text_embed_dim": WIDTH}

SETTINGS: dict[str, dict[str, Any]] = {  # by the names of classes, some of which older diffusers lack
    "SD3Transformer2DModel": {
        **HEADS,
        **CHANNELS,
        **PICTURE,
        "caption_projection_dim": 16,
        "joint_attention_dim": 2 * WIDTH,
        "pooled_projection_dim": 2 * WIDTH,
        "pos_embed_max_size": 32,
    },
    "FluxTransformer2DModel": {
        **PACKED,
        "pooled_projection_dim": WIDTH,
        "guidance_embeds": True,
        "axes_dims_rope": (4, 4, 8),
    },
    "Flux2Transformer2DModel": {
        **PACKED,
        "joint_attention_dim": 3 * WIDTH,
        "timestep_guidance_channels": 32,
        "axes_dims_rope": (4, 4, 4, 4),
    },
    "ChromaTransformer2DModel": {
        **PACKED,
        "axes_dims_rope": (4, 4, 8),
        "approximator_num_channels": 16,
        "approximator_hidden_dim": 32,
        "approximator_layers": 1,
    },
    "BriaTransformer2DModel": {**PACKED, "attention_head_dim": 8, "axes_dims_rope": (0, 4, 4)},
    "QwenImageTransformer2DModel": {
        **HEADS,
        "attention_head_dim": 16,
        "in_channels": 16,
        "out_channels": 4,
        "joint_attention_dim": WIDTH,
        "axes_dims_rope": (8, 4, 4),
    },
    "AuraFlowTransformer2DModel": {
        **CHANNELS,
        **PICTURE,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "num_mmdit_layers": 2,
        "num_single_dit_layers": 2,
        "joint_attention_dim": WIDTH,
        "caption_projection_dim": 16,
        "pos_embed_max_size": 256,
    },
    "HiDreamImageTransformer2DModel": {
        **HEADS,
        "num_single_layers": 2,
        "patch_size": 8,
        "in_channels": 4,
        "caption_channels": [WIDTH, WIDTH],
        "text_emb_dim": 2 * WIDTH,
        "num_routed_experts": 2,
        "num_activated_experts": 1,
        "axes_dims_rope": (4, 2, 2),
        "max_resolution": (128, 128),
        "llama_layers": [0, 0, 1, 1],
    },
    "HunyuanDiT2DModel": {
        **HEADS,
        **PICTURE,
        "in_channels": 4,
        "hidden_size": 16,
        "cross_attention_dim": WIDTH,
        "cross_attention_dim_t5": WIDTH,
        "pooled_projection_dim": 8,
    },
    "HunyuanImageTransformer2DModel": {
        **HUNYUAN,
        "num_single_layers": 2,
        "patch_size": (1, 1),
        "text_embed_2_dim": WIDTH,
        "rope_axes_dim": (4, 4),
    },
    "Krea2Transformer2DModel": {
        **HEADS,
        "in_channels": 16,
        "num_key_value_heads": 1,
        "intermediate_size": 32,
        "timestep_embed_dim": 16,
        "text_hidden_dim": WIDTH,
        "num_text_layers": 3,
        "text_num_attention_heads": 2,
        "text_num_key_value_heads": 1,
        "text_intermediate_size": 16,
        "num_layerwise_text_blocks": 1,
        "num_refiner_text_blocks": 1,
        "axes_dims_rope": (4, 2, 2),
    },
    "PixArtTransformer2DModel": {**CROSS, **PICTURE, "in_channels": 4, "out_channels": 8},  # with a variance
    "CogView3PlusTransformer2DModel": {**COGVIEW, "pos_embed_max_size": 16},
    "CogView4Transformer2DModel": {**COGVIEW, "pos_embed_max_size": 32, "rope_axes_dim": (32, 32)},
    "Lumina2Transformer2DModel": {
        **PICTURE,
        "in_channels": 4,
        "hidden_size": 32,
        "num_layers": 2,
        "num_refiner_layers": 1,
        "num_attention_heads": 2,
        "num_kv_heads": 1,
        "multiple_of": 16,
        "axes_dim_rope": (8, 4, 4),
        "axes_lens": (128, 32, 32),
        "cap_feat_dim": WIDTH,
    },
    "ZImageTransformer2DModel": {
        "in_channels": 4,
        "dim": 32,
        "n_layers": 2,
        "n_refiner_layers": 1,
        "n_heads": 2,
        "n_kv_heads": 2,
        "cap_feat_dim": WIDTH,
        "axes_dims": [8, 4, 4],
        "axes_lens": [256, 32, 32],
    },
    "SanaTransformer2DModel": {**SANA, "patch_size": 1},
    "PRXTransformer2DModel": {
        "patch_size": 2,
        "in_channels": 4,
        "context_in_dim": WIDTH,
        "hidden_size": 32,
        "mlp_ratio": 2.0,
        "num_heads": 2,
        "depth": 2,
        "axes_dim": [8, 8],
    },
    "WanTransformer3DModel": {
        **HEADS,
        **CHANNELS,
        "attention_head_dim": 12,
        "text_dim": WIDTH,
        "freq_dim": 32,
        "ffn_dim": 32,
        "rope_max_seq_len": 256,  # positions of the native size
    },
    "LTXVideoTransformer3DModel": {**CROSS, "in_channels": 8, "out_channels": 8},
    "HunyuanVideoTransformer3DModel": {
        **HUNYUAN,
        "num_single_layers": 2,
        "pooled_projection_dim": WIDTH,
        "rope_axes_dim": (4, 2, 2),
    },
    "HunyuanVideo15Transformer3DModel": {
        **HUNYUAN,
        "in_channels": 9,  # latents, those of a first picture, and a mask
        "mlp_ratio": 2.0,
        "text_embed_2_dim": WIDTH,
        "image_embed_dim": 8,
        "rope_axes_dim": (4, 2, 2),
        "target_size": 16,
        "task_type": "t2v",
    },
    "CogVideoXTransformer3DModel": {
        **HEADS,
        **CHANNELS,
        "attention_head_dim": 16,
        "time_embed_dim": 16,
        "text_embed_dim": WIDTH,
        "sample_width": 8,
        "sample_height": 8,
        "sample_frames": 9,
        "max_text_seq_length": 16,
    },
    "MochiTransformer3DModel": {
        **HEADS,
        "in_channels": 12,
        "pooled_projection_dim": 16,
        "text_embed_dim": WIDTH,
        "time_embed_dim": 16,
        "max_sequence_length": 16,
    },
    "Kandinsky5Transformer3DModel": {
        "in_visual_dim": 4,
        "out_visual_dim": 4,
        "in_text_dim": WIDTH,
        "in_text_dim2": WIDTH,
        "time_dim": 16,
        "model_dim": 16,
        "ff_dim": 32,
        "num_text_blocks": 1,
        "num_visual_blocks": 2,
        "axes_dims": (4, 2, 2),
        "visual_cond": True,
    },
    "SanaVideoTransformer3DModel": {
        **SANA,
        "attention_head_dim": 12,
        "cross_attention_head_dim": 12,
        "cross_attention_dim": 24,
        "rope_max_seq_len": 32,
    },
}
Network = TypeVar("Network", bound=nn.Module)


def tiny_network(kind: type[Network], **changes: Any) -> Network:
    """A network of a class in SETTINGS. changes: other settings, for one that its use needs."""
    return kind(**{**SETTINGS[kind.__name__], **changes})
