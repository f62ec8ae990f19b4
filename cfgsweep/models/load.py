"""Loads a model by its family."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.models.source import Source, family_of

if TYPE_CHECKING:
    from cfgsweep.models.denoiser import Denoiser
    from cfgsweep.models.device import Compute
# CROSS models.load


def load_model(source: Source, compute: Compute) -> Denoiser:
    """Load a model; a UserError says what is wrong with it."""
    quieten_libraries()
    from cfgsweep.models.device import is_out_of_memory

    try:
        return _loader(family_of(source))(source, compute)
    except CfgsweepError:
        raise
    except Exception as error:  # the libraries have no one word for a folder that is damaged or of another kind
        if is_out_of_memory(error):
            raise UserError("not enough memory to load the model", where="model", given=source.name) from None
        refused = "no file named" in str(error) or "Could not find the necessary `safetensors`" in str(error)
        hint = "weights as pickles are refused; --allow-pickle loads them" if refused else ""
        problem = f"the model cannot be loaded: {shorten(str(error), 300)}"
        raise UserError(problem, where="model", given=source.name, hint=hint) from None


def _loader(family: str) -> Callable[[Source, Compute], Denoiser]:
    from cfgsweep.models.families.class_conditional import ClassConditional
    from cfgsweep.models.families.stable_diffusion import StableDiffusion

    match family:
        case "DiTPipeline":
            return ClassConditional.load_dit
        case "DDPMPipeline":
            return ClassConditional.load_unet
    return StableDiffusion.load


def quieten_libraries() -> None:
    """diffusers and transformers say much; what matters reaches users through our own words, errors included."""
    import logging

    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity(logging.CRITICAL)
        library.utils.logging.disable_progress_bar()
