"""Model families and the bundled weights. `load` is the way in; it imports torch only when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.source import Source

if TYPE_CHECKING:
    from cfgsweep.device import Compute
    from cfgsweep.models.base import Denoiser


def load(source: Source, compute: Compute) -> Denoiser:
    """Load a model; a UserError says what is wrong with it."""
    quieten_libraries()
    from cfgsweep.models.stable_diffusion import StableDiffusion

    try:
        return StableDiffusion.load(source, compute)
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "weights as pickles are refused; --allow-pickle loads them" if "safetensors" in str(error) else ""
        problem = f"the model cannot be loaded: {shorten(str(error), 300)}"
        raise UserError(problem, where="model", given=source.name, hint=hint) from None


def quieten_libraries() -> None:
    """diffusers and transformers greet their users at length; what matters reaches ours through our own words."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
