"""Runs a diffusers pipeline with its network and its scheduler's steps replaced, and records what passes between them.

The pipeline's own code prepares texts, latents, timesteps and the network's arguments, and decodes the last latents;
nothing of it is written again here. The network's place is taken by a function that answers at no cost.
"""

from __future__ import annotations

import copy
import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cfgsweep.models.recorded.arguments import copied

NETWORK_NAMES = ("unet", "transformer", "prior")  # how the names of a pipeline's denoising networks begin


class Stopped(Exception):
    """Ends a recording before the pipeline has."""


class Output(tuple[Any, ...]):
    """What networks and schedulers return, whether a pipeline takes it by index or by name."""

    sample = prev_sample = property(lambda self: self[0])


@dataclass(frozen=True)
class NetworkCall:
    """One call of a network. step: how many steps the scheduler had taken before it."""

    network: str
    arguments: dict[str, Any]
    step: int


@dataclass
class Recording:
    """What a pipeline handed to its networks and to its scheduler.

    copies: whether the arguments of calls are copies.
    answers: what the networks' stand-in returned, by step and call.
    samples, predictions: the latents and the prediction that the scheduler was given, by step.
    timesteps: that the scheduler was given, by step.
    scheduler: a copy, with its timesteps set, before its first step. step_options: further arguments of its steps.
    size: width and height in pixels, where the pipeline tells `prepare_latents`.
    result: what the pipeline returned; None where it was stopped.
    """

    copies: bool = False
    calls: list[NetworkCall] = field(default_factory=list)
    answers: list[list[Any]] = field(default_factory=list)
    samples: list[torch.Tensor] = field(default_factory=list)
    predictions: list[torch.Tensor] = field(default_factory=list)
    timesteps: list[Any] = field(default_factory=list)
    scheduler: Any = None
    step_options: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    result: Any = None

    def calls_of(self, step: int) -> list[NetworkCall]:
        """The calls of the networks for one step of the scheduler."""
        return [call for call in self.calls if call.step == step]


Answer = Callable[[Recording, NetworkCall], Any]  # in the network's place: its output
Advance = Callable[[Recording, torch.Tensor], torch.Tensor]  # after a step: the next latents, from the scheduler's own


def networks_of(pipeline: Any) -> dict[str, nn.Module]:
    """The pipeline's denoising networks by their names, such as 'unet' or 'transformer_2'."""
    parts = pipeline.components.items()
    return {
        name: part for name, part in parts if isinstance(part, nn.Module) and name.removesuffix("_2") in NETWORK_NAMES
    }


def record(
    pipeline: Any,
    call: Mapping[str, Any],
    answer: Answer,
    advance: Advance | None = None,
    take_steps: bool = True,
    copies: bool = False,
) -> Recording:
    """Calls the pipeline with `call`, in this thread; calls of its networks from other threads are not affected.

    advance: gives the latents after a step; those of the scheduler if None.
    take_steps: if not, the recording ends when the scheduler is given its first latents, before any noise is drawn for
        a step.
    copies: whether arguments are copied: some pipelines write the next latents into those that the network was given.
    """
    recording = Recording(copies)
    step = _watched_step(pipeline, recording, advance, take_steps)
    with ExitStack() as replacements:
        for name, network in networks_of(pipeline).items():
            forward = _stand_in(pipeline, name, network, recording, answer)
            replacements.enter_context(replaced(network, "forward", forward))
        replacements.enter_context(replaced(pipeline.scheduler, "step", step))
        if hasattr(pipeline, "prepare_latents"):
            replacements.enter_context(replaced(pipeline, "prepare_latents", _watched_size(pipeline, recording)))
        with torch.inference_mode(), suppress(Stopped):
            recording.result = pipeline(**call)
    return recording


@contextmanager
def replaced(target: Any, name: str, value: Any) -> Iterator[None]:
    """Sets an attribute of the object itself within the block; modules and pipelines define __setattr__."""
    attributes = vars(target)
    had, before = name in attributes, attributes.get(name)
    attributes[name] = value
    try:
        yield
    finally:
        if had:
            attributes[name] = before
        else:
            del attributes[name]


def _stand_in(pipeline: Any, name: str, network: nn.Module, recording: Recording, answer: Answer) -> Any:
    """The function that takes the place of a network's forward."""
    own_forward, signature = network.forward, inspect.signature(type(network).forward)
    thread = threading.get_ident()

    @functools.wraps(own_forward)
    def forward(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return own_forward(*args, **kwargs)
        arguments = dict(signature.bind(network, *args, **kwargs).arguments)
        del arguments["self"]
        arguments.update(arguments.pop("kwargs", {}))
        if recording.scheduler is None:
            recording.scheduler = copied_scheduler(pipeline.scheduler)
        if recording.copies:
            arguments = copied(arguments)
        call = NetworkCall(name, arguments, len(recording.samples))
        recording.calls.append(call)
        recording.answers.extend([] for _ in range(call.step + 1 - len(recording.answers)))
        output = answer(recording, call)
        recording.answers[-1].append(output)
        return Output((output,))

    forward.__signature__ = inspect.signature(own_forward)  # type: ignore[attr-defined]  # some pipelines read it
    return forward


def _watched_step(pipeline: Any, recording: Recording, advance: Advance | None, take_steps: bool) -> Any:
    step = pipeline.scheduler.step
    signature = inspect.signature(step)

    @functools.wraps(step)
    def watched(*args: Any, **kwargs: Any) -> Any:
        given = dict(signature.bind(*args, **kwargs).arguments)
        recording.predictions.append(given["model_output"].clone())
        recording.samples.append(given["sample"].clone())  # some pipelines write into it
        recording.timesteps.append(given["timestep"])
        known = ("model_output", "timestep", "sample", "generator", "return_dict")
        recording.step_options = {name: value for name, value in given.items() if name not in known}
        if not take_steps:
            raise Stopped
        following = step(*args, **kwargs)  # also where `advance` replaces its result: the scheduler counts its steps
        return Output((advance(recording, following[0]) if advance else following[0], *following[1:]))

    watched.__signature__ = signature  # type: ignore[attr-defined]
    return watched


def _watched_size(pipeline: Any, recording: Recording) -> Any:
    prepare = pipeline.prepare_latents
    signature = inspect.signature(prepare)

    @functools.wraps(prepare)
    def preparing(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        if isinstance(given.get("width"), int) and isinstance(given.get("height"), int):
            recording.size = given["width"], given["height"]
        return prepare(*args, **kwargs)

    return preparing


def copied_scheduler(scheduler: Any) -> Any:
    """A copy of a scheduler with its state, and without the replacements of a recording."""
    twin = copy.copy(scheduler)
    state = {name: value for name, value in vars(scheduler).items() if name != "step"}
    vars(twin).clear()
    vars(twin).update(copy.deepcopy(state))
    return twin
