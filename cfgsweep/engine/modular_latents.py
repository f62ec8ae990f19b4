"""Where the latents of a picture are in a call of a network by diffusers' modular pipelines.

Some networks take them as tokens [rows, tokens, channels], among those of other pictures. Guiders that look at
channels or neighbours need [rows, channels, height, width], or with frames before the height.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cfgsweep.errors import UserError


@dataclass(frozen=True)
class TokenGrid:
    """The tokens of one picture or video among those that a network takes.

    shape: frames, height and width in tokens. patch: the same of the latents in one token, whose channels are those of
    the latents, each with a value for every place in the patch. last: whether other pictures' tokens come before them
    and not after them.
    """

    shape: tuple[int, int, int]
    patch: tuple[int, int, int] = (1, 2, 2)
    last: bool = False

    def place(self, tokens: Tensor) -> slice:
        """Where the picture is in [rows, tokens, channels]. Raises UserError where there are too few tokens."""
        count = math.prod(self.shape)
        if tokens.shape[1] < count:
            raise UserError("cannot tell the shape of the picture from its tokens", given=f"{tokens.shape[1]}")
        return slice(tokens.shape[1] - count, None) if self.last else slice(count)

    def unpack(self, tokens: Tensor) -> Tensor:
        """The picture, [rows, channels, height, width], or with frames before the height where there is more than one.

        tokens: [rows, tokens, channels], the picture's own and others.
        """
        own = tokens[:, self.place(tokens)]
        split = own.reshape(len(own), *self.shape, -1, *self.patch).permute(0, 4, 1, 5, 2, 6, 3, 7)
        frames, height, width = (side * patch for side, patch in zip(self.shape, self.patch, strict=True))
        latents = split.reshape(len(own), -1, frames, height, width)
        return latents.squeeze(2) if frames == 1 else latents

    def pack(self, latents: Tensor) -> Tensor:
        """Only the picture's tokens. The inverse of `unpack`."""
        sides = [n for pair in zip(self.shape, self.patch, strict=True) for n in pair]
        split = latents.reshape(len(latents), -1, *sides).permute(0, 2, 4, 6, 1, 3, 5, 7)
        return split.reshape(len(latents), math.prod(self.shape), -1)


class NetworkInput:
    """The latents in one call of a network.

    latents: as the network takes them, with a batch dimension. grid: where they are, if they are tokens.

    Raises UserError for tokens of a network that is not known here.
    """

    def __init__(self, network: nn.Module, arguments: Mapping[str, Any]):
        """arguments: of the network's call by name, in the order of its parameters; latents are the first."""
        given = next(iter(arguments.values()))
        self.latents: Tensor = torch.stack(given) if isinstance(given, list) else given  # Z-Image has lists
        name = type(network).__name__
        self.grid = GRIDS[name](network, self.latents, arguments) if name in GRIDS else None
        if self.latents.ndim < 4 and name not in GRIDS and name not in SEQUENCES:
            raise UserError("a network whose tokens cannot be read as a picture", given=name, allowed=sorted(GRIDS))

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width of the latents as the network takes them, or of their tokens; of a video frames come first.

        Raises UserError where other pictures' tokens come before them, and for sound.
        """
        if self.grid is None and self.latents.ndim < 4:
            raise UserError("layers cannot be perturbed in networks for sound")
        if self.grid is None or self.latents.ndim != 3:
            return tuple(self.latents.shape[2:])
        if self.grid.place(self.latents).start:
            raise UserError("layers cannot be perturbed where tokens of given pictures come first")
        frames, height, width = self.grid.shape
        return (height, width) if frames == 1 else (frames, height, width)

    def picture(self, prediction: Tensor) -> Tensor:
        """A prediction as [rows, channels, height, width], of a video with frames before the height.

        prediction: made from these latents, as the pipeline gives it to its guider. Of sound it is [rows, channels,
        time], and stays so.
        """
        if self.grid is not None:
            return self.grid.unpack(_tokens(prediction))
        if prediction.ndim == self.latents.ndim:
            return prediction
        return prediction[None] if prediction.shape == self.latents.shape[1:] else prediction.unsqueeze(2)

    def as_picture(self) -> Tensor:
        """The latents as a picture, with the channels that describe other pictures and masks."""
        return self.latents if self.grid is None else self.grid.unpack(_tokens(self.latents))

    def like(self, picture: Tensor) -> Tensor:
        """The latents as a picture, without those channels."""
        return self.as_picture()[:, : picture.shape[1]]

    def as_predicted(self, guided: Tensor, prediction: Tensor) -> Tensor:
        """A guided `picture` in the layout and the type of the prediction, with the prediction's other tokens."""
        if self.grid is None:
            return guided.reshape(prediction.shape).to(prediction.dtype)
        whole = _tokens(prediction).clone()
        whole[:, self.grid.place(whole)] = self.grid.pack(guided).to(prediction.dtype)
        return whole if prediction.ndim == 3 else whole.transpose(1, 2).reshape(prediction.shape)


def _tokens(x: Tensor) -> Tensor:
    """[rows, tokens, channels], also of a map of tokens, [rows, channels, height, width]."""
    return x if x.ndim == 3 else x.flatten(2).transpose(1, 2)


def _qwen(network: Any, _: Tensor, kwargs: Mapping[str, Any]) -> TokenGrid:
    """Pictures to be edited come after the one that is made. Layers are frames, and the picture they make is last."""
    shapes = kwargs["img_shapes"][0]
    layers = shapes[:-1] if network.config.use_layer3d_rope else shapes[:1]
    return TokenGrid((len(layers), *layers[0][1:]))


def _qwen21(_: Any, __: Tensor, kwargs: Mapping[str, Any]) -> TokenGrid:
    """Pictures to be edited come before the one that is made."""
    return TokenGrid(tuple(kwargs["img_shapes"][0][-1]), patch=(1, 1, 1), last=True)


def _flux(_: Any, __: Tensor, kwargs: Mapping[str, Any]) -> TokenGrid:
    """Every token has a position (picture, height, width, ...); pictures to be edited come last."""
    positions = kwargs["img_ids"] if kwargs["img_ids"].ndim == 2 else kwargs["img_ids"][0]
    return _of_positions(positions[positions[:, 0] == positions[0, 0]])


def _krea2(_: Any, tokens: Tensor, kwargs: Mapping[str, Any]) -> TokenGrid:
    """Tokens of the text have positions, too, and come first."""
    return _of_positions(kwargs["position_ids"][-tokens.shape[1] :])


def _of_positions(positions: Tensor) -> TokenGrid:
    height, width = (len(torch.unique(positions[:, axis])) for axis in (1, 2))
    return TokenGrid((1, height, width))


def _ltx(network: Any, tokens: Tensor, kwargs: Mapping[str, Any]) -> TokenGrid:
    """Frames that are given come first. Their tokens have the timestep 0, and the pipeline keeps them as they are.

    Raises UserError where others are given, or parts of frames.
    """
    patch = (network.config.patch_size_t, network.config.patch_size, network.config.patch_size)
    frames, height, width = (kwargs[name] for name in ("num_frames", "height", "width"))
    times = kwargs["timestep"][0].expand(tokens.shape[1]).view(-1, height * width)
    given = int((times == 0).all(dim=1).sum())
    whole = len(times) == frames and (times[:given] == 0).all() and (times[given:] == times.max()).all()
    if not whole:
        raise UserError("cannot tell the given frames from the others", given="frames that are not the first")
    return TokenGrid((frames - given, height, width), patch, last=True)


def _ernie(_: Any, latents: Tensor, __: Mapping[str, Any]) -> TokenGrid:
    """One picture, as a map of tokens."""
    return TokenGrid((1, *latents.shape[-2:]))


# By the class of networks that take patches of latents.
GRIDS: dict[str, Callable[[Any, Tensor, Mapping[str, Any]], TokenGrid]] = {
    "ErnieImageTransformer2DModel": _ernie,
    "Flux2Transformer2DModel": _flux,
    "Flux3Transformer2DModel": _flux,
    "Krea2Transformer2DModel": _krea2,
    "LTX2VideoTransformer3DModel": _ltx,
    "LTXVideoTransformer3DModel": _ltx,
    "QwenImage21Transformer2DModel": _qwen21,
    "QwenImageTransformer2DModel": _qwen,
}
SEQUENCES = {"MiniMaxMusic3Transformer1DModel"}  # networks that take [rows, channels, time]
