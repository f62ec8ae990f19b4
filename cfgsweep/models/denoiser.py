"""The protocol of a model, as the engine uses it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from PIL import Image

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.guidance.perturbations import Condition, Perturbation
from cfgsweep.models.device_memory import is_out_of_memory
from cfgsweep.models.video import Picture
from cfgsweep.samplers import Sampler, Sampling


class Unsupported(Exception):
    """A pipeline's way from latents to predictions was not found, or does not give what the pipeline itself gives."""


class NotFinite(ArithmeticError):
    """Decoding gave pixels of which some are not finite."""


# What diffusers says of a scheduler that a pipeline cannot use, in the words of a sweep file.
OF_SAMPLERS = {
    "no attribute 'scale_noise'": "its pipeline cannot begin with a picture with this sampler",
    "support custom sigmas": "its pipeline sets the noise levels itself, which this sampler does not take",
    "support custom timestep": "its pipeline sets the steps itself, which this sampler does not take",
}


@contextmanager
def running(name: str, doing: object = None) -> Iterator[None]:
    """Converts exceptions of a model's own parts to a UserError with the model's name.

    doing: what was asked of it, which the error tells; its name if None.

    The files of a model can load without error and still not fit together. UserError, NotFinite and errors for lack
    of memory pass unchanged.
    """
    try:
        yield
    except (CfgsweepError, NotFinite, Unsupported):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reason = shorten(str(error) or type(error).__name__, 300)
        where, given = ("model", name) if doing is None else (name, doing)
        words = next((words for theirs, words in OF_SAMPLERS.items() if theirs in reason), "")
        hint = "`sampler: model` is the one that the pipeline comes with" if words else ""
        problem = f"{words} (diffusers: {reason})" if words else reason
        raise UserError(f"the model cannot be run: {problem}", where=where, given=given, hint=hint) from error


@dataclass(eq=False)
class CacheSlot:
    """The state of a step cache for one prediction of one trajectory: before the call, and, when it is done, after it.

    before: None at the first call. A state is not changed when it is used.
    """

    before: Any = None
    after: Any = None


class RowInputs(Protocol):
    """What the network is given for one row at one call, apart from the latents.

    key: rows with equal keys can be predicted in one call of the network.
    """

    @property
    def key(self) -> Hashable: ...

    def cached(self, slot: CacheSlot) -> RowInputs:
        """The same, to be predicted with the sampling's step cache, alone in its call."""
        ...


class Denoiser(Protocol):
    """A model: conditions in, predictions out, latents to pictures. Guidance is no part of it.

    Latents are [1, channels, height, width], or of any other shape [1, ...] that the model has.

    Every method raises UserError where the parts of the model do not fit together.
    """

    name: str
    scheduler_config: Mapping[str, Any]
    load_other: Callable[[str], Any] | None  # loads another model by its name onto the same device
    restarts: bool  # whether its latents can be noised between two steps, for U-turns and forks

    @property
    def native_size(self) -> tuple[int, int]:
        """Width and height in pixels of pictures of no other size."""
        ...

    @property
    def own_formula(self) -> str:
        """By which the model's own pipeline guides, see `guidance/own_formulas.py`; "none" where it does not."""
        ...

    def sampled_fingerprint(self) -> str:
        """The fingerprint that run folders of version 0.1 have."""
        ...

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        """Bytes of the weights, and approximate bytes per row of a batch for pictures of this size (width, height)."""
        ...

    def start(self, sampling: Sampling, generator: torch.Generator) -> tuple[torch.Tensor, Sampler]:
        """The first latents [1, ...], float32 on the model's device, and a sampler before its first call.

        generator: draws the first latents, and then the sampler's noise. Raises UserError where the model cannot be
        sampled so.
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

        Its `predict_rows` returns [rows, channels + 1, height, width]; the last channel is 1 on average. Raises
        UserError where the model has no such attention.
        """
        ...

    def check_sampling(self, sampling: Sampling) -> None:
        """Raises UserError where the model cannot be sampled so."""
        ...

    def check_condition(self, condition: Condition) -> None:
        """Raises UserError where the model has no such label."""
        ...

    def encode_texts(self, texts: Iterable[tuple[Condition, Sampling]]) -> None:
        """Encodes all texts that there will be, with the ways of sampling that they are for.

        Comes after what `check_sampling` and `check_condition` check. Text encoders may be let go of then.
        """
        ...

    def inputs(self, condition: Condition, sampler: Sampler, call: int) -> Any:
        """The `RowInputs` of a condition at a call of the sampler. They are of use to `predict_rows` alone."""
        ...

    def is_cut_short(self, condition: Condition) -> bool:
        """Whether the text is longer than what the model reads of it."""
        ...

    def predict_rows(self, latents: torch.Tensor, rows: Sequence[Any]) -> torch.Tensor:
        """The network's prediction of every row, float32 with the shape of the latents.

        latents: the network's input, [rows, ...]. rows: what `inputs` gave for each of them; all have one key.
        """
        ...

    def decode(self, latents: torch.Tensor, sampler: Sampler) -> Picture:
        """The picture of latents [1, ...] that the sampler has made. Raises NotFinite."""
        ...

    def with_vae(self, name: str) -> Denoiser:
        """A denoiser with the same predictions that decodes with another autoencoder.

        name: a folder or a hub id. Raises UserError where it is no autoencoder of these latents and pictures.
        """
        ...

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        """The latents of a picture, [1, channels, height, width], without any random draw."""
        ...

    def features(self, image: Image.Image) -> torch.Tensor:
        """Activations of the network's middle for a picture, without any random draw."""
        ...
