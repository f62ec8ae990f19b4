"""The distance `dino`."""

from __future__ import annotations

from cfgsweep.metrics.distances.encoder import EncoderDistance


class DINO(EncoderDistance):
    """Image features of facebook/dinov2-small, where its weights are cached."""

    name = "dino"
    model = "facebook/dinov2-small"
