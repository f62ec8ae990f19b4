"""How a model is loaded: the `load:` block of a sweep file, settings that are passed on to diffusers."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from cfgsweep.errors import UserError


def _no_code_of_the_hub(backend: str) -> str:
    if backend.lower().endswith("_hub"):
        raise UserError("this backend is code from the hub", given=backend, hint="name one that is installed")
    return backend


def _named_throughout(given: Any) -> Any:
    """Refuses mappings whose keys are no texts, also within the values: they could be part of no id."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(key, str):
                raise UserError("not the name of a setting", given=key, allowed="text")
            _named_throughout(value)
    elif isinstance(given, list):
        for value in given:
            _named_throughout(value)
    return given


class Quantization(BaseModel):
    """The arguments of diffusers' `PipelineQuantizationConfig`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quant_backend: str = Field(description="such as bitsandbytes_4bit, torchao or quanto; its package has to be there")
    quant_kwargs: Annotated[dict[str, Any], AfterValidator(_named_throughout)] = Field(
        description="arguments of the backend's configuration"
    )
    components_to_quantize: list[str] = Field([], description="parts of the pipeline, such as transformer")


CHANGES_NO_PIXEL = ("offload", "free_encoders", "vae_slicing")


class LoadSettings(BaseModel):
    """Settings of a recorded pipeline. Those that can change its pixels are part of ids."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantization: Quantization | None = Field(None, description="of weights, while they are loaded")
    offload: Literal["none", "group", "model"] = Field(
        "none", description="what waits in main memory between its calls: group: layers, model: whole networks"
    )
    free_encoders: StrictBool = Field(False, description="encode all texts first, and let go of text encoders then")
    layerwise_casting: Literal["none", "fp8"] = Field("none", description="fp8: how the network's weights are kept")
    vae_tiling: StrictBool = Field(False, description="decode in tiles")
    vae_slicing: StrictBool = Field(False, description="decode one picture at a time")
    attention: Annotated[str, AfterValidator(_no_code_of_the_hub)] | None = Field(
        None, description="diffusers' name of an attention backend, such as native"
    )

    def spec(self) -> dict[str, Any]:
        """The settings as a sweep file has them."""
        return self.model_dump(exclude_defaults=True)

    def id_settings(self) -> tuple[tuple[str, str], ...]:
        """Those that can change pixels, as names and JSON."""
        given = {name: value for name, value in self.spec().items() if name not in CHANGES_NO_PIXEL}
        return tuple((name, json.dumps(given[name], sort_keys=True, default=str)) for name in sorted(given))
