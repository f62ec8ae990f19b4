"""The LoRA adapters of a pipeline: loaded once a file, and switched between calls of the network.

Switching changes the network's modules for all threads. Calls with one choice of adapters run at the same time; those
with another wait until they are done.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.recorded.lora_file import checked_lora_file
from cfgsweep.models.recorded.recording import replaced
from cfgsweep.models.recorded.turns import Turns
from cfgsweep.samplers import Loras
from cfgsweep.system.quiet import quiet_libraries

# By this, pipelines of Flux put wider weights in the place of the model's own; without it, such files do not fit.
WIDEN = "_maybe_expand_transformer_param_shape_or_error_"
LOCAL = {"use_safetensors": True, "local_files_only": True}


class Adapters:
    """Adapters are loaded when they are first used. Without any, the pipeline is left as it is."""

    def __init__(self, pipeline: Any):
        self.pipeline = pipeline
        self._names: dict[str, str] = {}  # of adapters, by their files
        self._tried = 0
        self._turns = Turns((), self._switch)

    def using(self, loras: Loras) -> AbstractContextManager[None]:
        """Within the block the pipeline's parts have these adapters and no others.

        Blocks of one thread may be nested only with the same adapters. Raises UserError where a file is no LoRA of this
        pipeline.
        """
        return self._turns.taken(loras)

    def _switch(self, loras: Loras) -> None:
        for lora in loras:
            if lora.file not in self._names:
                self._load(lora.file)
        if loras:
            self.pipeline.enable_lora()
            self.pipeline.set_adapters([self._names[lora.file] for lora in loras], [lora.scale for lora in loras])
        elif self._tried:
            self.pipeline.disable_lora()

    def _load(self, file: str) -> None:
        if not hasattr(self.pipeline, "load_lora_weights"):
            problem = f"a {type(self.pipeline).__name__} of diffusers takes no LoRA"
            raise UserError(problem, where="lora", given=file)
        if find_spec("peft") is None:
            raise UserError("peft is not installed", where="lora", given=file, hint="pip install 'cfgsweep[lora]'")
        parts = [part for part in self.pipeline.components.values() if isinstance(part, nn.Module)]
        if any(weight.dtype == torch.float8_e4m3fn for part in parts for weight in part.parameters()):
            problem = "with layerwise_casting, the LoRA's own weights would be rounded to fp8, too"
            raise UserError(problem, where="lora", given=file)
        path, name = checked_lora_file(file), f"lora{self._tried}"
        self._turns.current, self._tried = None, self._tried + 1  # where loading fails, no choice is the current one
        try:
            # The libraries list every weight of other adapters.
            with (
                quiet_libraries("diffusers", "transformers"),
                warnings.catch_warnings(action="ignore"),
                replaced(self.pipeline, WIDEN, lambda *_: False),
            ):
                self.pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name, **LOCAL)
        except Exception as error:  # diffusers and peft have no common exception for files that do not fit
            problem = f"not a LoRA of this model: {shorten(str(error), 300)}"
            raise UserError(problem, where="lora", given=file) from None
        if not any(name in names for names in self.pipeline.get_list_adapters().values()):
            raise UserError("not a LoRA of this model: none of its weights fit", where="lora", given=file)
        self._names[file] = name


def is_of_adapter(parameter: str) -> bool:
    """Whether a parameter with this name is one of an adapter."""
    return ".lora_" in parameter
