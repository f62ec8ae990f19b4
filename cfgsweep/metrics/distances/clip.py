"""The distance `clip`."""

from __future__ import annotations

from cfgsweep.metrics.distances.encoder import EncoderDistance


class CLIP(EncoderDistance):
    """Image features of openai/clip-vit-base-patch32, where its weights are cached."""

    name = "clip"
    model = "openai/clip-vit-base-patch32"
