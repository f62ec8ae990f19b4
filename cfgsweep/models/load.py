"""Loads a model by its family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.models.family import family_of
from cfgsweep.models.source import Source

if TYPE_CHECKING:
    from cfgsweep.models.device import Compute
    from cfgsweep.models.network import NetworkDenoiser


def load_model(source: Source, compute: Compute) -> NetworkDenoiser:
    """Loads a model onto a device. Raises UserError, with the model's name, where it cannot be loaded."""
    quieten_libraries()
    from cfgsweep.models.device import is_out_of_memory

    try:
        denoiser = family_of(source).load(source, compute)
    except CfgsweepError:
        raise
    except Exception as error:  # diffusers and transformers have no common exception for damaged or unknown folders
        if is_out_of_memory(error):
            raise UserError("not enough memory to load the model", where="model", given=source.name) from None
        refused = "no file named" in str(error) or "Could not find the necessary `safetensors`" in str(error)
        hint = "weights as pickles are refused; --allow-pickle loads them" if refused else ""
        problem = f"the model cannot be loaded: {shorten(str(error), 300)}"
        raise UserError(problem, where="model", given=source.name, hint=hint) from None
    denoiser.load_other = lambda name: load_model(Source.of(name), compute)
    return denoiser


def quieten_libraries() -> None:
    """diffusers and transformers say much; what matters reaches users through our own words, errors included."""
    import logging

    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity(logging.CRITICAL)
        library.utils.logging.disable_progress_bar()
