"""Pipelines whose weights, or those of their network alone, are in one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError

from cfgsweep.errors import UserError
from cfgsweep.models.source import Source, in_dtype, read_json

NETWORKS = ("transformer", "unet")


def of_file(pipeline: Any, source: Source, dtype: torch.dtype, settings: Mapping[str, Any]) -> Any:
    """The pipeline of a file. Parts that are not in it are those of the model that has its configuration.

    pipeline: a class of diffusers. settings: further arguments of its `from_single_file`. Raises UserError where it has
    no network that could be in a file.
    """
    configuration = source.configuration
    if hasattr(pipeline, "from_single_file"):
        place = {} if configuration is None else {"config": configuration.place}
        try:
            return pipeline.from_single_file(source.place, **place, **in_dtype(dtype), **settings)
        except SingleFileComponentError:  # it has the network alone
            pass
    if configuration is None:
        raise UserError("it is not known which model it is a part of", where="model", given=source.name)
    index = read_json(configuration.file("model_index.json"))
    part = next((name for name in NETWORKS if name in index), None)
    kind: Any = getattr(diffusers, str(index[part][1]), None) if part else None
    if part is None or not hasattr(kind, "from_single_file"):
        raise UserError(f"diffusers loads no {pipeline.__name__} from one file", where="model", given=source.name)
    network = kind.from_single_file(source.place, config=configuration.place, subfolder=part, **in_dtype(dtype))
    return configuration.pretrained(pipeline, dtype, **{part: network}, **settings)
