"""What metrics have in common that are computed from balls around pictures, in the space of their features."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from cfgsweep.metrics.base import CellMetric, ReferenceSettings

K_HELP = "a ball around a picture reaches to its k-th nearest neighbour"


class ThreeNeighbours(ReferenceSettings):
    k: int = Field(3, ge=1, le=100, description=K_HELP)


class FiveNeighbours(ReferenceSettings):
    k: int = Field(5, ge=1, le=100, description=K_HELP)


class NeighbourMetric(CellMetric):
    """A metric by balls in the space of features, which reach to the k-th nearest neighbour of their centre."""

    Settings: ClassVar[type[ReferenceSettings]] = ThreeNeighbours

    @property
    def smallest(self) -> int:
        return int(self.settings.k) + 1
