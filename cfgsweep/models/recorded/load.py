"""Loads any text-to-image pipeline of diffusers from a folder, a file or the hub."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers

from cfgsweep.errors import UserError
from cfgsweep.models.device import Compute
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.settings import apply_settings, quantization_config
from cfgsweep.models.recorded.single_file import of_file
from cfgsweep.models.recorded.task import of_task
from cfgsweep.models.source import Source


def load_pipeline(source: Source, compute: Compute) -> RecordedPipeline:
    """Raises UserError where it is no pipeline of diffusers that takes a prompt, or refuses the settings."""
    settings, arguments = source.settings, dict[str, Any]()
    if settings.offload == "model" and compute.device == "cpu":  # it would copy weights, which can decide last bits
        problem = "on a CPU there is nothing to move networks to"
        raise UserError(problem, where="load.offload", given="model", allowed="with --device cuda or mps")
    if settings.quantization is not None:
        arguments["quantization_config"] = quantization_config(settings.quantization)
    found = _class(source)
    if "safety_checker" in inspect.signature(found.__init__).parameters:
        arguments |= {"safety_checker": None, "requires_safety_checker": False}
    if source.single_file:
        pipeline = of_file(found, source, compute.dtype, arguments)
    else:
        pipeline = source.pretrained(found, compute.dtype, **arguments)
    pipeline = of_task(pipeline, source.task, source.name)
    apply_settings(pipeline, settings, compute)
    return RecordedPipeline(source.name, pipeline, compute, settings.free_encoders, source.task)


def _class(source: Source) -> Any:
    """The pipeline class that the model names. A class of the model's own code is none of diffusers'."""
    name = source.pipeline_class()
    found = getattr(diffusers, name, None) if name.isidentifier() else None
    if not (inspect.isclass(found) and issubclass(found, diffusers.DiffusionPipeline)):
        raise UserError("not a pipeline of the installed diffusers", where=source.name, given=name)
    if "prompt" not in inspect.signature(found.__call__).parameters:
        raise UserError("not a pipeline that takes a prompt", where=source.name, given=name)
    return found
