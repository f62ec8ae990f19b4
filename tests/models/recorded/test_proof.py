"""What is learnt of a pipeline is proved when it is loaded: every error in it is found, and refused with its reason."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cfgsweep.errors import UserError
from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.load import load_model
from cfgsweep.models.recorded.learn import Learnt
from cfgsweep.models.recorded.maps import InputMap, OutputMap
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.proof import prove
from cfgsweep.models.recorded.recording import Recording
from cfgsweep.models.source import Source
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny

Change = Callable[[Learnt], Learnt]


def changed(name: str, change: Change) -> RecordedPipeline:
    """A denoiser of which something else was learnt."""
    twin = copy.copy(recorded.denoiser(name))
    twin.learnt, twin._rows = change(twin.learnt), {}
    return twin


@dataclasses.dataclass(frozen=True)
class ChangedRows(Learnt):
    """Learnt with another value of some argument. change: of the arguments of a row."""

    change: Callable[[dict[str, Any]], dict[str, Any]] = dict

    def row(self, recording: Recording, step: int, role: Any) -> tuple[str, dict[str, Any]]:
        network, arguments = super().row(recording, step, role)
        return network, self.change(arguments)


def rows(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    return lambda learnt: ChangedRows(learnt.input, learnt.output, learnt.axes, learnt.places, change)


@dataclasses.dataclass(frozen=True)
class Flipped(InputMap):
    """The latents with their channels, or tokens, in reverse order."""

    def filled(self, row: dict[str, Any], latents: torch.Tensor) -> dict[str, Any]:
        return super().filled(row, latents.flip(1))


def flip(learnt: Learnt) -> Learnt:
    return dataclasses.replace(learnt, input=Flipped(**vars(learnt.input)))


def negate(learnt: Learnt) -> Learnt:
    return dataclasses.replace(learnt, output=OutputMap(-learnt.output.sign))


def swap(learnt: Learnt) -> Learnt:
    return dataclasses.replace(learnt, places={"cond": learnt.places["uncond"], "uncond": learnt.places["cond"]})


def scaled_time(arguments: dict[str, Any]) -> dict[str, Any]:
    (name,) = (name for name in ("timestep", "timesteps", "t") if name in arguments)
    return {**arguments, name: arguments[name] * 1.001}


def without_mask(arguments: dict[str, Any]) -> dict[str, Any]:
    (name,) = (name for name in arguments if "mask" in name)
    return {**arguments, name: torch.ones_like(arguments[name])}


def without_pooled(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "pooled_projections": torch.zeros_like(arguments["pooled_projections"])}


def doubled_size(arguments: dict[str, Any]) -> dict[str, Any]:
    added = arguments["added_cond_kwargs"]
    return {**arguments, "added_cond_kwargs": {**added, "time_ids": 2 * added["time_ids"]}}


CHANGES: dict[str, tuple[str, Change]] = {
    "the sign of the output": ("sdxl", negate),
    "the sign of packed outputs": ("flux", negate),
    "the rows of one call": ("sdxl", swap),
    "the rows of two calls": ("wan", swap),
    "the scale of time": ("sd3", rows(scaled_time)),
    "the scale of an integer time": ("sdxl", rows(scaled_time)),
    "a mask": ("pixart_sigma", rows(without_mask)),
    "the channels' order": ("sd3", flip),
    "the tokens' order": ("flux", flip),
    "pooled texts": ("flux", rows(without_pooled)),
    "the size of the original": ("sdxl", rows(doubled_size)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_learnt_wrongly_is_refused(what: str) -> None:
    name, change = CHANGES[what]
    assert prove(changed(name, lambda learnt: learnt), recorded.tried(name)).difference <= 1e-6
    with pytest.raises(Unsupported, match=r"its own guidance is not reproduced: off by [\d.]+ with '\w+'"):
        prove(changed(name, change), recorded.tried(name))


def doubled_latents(_: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    return args, {**given, "hidden_states": 2 * given["hidden_states"]}


def mixed_texts(_: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    texts = given["encoder_hidden_states"]
    return args, {**given, "encoder_hidden_states": texts - texts.mean(dim=0)}


def one_text(_: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    texts, pooled = given["encoder_hidden_states"], given["pooled_projections"]
    return args, {**given, "encoder_hidden_states": 0 * texts, "pooled_projections": 0 * pooled}


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (doubled_latents, "its latents are in no argument of its network"),
        (mixed_texts, "the arguments of a row depend on both its prompt and its negative prompt"),
        (one_text, "no argument of its network changes with the prompt"),
    ],
)
def test_what_a_pipeline_does_before_it_calls_its_network_is_refused(hook: Any, reason: str) -> None:
    pipeline = tiny.build("sd3")
    pipeline.transformer.register_forward_pre_hook(hook, with_kwargs=True)
    with pytest.raises(UserError, match=reason):
        recorded.recorded(pipeline, "sd3")


def test_a_pipeline_that_changes_its_networks_output_is_refused() -> None:
    pipeline = tiny.build("sd3")
    pipeline.transformer.register_forward_hook(lambda *call: (2 * call[-1][0],))
    with pytest.raises(UserError, match="its network's output is neither taken as it is nor negated"):
        recorded.recorded(pipeline, "sd3")


REASONS = {
    "luminanext": "the arguments of a row depend on both its prompt and its negative prompt",
    "latte": "its argument encoder_hidden_states is",
    "sana_sprint": "not what a model can predict",
    "prx": "the model cannot be run: The size of tensor a",
}


@pytest.mark.parametrize("name", [name if name == "luminanext" else recorded.slow(name) for name in REASONS])
def test_what_cannot_be_recorded_is_refused_in_words(name: str, tmp_path: Path) -> None:
    """At the command line, too: by a UserError with the reason and the pipeline's class."""
    tiny.save(name, tmp_path)
    with pytest.raises(UserError) as refused:
        load_model(Source("tiny", str(tmp_path)), recorded.compute()).check_sampling(recorded.tried(name))
    assert REASONS[name] in str(refused.value)
