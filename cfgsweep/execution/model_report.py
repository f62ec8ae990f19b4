"""What `cfgsweep check` tells of a model: how it is called, which samplers it takes, what of it can be swept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import diffusers
from torch import nn

from cfgsweep.errors import UserError
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import choose
from cfgsweep.models.load import load_model, load_without_weights
from cfgsweep.models.network import NetworkDenoiser
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.recorder import NATIVE
from cfgsweep.models.recorded.task import tasks_of
from cfgsweep.models.source import SINGLE_FILE, Source
from cfgsweep.models.transformer_blocks import block_stacks, layer_names, named_blocks
from cfgsweep.models.without_weights import NOT_PROVED
from cfgsweep.samplers import SAMPLERS, Sampling, Task, predicted_by
from cfgsweep.system.display import aligned, html_table


@dataclass(frozen=True)
class ModelReport:
    """What is known of a loaded model.

    calls: of its networks for one step of the pipeline's own guidance. own_guidance: the name of its formula.
    refused: by the names of samplers why they are not taken. inputs: of the pipeline's call that can be axes.
    tasks: further ones, for which diffusers has a pipeline with the model's parts.
    difference: the largest one between the pipeline's predictions and latents and ours, without the network; None for
        models that cfgsweep does not record.
    not_proved: what is not known without weights.
    """

    name: str
    pipeline: str
    predicts: str
    native_size: tuple[int, int]
    networks: list[str]
    calls: int
    own_guidance: str
    samplers: list[str]
    refused: dict[str, str]
    layers: list[str]
    inputs: list[str]
    lora: bool
    tasks: list[Task]
    difference: float | None
    not_proved: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "pipeline", f"{self.pipeline}, diffusers {diffusers.__version__}"
        yield "predicts", self.predicts
        yield "native size", f"{self.native_size[0]} x {self.native_size[1]}"
        yield "networks", ", ".join(self.networks)
        yield "calls a step", f"{self.calls}, in the pipeline alone"
        yield "own guidance", self.own_guidance
        yield "samplers", ", ".join(self.samplers)
        yield from ((f"  not {name}", reason) for name, reason in self.refused.items())
        yield "layers", ", ".join(self.layers) or "none that can be perturbed"
        yield "inputs (call:)", ", ".join(self.inputs) or "none"
        yield "LoRA", "yes" if self.lora else "no"
        yield "further tasks", ", ".join(self.tasks) or "none"
        if self.difference is not None:
            yield "difference", f"{self.difference:.2g} between the pipeline and cfgsweep, without the network"
        yield from (("not proved" if number == 0 else "", what) for number, what in enumerate(self.not_proved))

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"  {line}" for line in aligned(list(self._rows())))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self._rows(), caption=self.name)


def of_model(source: Source, device: str, dtype: str) -> ModelReport:
    """The report of a model with its weights. Raises UserError where it cannot be loaded or run."""
    return report(load_model(source, choose(device, dtype)))


def without_weights(source: Source, dtype: str) -> ModelReport:
    """The report of a model that is built from its configurations. Raises UserError where it cannot be run.

    dtype: of its weights if it had them.
    """
    if source.single_file:
        raise UserError("a single file has its configuration in its weights", where="--dry", given=source.name)
    return replace(report(load_without_weights(source, dtype)), not_proved=NOT_PROVED)


def report(denoiser: Denoiser) -> ModelReport:
    """Tries every sampler for a few steps. Raises UserError where the model cannot be run."""
    if isinstance(denoiser, RecordedPipeline):
        return _of_recorded(denoiser)
    assert isinstance(denoiser, NetworkDenoiser)
    return ModelReport(
        **_of_any(denoiser, NATIVE),
        pipeline=f"a family of its own, {type(denoiser).__name__}",
        networks=[type(denoiser.network).__name__],
        calls=1,
        layers=_layers({"network": denoiser.network}),
        inputs=[],
        lora=denoiser.conditioned_on == "prompt",  # see `recorded_where_possible`
        tasks=tasks_of(SINGLE_FILE) if denoiser.conditioned_on == "prompt" else [],
        difference=None,
    )


def _of_recorded(denoiser: RecordedPipeline) -> ModelReport:
    recorder, tried = denoiser.recorder, denoiser.tried
    denoiser.check_sampling(tried)
    return ModelReport(
        **_of_any(denoiser, tried),
        pipeline=type(recorder.pipeline).__name__,
        networks=[f"{name} ({type(network).__name__})" for name, network in recorder.networks.items()],
        calls=1 + max(place.call for place in denoiser.learnt.places.values()),
        layers=_layers(recorder.networks),
        inputs=sorted(recorder.call.plain_inputs),
        lora=hasattr(recorder.pipeline, "load_lora_weights"),
        tasks=tasks_of(type(recorder.pipeline).__name__),
        difference=denoiser.proofs[tried].difference,
    )


def _of_any(denoiser: Denoiser, tried: Sampling) -> dict[str, Any]:
    """What is known of all models. tried: how samplers are tried."""
    taken, refused = _samplers(denoiser, tried)
    return {
        "name": denoiser.name,
        "predicts": predicted_by(denoiser.scheduler_config),
        "native_size": denoiser.native_size,
        "own_guidance": denoiser.own_formula,
        "samplers": taken,
        "refused": refused,
    }


def _samplers(denoiser: Denoiser, tried: Sampling) -> tuple[list[str], dict[str, str]]:
    """The names of the samplers that the model takes, and the reasons why it does not take the others."""
    taken, refused = [], {}
    for name in SAMPLERS:
        try:
            denoiser.check_sampling(replace(tried, sampler=name))
        except UserError as error:
            refused[name] = error.problem
        else:
            taken.append(name)
    return taken, refused


def _layers(networks: Mapping[str, nn.Module]) -> list[str]:
    """The names of the layers that perturbations take, of all networks."""
    found: dict[str, None] = {}
    for network in networks.values():
        if hasattr(network, "down_blocks") or not (stacks := block_stacks(network)):
            found |= dict.fromkeys(layer_names(named_blocks(network)))
        else:
            found |= dict.fromkeys(f"{name} (0 to {len(stack) - 1})" for name, stack in stacks.items())
    return list(found)
