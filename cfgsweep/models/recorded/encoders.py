"""The text encoders of a pipeline, which can be let go of when all texts are encoded: `load: {free_encoders: true}`."""

from __future__ import annotations

from typing import Any

from torch import nn

from cfgsweep.errors import UserError

KEY = "load.free_encoders"


def text_encoders(pipeline: Any) -> dict[str, nn.Module]:
    """The parts that encode texts, by their names in the pipeline."""
    parts = pipeline.components.items()
    return {name: part for name, part in parts if name.startswith("text_encoder") and isinstance(part, nn.Module)}


def check_encoders(pipeline: Any) -> None:
    """Raises UserError where a pipeline has no encoders that it could do without."""
    if not text_encoders(pipeline) or not hasattr(pipeline, "encode_prompt"):
        problem = "this pipeline has no text encoders, or does not encode texts apart from all else"
        raise UserError(problem, where=KEY, given=type(pipeline).__name__)


def let_go_of_encoders(pipeline: Any) -> None:
    """Takes the encoders out of a pipeline, and out of the hooks by which diffusers moves its parts."""
    for name in text_encoders(pipeline):
        setattr(pipeline, name, None)
    pipeline.maybe_free_model_hooks()
