"""What the engine asks of a model family."""

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
    """A picture of which some numbers are not finite."""


@contextmanager
def running(name: str) -> Iterator[None]:
    """What a model's own parts raise, whose files went together well enough to load, is told with the model."""
    try:
        yield
    except (CfgsweepError, NotFinite):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        told = shorten(str(error) or type(error).__name__)
        raise UserError(f"the model cannot be run: {told}", where="model", given=name) from error


class Denoiser(Protocol):
    """A model family's adapter: conditioning in, prediction out, decode. It knows nothing of guidance.

    Whatever is asked of it raises UserError where its parts do not go together.
    """

    name: str
    native_size: tuple[int, int]  # width, height in pixels
    scheduler_config: Mapping[str, Any]

    def fingerprint(self) -> str:
        """A hash that changes with the configuration and the weights."""
        ...

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        """Bytes of the weights, and roughly of what one more row in a batch takes at this size."""
        ...

    def noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """Unit noise [1, channels, height, width] for a picture of `size`, float32 on the denoiser's device."""
        ...

    def perturbed(self, perturbation: Perturbation | None) -> Denoiser:
        """What encodes and predicts in this one's place under a harm; itself without one.

        Whole and harmed ones may be called at the same time. Raises UserError where a layer or a model is not there.
        """
        ...

    def with_attention(self) -> Denoiser:
        """One whose predictions are the same, with one more channel: the attention that each position gets.

        1 on average. Raises UserError where the model has no such attention.
        """
        ...

    def encode(self, condition: Condition) -> torch.Tensor:
        """What the network is given for a text [1, tokens, width], a label [1], or for nothing.

        Raises UserError where the model has no such label.
        """
        ...

    def is_cut_short(self, condition: Condition) -> bool:
        """Does `encode` leave out the end of this text?"""
        ...

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """One prediction per row, float32. latents [rows, c, h, w], timesteps [rows], conditions [rows, ...]."""
        ...

    def decode(self, latents: torch.Tensor) -> Image.Image:
        """Latents [1, c, h, w] to a picture. Raises NotFinite."""
        ...

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        """A picture to latents [1, c, h, w], the same every time."""
        ...

    def features(self, image: Image.Image) -> torch.Tensor:
        """What the middle of the network makes of a picture, the same every time."""
        ...
