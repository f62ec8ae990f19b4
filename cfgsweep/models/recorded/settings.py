"""Applies `load:` settings to a pipeline, each by the function that diffusers has for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.device import Compute
from cfgsweep.models.load_settings import LoadSettings, Quantization
from cfgsweep.models.recorded.encoders import check_encoders
from cfgsweep.models.recorded.recording import networks_of


def quantization_config(given: Quantization) -> Any:
    """diffusers' object for these settings. Raises UserError where diffusers refuses them."""
    from diffusers import PipelineQuantizationConfig

    parts = given.components_to_quantize or None
    try:
        return PipelineQuantizationConfig(given.quant_backend, given.quant_kwargs, parts)
    except (ValueError, TypeError, ImportError, KeyError) as error:
        problem = f"not a quantization that diffusers knows here: {shorten(str(error), 300)}"
        raise UserError(problem, where="load.quantization", given=given.quant_backend) from None


def apply_settings(pipeline: Any, settings: LoadSettings, compute: Compute) -> None:
    """Changes the pipeline. Raises UserError where it, or this machine, has no such thing."""
    networks = networks_of(pipeline).values()
    for name, wanted in (("tiling", settings.vae_tiling), ("slicing", settings.vae_slicing)):
        if wanted:
            _call(getattr(pipeline, "vae", None), f"enable_{name}", f"load.vae_{name}")
    for network in networks:
        if settings.attention is not None:
            _set_attention(network, settings.attention)
        if settings.layerwise_casting == "fp8":
            types = {"storage_dtype": torch.float8_e4m3fn, "compute_dtype": compute.dtype}
            _call(network, "enable_layerwise_casting", "load.layerwise_casting", **types)
    if settings.offload == "group":
        device = torch.device(compute.device)
        _call(pipeline, "enable_group_offload", "load.offload", onload_device=device, offload_type="leaf_level")
    elif settings.offload == "model":
        _call(pipeline, "enable_model_cpu_offload", "load.offload", device=compute.device)
    if settings.free_encoders:
        check_encoders(pipeline)


def _set_attention(network: nn.Module, backend: str) -> None:
    _call(network, "set_attention_backend", "load.attention", backend=backend)
    chosen = {getattr(getattr(part, "processor", None), "_attention_backend", None) for part in network.modules()}
    if not any(getattr(one, "value", None) == backend.lower() for one in chosen):
        raise UserError("no attention of this model is changed by it", where="load.attention", given=backend)


def _call(part: Any, name: str, key: str, **settings: Any) -> None:
    if not hasattr(part, name):
        problem = f"a {type(part).__name__} has no such setting" if part is not None else "there is no autoencoder"
        raise UserError(problem, where=key)
    try:
        getattr(part, name)(**settings)
    except (ValueError, TypeError, AttributeError, ImportError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"refused by diffusers: {shorten(str(error), 600)}", where=key) from None


def take_over_ways(own: Any, other: Any) -> None:
    """Has another autoencoder decode in tiles or slices where a pipeline's own one does."""
    for name in ("tiling", "slicing"):
        if getattr(own, f"use_{name}", False):
            _call(other, f"enable_{name}", f"load.vae_{name}")
