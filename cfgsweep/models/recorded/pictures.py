"""The pictures that pipelines are given, as PIL images, and what their autoencoders make of them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from cfgsweep.errors import UserError
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
        content = hashlib.sha256(pixels.float().cpu().contiguous().numpy().tobytes()).hexdigest()
        key = f"{content} {tuple(pixels.shape)} {pixels.dtype} {args} {sorted(kwargs.items())}"
        if key not in known:
            known[key] = encode(pixels, *args, **kwargs)
        return known[key]

    vars(autoencoder)["encode"] = remembering
