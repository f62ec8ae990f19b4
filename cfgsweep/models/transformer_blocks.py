"""Finds the transformer blocks of a diffusers network by the names that sweep files use for layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from diffusers.models.attention import BasicTransformerBlock
from torch import nn

from cfgsweep.errors import UserError, did_you_mean, unknown_name

Shape = tuple[int, ...]  # (height, width) or (frames, height, width)
ATTENTION = re.compile(r"attn|attention|mhba")
FEED_FORWARD = re.compile(r"(^|_)(ff|ffn|mlp|feed_forward)(_|$)")


def named_blocks(network: nn.Module) -> dict[str, BasicTransformerBlock]:
    """Every transformer block of the network by its short name, e.g. 'down.2.attentions.0.transformer_blocks.0'."""
    modules = network.named_modules()
    return {short_name(name): module for name, module in modules if isinstance(module, BasicTransformerBlock)}


def short_name(name: str) -> str:
    """'down_blocks.2.attentions.0.transformer_blocks.0' -> 'down.2.attentions.0.transformer_blocks.0'."""
    return name.replace("down_blocks.", "down.").replace("up_blocks.", "up.").replace("mid_block.", "mid.")


def is_attention(name: str, module: nn.Module) -> bool:
    """Whether a module is an attention by its name in the module that contains it; norms and projections are not."""
    return bool(ATTENTION.search(name)) and "norm" not in name and any(True for _ in module.children())


def is_linear_attention(module: nn.Module) -> bool:
    """Whether an attention is linear in its values and keys, as in Sana: it has no map of scores."""
    return "Linear" in type(getattr(module, "processor", None)).__name__


def is_feed_forward(name: str, module: nn.Module) -> bool:
    """Whether a module may be a feed-forward layer by its name in the module that contains it."""
    return bool(FEED_FORWARD.search(name)) and any(True for _ in module.children())


def block_stacks(network: nn.Module) -> dict[str, nn.ModuleList]:
    """The sequences of transformer blocks of a network by the names that sweep files use for them, in its order.

    A sequence is a ModuleList of the network all of whose modules contain an attention. Networks that have double and
    single streams have 'double' and 'single', others 'block', their longest sequence; the rest have their own names.
    """
    children = dict(network.named_children())
    for name, module in network.named_children():
        if isinstance(module, nn.ModuleDict):
            children |= {f"{name}.{key}": member for key, member in module.items()}
    stacks = {
        name: module
        for name, module in children.items()
        if isinstance(module, nn.ModuleList) and len(module) and all(map(_has_attention, module))
    }
    named = {name: "single" if "single" in name else "double" for name in stacks if _STREAMS.search(name)}
    if "single" in named.values() and "double" not in named.values():
        named |= {name: "double" for name in stacks if name == "transformer_blocks"}
    if not named and stacks:
        named = {max(stacks, key=lambda name: len(stacks[name])): "block"}
    return {named.get(name, name): stack for name, stack in stacks.items()}


_STREAMS = re.compile(r"single|double|joint")


def _has_attention(block: nn.Module) -> bool:
    return any(is_attention(name.rpartition(".")[2], module) for name, module in block.named_modules())


def select_layers(stacks: Mapping[str, nn.ModuleList], layers: Iterable[str]) -> dict[nn.Module, str]:
    """The blocks in the given layers of a network that is sequences of blocks, with their names.

    A layer is a sequence ('double'), a block of it ('double.3'), or the number of a block of the main sequence, which
    is 'double', or else 'block' or 'single'. Raises UserError, listing the layers of this network, where a name matches
    no block.
    """
    main = next((name for name in ("double", "block", "single") if name in stacks), next(iter(stacks), ""))
    blocks = {f"{name}.{i}": block for name, stack in stacks.items() for i, block in enumerate(stack)}
    selected: dict[nn.Module, str] = {}
    for layer in layers:
        full = f"{main}.{layer}" if layer.isdecimal() else layer
        matching = {block: name for name, block in blocks.items() if f"{name}.".startswith(f"{full}.")}
        if not matching:
            there = [f"{name} (with {name}.0 to {name}.{len(stack) - 1})" for name, stack in stacks.items()]
            hint = did_you_mean(layer, [*stacks, *blocks])
            raise UserError(
                f"unknown layer {layer!r}", allowed=there or "no layer: it has no transformer blocks", hint=hint
            )
        selected |= matching
    return selected


def select_blocks(blocks: Mapping[str, nn.Module], layers: Iterable[str]) -> frozenset[nn.Module]:
    """The blocks in the given layers.

    A layer is a level ('mid', 'up.1'), an attention module in a level ('down.2.attentions.0'), or, for networks that
    are one sequence of blocks, 'block', 'block.3', or the number of a block. Raises UserError, listing the layers of
    this network, where a name matches no block.
    """
    selected: set[nn.Module] = set()
    for layer in layers:
        name_of_block = f"block.{layer}" if layer.isdecimal() else layer
        prefix = re.sub(r"^block\b", "transformer_blocks", name_of_block)
        matching = {block for name, block in blocks.items() if f"{name}.".startswith(f"{prefix}.")}
        if not matching:
            raise unknown_name("layer", layer, layer_names(blocks))
        selected |= matching
    return frozenset(selected)


def layer_names(names: Iterable[str]) -> list[str]:
    """The levels and the attention modules that contain the named blocks, sorted."""
    attentions = {re.sub(r"^transformer_blocks\b", "block", name).split(".transformer_blocks")[0] for name in names}
    return sorted({name.split(".attentions")[0] for name in attentions} | attentions)


def picture_grid(tokens: int, shape: Shape) -> tuple[int, int, int]:
    """Frames, height and width of the positions of a layer with this number of tokens.

    shape: (height, width) or (frames, height, width) of the latents, of which a layer may have any level, see
    `level_shape`; and all frames, half of them (rounded up), or one. Raises UserError where nothing has this number.
    """
    frames, height, width = shape if len(shape) == 3 else (1, *shape)
    for count in (frames, -(-frames // 2), 1):
        if tokens % count == 0:
            try:
                return count, *level_shape(tokens // count, (height, width))
            except UserError:
                continue
    raise UserError("cannot tell the shape of the picture from its tokens", given=f"{tokens} for {shape}")


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
