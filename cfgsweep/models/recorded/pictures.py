"""The pictures that pipelines are given, as PIL images, and what their autoencoders make of them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.recorded.arguments import hash_of_tensor, leaves
from cfgsweep.samplers import FromPicture, PictureFile
from cfgsweep.system.input_pictures import input_picture

Size = tuple[int, int]  # width and height in pixels


class PicturesOfFiles:
    """Pictures by their files, each read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Size | None], Image.Image] = {}

    def inputs(self, given: FromPicture, size: Size | None) -> dict[str, Any]:
        """The image, mask and strength as inputs of a pipeline's call. size: which pictures are brought to, if any."""
        inputs: dict[str, Any] = {"image": self._picture(given.image, size)}
        if given.mask is not None:
            inputs["mask_image"] = self._picture(given.mask, size)
        if given.strength is not None:
            inputs["strength"] = given.strength
        return inputs

    def _picture(self, file: PictureFile, size: Size | None) -> Image.Image:
        key = file.sha256, size
        if key not in self._known:
            image = _read(file)
            # As diffusers does it where a pipeline takes a size.
            self._known[key] = image if size in (None, image.size) else image.resize(size, Image.Resampling.LANCZOS)
        return self._known[key]


def _read(file: PictureFile) -> Image.Image:
    if file.path is None:
        return Image.new("RGB", file.size, "white")
    image, sha256 = input_picture(Path(file.path))
    if sha256 != file.sha256:
        raise UserError("the picture has changed since this command began", given=file.path)
    return image


def remember_encoded(autoencoder: Any) -> None:
    """Has an autoencoder encode every picture once: image-to-image does it for every text, strength and seed."""
    encode, known = autoencoder.encode, dict[str, Any]()

    @functools.wraps(encode)
    def remembering(pixels: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        key = content_of((pixels, args, kwargs))
        if key not in known:
            known[key] = encode(pixels, *args, **kwargs)
        return known[key]

    vars(autoencoder)["encode"] = remembering


def content_of(tree: Any) -> str:
    """A text that is the same for arguments of equal content, tensors and pictures among them."""
    return repr([(path, _content(leaf)) for path, leaf in leaves(tree)])


def _content(leaf: Any) -> Any:
    """The texts of tensors and pictures say less than what is in them: an address in memory, some of the numbers."""
    if isinstance(leaf, torch.Tensor):
        return leaf.dtype, tuple(leaf.shape), hash_of_tensor(leaf)
    if isinstance(leaf, Image.Image):
        return leaf.mode, leaf.size, hashlib.sha256(leaf.tobytes()).hexdigest()
    return leaf
