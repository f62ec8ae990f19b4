"""Self-attention of a picture's tokens, perturbed, within attention that may have other tokens, such as a text's.

The other tokens attend as they always do, and are attended to as always. Tensors are those of torch's
`scaled_dot_product_attention`: queries, keys, values are [rows, heads, tokens, channels].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cfgsweep.errors import UserError
from cfgsweep.models.perturbation_hooks import blur_tokens
from cfgsweep.models.transformer_blocks import Shape, picture_grid

QUERIES_AT_ONCE = 1024  # so that the mask is smaller than what it saves


def attend_by_identity(
    attention: Callable[..., Tensor], given: dict[str, Any], queries: Tensor, keys: Tensor
) -> Tensor:
    """Attention in which the picture's tokens do not attend to each other, only to themselves and other tokens.

    For attention of a picture alone that is the identity matrix; with a text it is that of diffusers'
    StableDiffusion3PAGPipeline (`PAGJointAttnProcessor2_0`).

    given: the arguments of `attention`. queries, keys: [rows, tokens], which are the picture's, in the same order.
    """
    query, value = given["query"], given["value"]
    if queries.all() and keys.all():
        return value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
    if given.get("is_causal"):
        raise UserError("causal attention cannot be perturbed")
    attended = attention(**given)
    tokens = torch.arange(keys.shape[1], device=keys.device)
    places = zip(*(positions_of(x).split(QUERIES_AT_ONCE, dim=1) for x in (queries, keys)), strict=True)
    for positions, own in places:  # [rows, some]
        allowed = ((own[..., None] == tokens) | ~keys[:, None, :])[:, None]
        mask = _restricted(given.get("attn_mask"), allowed, positions)
        some = attention(**{**given, "query": _rows_at(query, positions), "attn_mask": mask})
        attended = _with_rows_at(attended, positions, some)
    return attended


def attend_blurred(
    attention: Callable[..., Tensor],
    given: dict[str, Any],
    queries: Tensor,
    blur_sigma: float,
    shape: Shape,
) -> Tensor:
    """Attention with the queries of the picture's tokens blurred over height and width, in each frame.

    queries: [rows, tokens], which are the picture's. shape: (height, width) or (frames, height, width) of the latents.
    """
    query, positions = given["query"], positions_of(queries)
    _, height, width = picture_grid(positions.shape[1], shape)
    tokens = _rows_at(query, positions).transpose(1, 2).flatten(2)  # [rows, tokens, heads * channels]
    per_frame = tokens.reshape(-1, height * width, tokens.shape[-1])
    blurred = blur_tokens(per_frame, blur_sigma, (height, width)).reshape(tokens.shape)
    by_head = blurred.unflatten(-1, (query.shape[1], -1)).transpose(1, 2)
    return attention(**{**given, "query": _with_rows_at(query, positions, by_head)})


def positions_of(picture: Tensor) -> Tensor:
    """The positions of the picture's tokens, [rows, tokens of the picture].

    Raises UserError if the rows' pictures have unequal numbers of tokens.
    """
    counts = picture.sum(dim=1)
    if (counts != counts[0]).any():
        raise UserError("the rows of a batch have pictures of unequal size", given=counts.tolist())
    return picture.nonzero()[:, 1].view(len(picture), -1)


def _rows_at(tokens: Tensor, positions: Tensor) -> Tensor:
    """The tokens at some positions. positions: [rows, some]."""
    return tokens.gather(2, _index(tokens, positions))


def _with_rows_at(tokens: Tensor, positions: Tensor, others: Tensor) -> Tensor:
    """The tokens, with others at some positions."""
    return tokens.scatter(2, _index(tokens, positions), others.to(tokens.dtype))


def _index(tokens: Tensor, positions: Tensor) -> Tensor:
    return positions[:, None, :, None].expand(-1, tokens.shape[1], -1, tokens.shape[-1])


def _restricted(mask: Tensor | None, allowed: Tensor, positions: Tensor) -> Tensor:
    """An attention mask, at the queries of some positions, with nothing but what is allowed.

    allowed: [rows, 1, some, keys].
    """
    if mask is None:
        return allowed
    mask = mask.expand(len(positions), *[1] * (3 - mask.ndim), *mask.shape[-3:]) if mask.ndim < 4 else mask
    if mask.shape[-2] > 1:
        mask = _rows_at(mask.expand(len(positions), -1, -1, -1), positions)
    return mask & allowed if mask.dtype == torch.bool else mask.masked_fill(~allowed, -torch.inf)
