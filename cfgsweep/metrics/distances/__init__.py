"""How different two pictures are. A module here with a named subclass of Distance is all that a new one takes.

Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cfgsweep.errors import unknown_name
from cfgsweep.metrics.distances.base import Distance, rms

if TYPE_CHECKING:
    from cfgsweep.metrics.distances.base import SeeingModel

DISTANCES = Distance.registry

__all__ = ["DISTANCES", "Distance", "check_name", "choose", "rms"]


def check_name(name: str) -> None:
    """Raises UserError if there is no distance `name`, which may be followed by `=FOLDER`."""
    if name.partition("=")[0] not in DISTANCES:
        raise unknown_name("distance", name, DISTANCES, "distance")


def choose(name: str, denoiser: Callable[[], SeeingModel]) -> Distance:
    """The distance of that name; `clip=FOLDER` takes the weights from there.

    denoiser: gives the swept model, and is called only by distances that use it.

    Raises UserError if there is none of that name, or its weights are not on this machine.
    """
    check_name(name)
    kind, _, folder = name.partition("=")
    return DISTANCES[kind](denoiser, folder)
