"""Loads a model by its family."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.models.family import ANY_PIPELINE, family_of
from cfgsweep.models.source import Source
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    from cfgsweep.models.denoiser import Denoiser
    from cfgsweep.models.device import Compute


# While diffusers and transformers load, they change how every torch module of the process is initialised.
_one_at_a_time = threading.Lock()


def load_without_weights(source: Source, dtype: str = "auto") -> Denoiser:
    """A model that is built from its configurations. dtype: of its weights if it had them. Raises UserError."""
    from cfgsweep.models.device import choose

    return load_model(replace(source, without_weights=True), replace(choose("cpu", dtype), device="meta"))


def load_model(source: Source, compute: Compute) -> Denoiser:
    """Loads a model onto a device. Raises UserError, with the model's name, where it cannot be loaded."""
    from cfgsweep.models.device_memory import is_out_of_memory

    try:
        with quiet_libraries("diffusers", "transformers"), _one_at_a_time:
            family = family_of(source)
            if source.settings.spec() and family is not ANY_PIPELINE:
                problem = "this model takes no settings of loading: they are for recorded pipelines"
                raise UserError(problem, where="load", given=source.name)
            denoiser = family.load(source, compute)
    except CfgsweepError:
        raise
    except Exception as error:  # diffusers and transformers have no common exception for damaged or unknown folders
        if is_out_of_memory(error):
            raise UserError("not enough memory to load the model", where="model", given=source.name) from None
        refused = "no file named" in str(error) or "Could not find the necessary `safetensors`" in str(error)
        hint = "weights as pickles are refused; --allow-pickle loads them" if refused else ""
        problem = f"the model cannot be loaded: {shorten(str(error), 300)}"
        raise UserError(problem, where="model", given=source.name, hint=hint) from None
    denoiser.load_other = lambda name: load_model(_like(source, Source.of(name)), compute)
    return denoiser


def _like(source: Source, other: Source) -> Source:
    """Another model that is loaded as this one is."""
    return replace(other, settings=source.settings, task=source.task, recorded=source.recorded)
