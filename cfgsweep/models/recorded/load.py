"""Loads any text-to-image pipeline of diffusers from a folder or the hub."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers

from cfgsweep.errors import UserError
from cfgsweep.models.device import Compute
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.settings import apply_settings, quantization_config
from cfgsweep.models.source import Source


def load_pipeline(source: Source, compute: Compute) -> RecordedPipeline:
    """Raises UserError where it is no pipeline of diffusers that takes a prompt, or refuses the settings."""
    settings, arguments = source.settings, {"dtype": compute.dtype}
    if settings.quantization is not None:
        arguments["quantization_config"] = quantization_config(settings.quantization)
    pipeline = source.pretrained(_class(source), **arguments)
    apply_settings(pipeline, settings, compute)
    return RecordedPipeline(source.name, pipeline, compute, settings.free_encoders)


def _class(source: Source) -> Any:
    """The pipeline class that the model names. A class of the model's own code is none of diffusers'."""
    name = source.pipeline_class()
    found = getattr(diffusers, name, None) if name.isidentifier() else None
    if not (inspect.isclass(found) and issubclass(found, diffusers.DiffusionPipeline)):
        raise UserError("not a pipeline of the installed diffusers", where=source.name, given=name)
    if "prompt" not in inspect.signature(found.__call__).parameters:
        raise UserError("not a pipeline that takes a prompt", where=source.name, given=name)
    return found
