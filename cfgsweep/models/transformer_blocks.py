"""Finds the transformer blocks of a diffusers network by the names that sweep files use for layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diffusers.models.attention import BasicTransformerBlock
from torch import nn

from cfgsweep.errors import UserError, unknown_name


def named_blocks(network: nn.Module) -> dict[str, BasicTransformerBlock]:
    """Every transformer block of the network by its short name, e.g. 'down.2.attentions.0.transformer_blocks.0'."""
    modules = network.named_modules()
    return {short_name(name): module for name, module in modules if isinstance(module, BasicTransformerBlock)}


def short_name(name: str) -> str:
    """'down_blocks.2.attentions.0.transformer_blocks.0' -> 'down.2.attentions.0.transformer_blocks.0'."""
    return name.replace("down_blocks.", "down.").replace("up_blocks.", "up.").replace("mid_block.", "mid.")


def select_blocks(blocks: Mapping[str, nn.Module], layers: Iterable[str]) -> frozenset[nn.Module]:
    """The blocks in the given layers.

    A layer is a level ('mid', 'up.1'), an attention module in a level ('down.2.attentions.0'), or, for networks that
    are one sequence of blocks, the number of a block. Raises UserError, listing the layers of this network, where a
    name matches no block.
    """
    selected: set[nn.Module] = set()
    for layer in layers:
        prefix = f"transformer_blocks.{layer}" if layer.isdecimal() else layer
        matching = {block for name, block in blocks.items() if f"{name}.".startswith(f"{prefix}.")}
        if not matching:
            raise unknown_name("layer", layer, layer_names(blocks))
        selected |= matching
    return frozenset(selected)


def layer_names(names: Iterable[str]) -> list[str]:
    """The levels and the attention modules that contain the named blocks, sorted."""
    attentions = {name.split(".transformer_blocks")[0] for name in names}
    return sorted({name.split(".attentions")[0] for name in attentions} | attentions)


def level_shape(tokens: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the level with this number of tokens, given the height and width of the latents.

    Every level halves the height and width of the level before it, rounding up. Raises UserError where no level has
    this number of tokens.
    """
    height, width = shape
    while height * width > tokens:
        height, width = -(-height // 2), -(-width // 2)
    if height * width != tokens:
        raise UserError("cannot tell the shape of the picture from its tokens", given=f"{tokens} for {shape}")
    return height, width
