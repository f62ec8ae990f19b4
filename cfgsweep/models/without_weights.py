"""Pipelines whose parts are built from their configurations alone: no file of weights is read or has to be there.

Weights are on the meta device, where tensors have shapes and no values. Text encoders answer with numbers that depend
on the text and have the shape of their own output.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import pipelines
from diffusers.models.modeling_utils import no_init_weights
from torch import nn
from torch.utils._pytree import tree_map_only

from cfgsweep.errors import UserError
from cfgsweep.models.forward_pass import bound
from cfgsweep.models.shapes_alone import WithKnownValues

CONFIGURATIONS = ("*.json", "*.txt", "*.model", "*.jinja")  # of all parts of a pipeline on the hub, without weights
NOT_PROVED = (
    "no file of weights was read: whether they are there, whole, and fit is not known",
    "texts were encoded by stand-ins: what the text encoders themselves do is not known",
    "whether perturbations of layers, and LoRAs, change a prediction is tried with weights alone",
)


def pretrained_without_weights(pipeline: Any, folder: Path, dtype: torch.dtype, settings: Mapping[str, Any]) -> Any:
    """What `pipeline.from_pretrained` gives, without weights. dtype: of weights. settings: its arguments.

    Raises UserError for parts of other classes than those of diffusers and transformers.
    """
    kept = {name: value for name, value in settings.items() if name != "quantization_config"}  # how weights are kept
    left_out = {name for name, value in settings.items() if value is None}
    parts = dict(_parts(pipeline, folder, dtype, left_out))
    loaded = pipeline.from_pretrained(folder, **kept, **parts)
    loaded.__class__ = _on_cpu(type(loaded), "_execution_device")
    vars(loaded)["to"] = lambda *_, **__: loaded  # there is nothing to move
    return loaded


def _parts(pipeline: Any, folder: Path, dtype: torch.dtype, left_out: set[str]) -> Iterator[tuple[str, nn.Module]]:
    for name, entry in pipeline.load_config(folder).items():
        named = isinstance(entry, list | tuple) and len(entry) == 2 and all(isinstance(word, str) for word in entry)
        if not named or name in left_out:
            continue
        kind = _class(*entry)
        if isinstance(kind, type) and issubclass(kind, diffusers.ModelMixin):
            yield name, _network(kind, folder / name, dtype)
        elif isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel):
            yield name, _encoder(kind, folder / name, dtype)


def _class(library: str, name: str) -> Any:
    """The class of a part; only of libraries that are known, since a file can name any."""
    homes: dict[str, Any] = {"diffusers": diffusers, "transformers": transformers}
    home = homes.get(library) or (getattr(pipelines, library, None) if library.isidentifier() else None)
    found = getattr(home, name, None) if name.isidentifier() else None
    if found is None:
        raise UserError(
            "not a part that diffusers or transformers has", where="model_index.json", given=(library, name)
        )
    return found


def _network(kind: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    """A network or an autoencoder. Its buffers have their first values: pipelines read those of some autoencoders."""
    from accelerate import init_empty_weights  # which only this and trainings need

    with init_empty_weights(include_buffers=False), no_init_weights():
        network: nn.Module = kind.from_config(kind.load_config(folder))
    network.__class__ = _on_cpu(kind, "device")

    @functools.wraps(network.forward)
    def no_values(*_: Any, **__: Any) -> Any:
        """Called where the shape of the output was not found without weights."""
        problem = "the shape of this network's output depends on values that its weights give"
        raise UserError(problem, where=type(network).__name__, hint="check the model without --dry")

    vars(network)["forward"] = no_values
    return network.to(dtype).eval()


def _encoder(kind: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    config = kind.config_class.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"), no_init_weights():
        encoder: nn.Module = kind(config).to(dtype).eval()
    forward, known = encoder.forward, dict[tuple[int, ...], Any]()

    @functools.wraps(forward)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        seeds = _seeds([leaf for leaf in bound(encoder, args, kwargs).values() if isinstance(leaf, torch.Tensor)])
        if seeds not in known:
            with WithKnownValues():
                known[seeds] = forward(*args, **kwargs)
        return tree_map_only(torch.Tensor, functools.partial(_filled, seeds=seeds), known[seeds])

    vars(encoder)["forward"] = stand_in
    encoder.__class__ = _on_cpu(kind, "device")
    return encoder


def _on_cpu(kind: Any, name: str) -> Any:
    """A class of the same name whose property says that it is on the CPU, where pipelines then put their tensors."""
    return type(kind.__name__, (kind,), {name: property(lambda _: torch.device("cpu")), "__module__": kind.__module__})


def _seeds(inputs: Sequence[torch.Tensor]) -> tuple[int, ...]:
    """A number for every row that depends on all that an encoder is given of it. inputs: the texts' tokens first."""
    rows = len(inputs[0])
    digests = [hashlib.sha256() for _ in range(rows)]
    for given in inputs:
        for digest, row in zip(digests, given if len(given) == rows else given.expand(rows, *given.shape), strict=True):
            digest.update(repr(row.tolist()).encode())
    return tuple(int.from_bytes(digest.digest()[:7], "big") for digest in digests)


def _filled(like: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    """A tensor of this shape and type: its rows are random numbers that depend on their seeds alone."""
    if not like.is_floating_point() or like.device.type != "meta":
        return like
    if len(like) != len(seeds):
        raise NotImplementedError(f"an encoder's output of {len(like)} rows for {len(seeds)} texts")
    shape, generators = like.shape[1:], (torch.Generator().manual_seed(seed) for seed in seeds)
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators]).to(like.dtype)
