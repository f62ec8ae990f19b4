"""How a picture is sampled, and how its latents lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cfgsweep.samplers.from_picture import FromPicture

if TYPE_CHECKING:
    import torch

PipelineInputs = tuple[tuple[str, Any], ...]  # names and values of inputs of a pipeline's call, sorted by name


class Lora(NamedTuple):
    """A file of LoRA weights, and the factor of what they add."""

    file: str
    scale: float = 1.0


Loras = tuple[Lora, ...]  # that are used at once


class StepCache(NamedTuple):
    """A cache of diffusers by which steps reuse what earlier ones computed.

    settings: arguments of its configuration that are not at their default, by their names, sorted.
    """

    name: str
    settings: PipelineInputs = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a picture is sampled, apart from its texts, its seed and guidance.

    sampler: its name. size: width and height in pixels; None is the model's native size.
    inputs: further inputs of the pipeline's call: `call` in sweep files. loras: that change the model's weights.
    begins_with: the picture that it is made from, None for one that is made of noise alone.
    cache: by which steps reuse what earlier ones computed.
    """

    sampler: str
    steps: int
    size: tuple[int, int] | None = None
    inputs: PipelineInputs = ()
    loras: Loras = ()
    begins_with: FromPicture | None = None
    cache: StepCache | None = None

    @property
    def performed_steps(self) -> int:
        """How many of the steps are taken."""
        return self.steps if self.begins_with is None else self.begins_with.performed_steps(self.steps)


def thawed(value: Any) -> Any:
    """The value of an input with lists in the place of tuples, which a key of sweeps and ids needs."""
    return list(map(thawed, value)) if isinstance(value, tuple) else value


@dataclass(frozen=True, eq=False)
class PictureLayout:
    """Where in a picture the numbers of latents lie that are packed otherwise, such as [1, tokens, channels].

    order: for every number of [channels, height, width], or [channels, frames, height, width], its place among the
    latents. shape: that shape.
    """

    order: torch.Tensor
    shape: torch.Size

    def as_picture(self, latents: torch.Tensor) -> torch.Tensor:
        """[rows, ...] as the model has them -> [rows, channels, height, width]."""
        return latents.flatten(1)[:, self.order].view(-1, *self.shape)

    def as_latents(self, picture: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """The reverse. like: latents of the model's shape."""
        return picture.flatten(1)[:, self.order.argsort()].view(-1, *like.shape[1:])


@dataclass(frozen=True, eq=False)
class Mixing:
    """What a pipeline does with the latents after a step: inpainting puts the original back where the mask is black.

    factor, added: of the shape of the latents, or one that is broadcast to it.
    """

    factor: torch.Tensor
    added: torch.Tensor

    def mixed(self, latents: torch.Tensor) -> torch.Tensor:
        return self.factor * latents + self.added
