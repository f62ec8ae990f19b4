"""What a distance is: an array for each picture, and a measure of two arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from cfgsweep.config.registry import Registered, Registry
from cfgsweep.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

    from cfgsweep.models.video import Picture

    Vector = np.ndarray


class SeeingModel(Protocol):
    """What distances ask of the swept model. See `Denoiser`."""

    def encode_picture(self, image: Image.Image) -> torch.Tensor: ...

    def features(self, image: Image.Image) -> torch.Tensor: ...


class Distance(Registered):
    """How far apart two pictures are. A search projects the arrays on each other, and reports the measure.

    A subclass gives `embed`, and `measure` if it is not the root mean square of the difference. The first line of its
    docstring describes it. Modules of distances import no numpy by themselves, since `cfgsweep --help` imports them.

    name: how a sweep file calls it.
    denoiser: gives the swept model. folder: where weights are, if the sweep says so (`clip=FOLDER`); else empty.
    """

    registry: ClassVar[Registry[Distance]] = Registry("distance", __package__)

    def __init__(self, denoiser: Callable[[], SeeingModel], folder: str = ""):
        self.denoiser, self.folder = denoiser, folder

    def embed(self, image: Image.Image) -> Vector:
        """The array of an RGB picture."""
        raise NotImplementedError

    def measure(self, a: Vector, b: Vector) -> float:
        """The distance between two arrays: 0 for equal ones."""
        return rms(a, b)

    def embed_frames(self, picture: Picture) -> Vector:
        """The arrays of all frames of a picture, [frames, ...]."""
        import numpy as np

        from cfgsweep.models.video import frames_of

        return np.stack([self.embed(frame) for frame in frames_of(picture)])

    def measure_frames(self, a: Vector, b: Vector) -> float:
        """The mean distance of the frames of two arrays of `embed_frames`."""
        distances = [self.measure(one, other) for one, other in zip(a, b, strict=True)]
        return sum(distances) / len(distances)

    def floor(self, image: Image.Image) -> float:
        """The distance that rounding alone can make: to the picture with every other pixel one of 256 levels off."""
        import numpy as np
        from PIL import Image

        levels = np.asarray(image.convert("RGB")).astype(np.int16)
        off = levels.copy()
        off.reshape(-1, 3)[::2] += np.where(levels.reshape(-1, 3)[::2] < 255, 1, -1).astype(np.int16)
        return self.measure(self.embed(image), self.embed(Image.fromarray(off.astype(np.uint8))))


def rms(a: Vector, b: Vector) -> float:
    """Root mean square of the difference."""
    import numpy as np

    return float(np.sqrt(np.mean(np.square(a - b))))


def rgb(image: Image.Image) -> Vector:
    """RGB from 0 to 1, [height, width, 3]."""
    import numpy as np

    return np.asarray(image.convert("RGB"), dtype=np.float32) / 255


def flattened(tensor: Any) -> Vector:
    """A torch tensor as an array of one dimension, in float64."""
    import numpy as np

    return np.asarray(tensor.double().cpu().flatten())


def as_batch(values: Vector) -> Any:
    """An array of `rgb` as a torch tensor, [1, 3, height, width]."""
    import torch

    return torch.from_numpy(values).permute(2, 0, 1).unsqueeze(0)


def weights_missing(given: str, hint: str) -> UserError:
    """The error of a distance whose weights would have to be downloaded."""
    return UserError("its weights are not on this machine", where="distance", given=given, hint=hint)
