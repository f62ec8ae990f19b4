"""Another autoencoder in the place of a model's own: `vae` in sweep files."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from cfgsweep.errors import CfgsweepError, UserError, shorten
from cfgsweep.models.denoiser import Denoiser, NotFinite
from cfgsweep.models.source import HUB_ID, check_indices, exists, in_dtype, local_path, read_json
from cfgsweep.system.quiet import quiet_libraries

FILES = ("config.json", "diffusion_pytorch_model*.safetensors*")
NOT_LOADED = ("*.fp16*", "*.non_ema*")  # variants
CONFIG = "config.json"


def vae_folder(name: str) -> Path:
    """The folder of an autoencoder, or of the one in a pipeline's folder. Files on the hub are downloaded.

    Raises UserError where there is none.
    """
    place = local_path(name)
    if not exists(place) and HUB_ID.fullmatch(name) and not name.startswith("."):
        place = _downloaded(name)
    for folder in (place, place / "vae"):
        if exists(folder / CONFIG):
            return folder
    raise UserError("no autoencoder's folder, and no pipeline's with one", where="vae", given=name)


def _downloaded(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [*FILES, *(f"vae/{file}" for file in FILES)]
    try:
        with quiet_libraries("huggingface_hub"):
            return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=list(NOT_LOADED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        problem = f"neither cached nor downloadable: {shorten(str(error))}"
        raise UserError(problem, where="vae", given=name) from None


def load_vae(name: str, dtype: torch.dtype, device: str) -> Any:
    """An autoencoder of diffusers, from safetensors alone. Raises UserError where it cannot be loaded."""
    import diffusers

    folder = vae_folder(name)
    kind = str(read_json(folder / CONFIG).get("_class_name"))
    found: Any = getattr(diffusers, kind, None) if kind.isidentifier() else None
    known = inspect.isclass(found) and issubclass(found, diffusers.ModelMixin) and hasattr(found, "decode")
    if not known:
        raise UserError("not an autoencoder of the installed diffusers", where="vae", given=f"{name}: {kind}")
    check_indices(folder, "*.index.json")
    try:
        with quiet_libraries("diffusers"):
            loaded = found.from_pretrained(folder, **in_dtype(dtype), use_safetensors=True, local_files_only=True)
    except Exception as error:  # diffusers has no common exception for damaged folders
        raise UserError(f"cannot be loaded: {shorten(str(error), 300)}", where="vae", given=name) from None
    return loaded.requires_grad_(False).eval().to(device)


def require_same_pictures(name: str, own: Denoiser, other: Denoiser, latents: torch.Tensor, *sampler: Any) -> None:
    """Raises UserError unless a denoiser with this autoencoder decodes latents to a picture of the same size."""
    wanted = own.decode(latents, *sampler).size
    try:
        found = other.decode(latents, *sampler).size
    except (CfgsweepError, NotFinite) as error:
        problem = f"the model's latents cannot be decoded by it: {shorten(str(error))}"
        raise UserError(problem, where="vae", given=name) from None
    if found != wanted:
        given, allowed = (f"{width}x{height}" for width, height in (found, wanted))
        raise UserError("its pictures have another size", where="vae", given=f"{name}: {given}", allowed=allowed)
