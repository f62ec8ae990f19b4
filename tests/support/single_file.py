"""Converts a diffusers Stable Diffusion folder into one file in the original layout, as most models are shared."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

LAYERS = 1  # resnets per block in the tiny models


def write_single_file(folder: Path, path: Path) -> None:
    """Converts `folder` (two levels, one resnet per block) and saves it at `path`."""
    unet = load_file(folder / "unet/diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae/diffusion_pytorch_model.safetensors")
    text = load_file(folder / "text_encoder/model.safetensors")
    state = {f"model.diffusion_model.{_unet_key(key)}": tensor for key, tensor in unet.items()}
    for key, tensor in vae.items():
        convolution = re.search(r"attentions.*(to_q|to_k|to_v|to_out\.0)\.weight", key)
        state[f"first_stage_model.{_vae_key(key)}"] = tensor[:, :, None, None] if convolution else tensor
    state |= {f"cond_stage_model.transformer.{_text_key(key)}": tensor for key, tensor in text.items()}
    save_file({key: tensor.clone(memory_format=torch.contiguous_format) for key, tensor in state.items()}, path)


def in_hub_cache(folder: Path, name: str, cache: Path, weights: bool = False) -> Path:
    """Copies a model to where the hub's cache has the model of this name; returns the copy."""
    place = cache / f"models--{name.replace('/', '--')}"
    snapshot = place / "snapshots" / ("0" * 40)
    shutil.copytree(folder, snapshot, ignore=None if weights else shutil.ignore_patterns("*.safetensors"))
    (place / "refs").mkdir()
    (place / "refs/main").write_text("0" * 40)
    return snapshot


def _text_key(key: str) -> str:
    return key if key.startswith("text_model.") else f"text_model.{key}"


def _unet_key(key: str) -> str:
    for ours, theirs in (
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("conv_in", "input_blocks.0.0"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
        ("mid_block.resnets.0", "middle_block.0"),
        ("mid_block.attentions.0", "middle_block.1"),
        ("mid_block.resnets.1", "middle_block.2"),
    ):
        key = re.sub(rf"^{re.escape(ours)}\b", theirs, key)
    key = re.sub(r"^down_blocks\.(\d)\.(resnets|attentions)\.(\d)", lambda m: _block("input", m, 1), key)
    key = re.sub(r"^down_blocks\.(\d)\.downsamplers\.0\.conv", lambda m: f"input_blocks.{int(m[1]) * 2 + 2}.0.op", key)
    key = re.sub(r"^up_blocks\.(\d)\.(resnets|attentions)\.(\d)", lambda m: _block("output", m, 0), key)
    key = re.sub(r"^up_blocks\.(\d)\.upsamplers\.0", lambda m: f"output_blocks.{int(m[1]) * 2 + 1}.1", key)
    for ours, theirs in (
        ("norm1", "in_layers.0"),
        ("conv1", "in_layers.2"),
        ("time_emb_proj", "emb_layers.1"),
        ("norm2", "out_layers.0"),
        ("conv2", "out_layers.3"),
        ("conv_shortcut", "skip_connection"),
    ):
        if "transformer_blocks" not in key:
            key = re.sub(rf"\.{ours}\.", f".{theirs}.", key)
    return key


def _block(side: str, match: re.Match[str], first: int) -> str:
    number = first + int(match[1]) * (LAYERS + 1) + int(match[3])
    return f"{side}_blocks.{number}.{int(match[2] == 'attentions')}"


def _vae_key(key: str) -> str:
    key = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{1 - int(m[1])}.block.{m[2]}", key)
    key = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{1 - int(m[1])}.upsample", key)
    for ours, theirs in (
        ("mid_block.resnets.0", "mid.block_1"),
        ("mid_block.resnets.1", "mid.block_2"),
        ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
        ("mid_block.attentions.0.to_q", "mid.attn_1.q"),
        ("mid_block.attentions.0.to_k", "mid.attn_1.k"),
        ("mid_block.attentions.0.to_v", "mid.attn_1.v"),
        ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
        ("conv_norm_out", "norm_out"),
        ("conv_shortcut", "nin_shortcut"),
    ):
        key = key.replace(ours, theirs)
    return key
