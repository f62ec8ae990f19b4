"""Other transformers for pictures."""

from __future__ import annotations

import diffusers
import torch
from torch import nn

from tests.support import tiny_models
from tests.support.tiny_networks import tiny_network
from tests.support.tiny_transformers.inputs import CHANNELS, ROWS, Made, image, mask, text, times, usual


def pixart() -> Made:
    network = tiny_network(diffusers.PixArtTransformer2DModel)
    added = {"added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}
    return network, {**usual(image()), "encoder_attention_mask": mask(9, 16), **added}, (8, 8)


def dit() -> Made:
    network = tiny_models.dit().transformer
    return network, {"hidden_states": image(), "timestep": times().long(), "class_labels": torch.tensor([1, 2])}, (8, 8)


def cogview3() -> Made:
    return _cogview(diffusers.CogView3PlusTransformer2DModel)


def cogview4() -> Made:
    return _cogview(diffusers.CogView4Transformer2DModel)


def _cogview(kind: type[nn.Module]) -> Made:
    size = torch.tensor([[64.0, 64.0]] * ROWS)
    sizes = {"original_size": size, "target_size": size, "crop_coords": size * 0}
    return tiny_network(kind), {**usual(image()), **sizes}, (8, 8)


def lumina2() -> Made:
    """Every row's picture begins behind its own text, and is followed by padding."""
    network = tiny_network(diffusers.Lumina2Transformer2DModel)
    return network, {**usual(image()), "encoder_attention_mask": mask(9, 16)}, (8, 8)


def hunyuandit() -> Made:
    network = tiny_network(
        diffusers.HunyuanDiT2DModel,
        num_layers=4,
        text_len=8,
        text_len_t5=8,
        use_style_cond_and_image_meta_size=False,
    )
    arguments = {
        "hidden_states": image(),
        "timestep": times(),
        "encoder_hidden_states": text(8),
        "encoder_hidden_states_t5": text(8),
        "text_embedding_mask": mask()[:, :8],
        "text_embedding_mask_t5": mask()[:, :8],
        "image_rotary_emb": (torch.ones(16, 8), torch.zeros(16, 8)),
    }
    return network, arguments, (8, 8)


def z_image() -> Made:
    """Lists of rows, which the network pads to multiples of 32 tokens."""
    network = tiny_network(diffusers.ZImageTransformer2DModel)
    for token in (network.x_pad_token, network.cap_pad_token):  # which are made without values
        nn.init.normal_(token)
    latents, texts = list(torch.randn(ROWS, CHANNELS, 1, 8, 8)), [text()[0], text(9)[0]]
    return network, {"x": latents, "t": times() / 1000, "cap_feats": texts}, (8, 8)


def sana() -> Made:
    network = tiny_network(diffusers.SanaTransformer2DModel)
    latents = torch.randn(ROWS, CHANNELS, 4, 4)
    return network, {**usual(latents), "encoder_attention_mask": mask(9, 16)}, (4, 4)


def prx() -> Made:
    network = tiny_network(diffusers.PRXTransformer2DModel)
    return network, {**usual(image()), "attention_mask": mask(9, 16)}, (8, 8)
