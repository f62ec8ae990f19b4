"""The protocol of a model, as the engine uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from PIL import Image

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.guidance.perturbations import Condition, Perturbation
from cfgsweep.models.device import is_out_of_memory


class NotFinite(ArithmeticError):
    """Decoding gave pixels of which some are not finite."""


@contextmanager
def running(name: str) -> Iterator[None]:
    """Converts exceptions of a model's own parts to a UserError with the model's name.

    The files of a model can load without error and still not fit together. UserError, NotFinite and errors for lack
    of memory pass unchanged.
    """
    try:
        yield
    except (CfgsweepError, NotFinite):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reason = shorten(str(error) or type(error).__name__)
        raise UserError(f"the model cannot be run: {reason}", where="model", given=name) from error


class Denoiser(Protocol):
    """A model: conditions in, predictions out, latents to pictures. Guidance is no part of it.

    Every method raises UserError where the parts of the model do not fit together.
    """

    name: str
    native_size: tuple[int, int]  # width, height in pixels
    scheduler_config: Mapping[str, Any]

    def sampled_fingerprint(self) -> str:
        """The fingerprint that run folders of version 0.1 have."""
        ...

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        """Bytes of the weights, and approximate bytes per row of a batch for pictures of this size (width, height)."""
        ...

    def noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """Standard normal noise [1, channels, height, width] for a picture of `size`, float32, on the model's device.

        size: width and height in pixels.
        """
        ...

    def perturbed(self, perturbation: Perturbation | None) -> Denoiser:
        """The denoiser that encodes and predicts under a perturbation; this denoiser if it is None.

        Perturbed and unperturbed denoisers may be called from several threads at the same time. Raises UserError where
        the model does not have a layer, or another model cannot be loaded.
        """
        ...

    def with_attention(self) -> Denoiser:
        """A denoiser with the same predictions, and after their channels one more: the attention each position gets.

        Its `predict` returns [rows, channels + 1, height, width]; the last channel is 1 on average. Raises UserError
        where the model has no such attention.
        """
        ...

    def encode(self, condition: Condition) -> torch.Tensor:
        """The network's input for a condition: [1, tokens, width] for a text, [1] for a label.

        Raises UserError where the model has no such label.
        """
        ...

    def is_cut_short(self, condition: Condition) -> bool:
        """Whether the text is longer than what `encode` reads."""
        ...

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """The network's prediction of every row, float32 [rows, channels, height, width].

        latents: [rows, channels, height, width]. timesteps: [rows]. conditions: encoded ones, [rows, ...].
        """
        ...

    def decode(self, latents: torch.Tensor) -> Image.Image:
        """The picture of latents [1, channels, height, width]. Raises NotFinite."""
        ...

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        """The latents of a picture, [1, channels, height, width], without any random draw."""
        ...

    def features(self, image: Image.Image) -> torch.Tensor:
        """Activations of the network's middle for a picture, without any random draw."""
        ...
