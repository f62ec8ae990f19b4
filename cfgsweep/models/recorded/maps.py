"""How latents become an argument of the network, and how its output becomes the scheduler's prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded.arguments import Path, leaves
from cfgsweep.models.recorded.recording import Recording, copied_scheduler
from cfgsweep.samplers import direction_of

Way = Literal["same", "reshaped", "first"]


@dataclass(frozen=True)
class InputMap:
    """The place of the latents among the network's arguments.

    path: of the argument of the first row. scaled: whether the scheduler's `scale_model_input` is applied before.
    way: "same": as they are; "reshaped"; "first": the first channels (or tokens) of a longer tensor, along `axis`.
    """

    path: Path
    scaled: bool
    way: Way
    axis: int = 1

    @property
    def name(self) -> str:
        """The argument's name."""
        return str(self.path[0])

    @property
    def listed(self) -> bool:
        """Whether the argument is a list with one tensor per row."""
        return len(self.path) > 1

    def filled(self, row: dict[str, Any], latents: torch.Tensor) -> dict[str, Any]:
        """The row's arguments with these latents [1, ...] in their place."""
        template = row[self.name][0] if self.listed else row[self.name]
        value = self._placed(template, latents.to(template.dtype))
        return {**row, self.name: [value] if self.listed else value}

    def _placed(self, template: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        match self.way:
            case "same":
                return latents
            case "reshaped":
                return latents.reshape(template.shape)
        count = latents.shape[self.axis]
        rest = template.narrow(self.axis, count, template.shape[self.axis] - count)
        return torch.cat([latents, rest], dim=self.axis)


def find_input(recording: Recording) -> InputMap:
    """The place of the latents, found by equality at every step of a recording with random latents.

    In half precision and at little noise, scaled and unscaled latents can be equal at one step. Raises Unsupported
    where there is no such place.
    """
    firsts = [recording.calls_of(step)[0].arguments for step in range(len(recording.samples))]
    for path, leaf in leaves(firsts[0]):
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and len(path) <= 2:
            found = [dict(leaves(arguments)).get(path) for arguments in firsts]
            for scaled in (False, True):
                shown = _network_inputs(recording, scaled)
                ways = {_way(place, latents) for place, latents in zip(found, shown, strict=True)}
                if len(ways) == 1 and (way := ways.pop()) is not None:
                    return InputMap(path, scaled, *way)
    raise Unsupported("its latents are in no argument of its network, neither as they are nor scaled or reshaped")


def _network_inputs(recording: Recording, scaled: bool) -> list[torch.Tensor]:
    """The latents of every step as the scheduler would scale them."""
    if not scaled:
        return recording.samples
    if not hasattr(recording.scheduler, "scale_model_input"):
        return [torch.empty(0)] * len(recording.samples)
    shown, first = [], getattr(recording.scheduler, "_begin_index", None) or 0
    for step, sample in enumerate(recording.samples, first):
        scheduler = copied_scheduler(recording.scheduler)
        if hasattr(scheduler, "_step_index"):
            scheduler._step_index = step
        shown.append(scheduler.scale_model_input(sample, scheduler.timesteps[step]))
    return shown


def _way(leaf: Any, latents: torch.Tensor) -> tuple[Way, int] | None:
    """How the latents' first row lies in an argument, and along which axis it is longer."""
    if not isinstance(leaf, torch.Tensor) or latents.ndim < 2:
        return None
    row = latents[:1].to(leaf.dtype)
    if leaf.shape[1:] == row.shape[1:] and torch.equal(leaf[:1], row):
        return "same", 1
    if leaf.numel() == row.numel() and torch.equal(leaf.flatten(), row.flatten()):
        return "reshaped", 1
    if leaf.ndim != row.ndim:
        return None
    axis = _longer_axis(leaf[0], row[0].shape)
    if axis is not None and torch.equal(leaf[0].narrow(axis, 0, row[0].shape[axis]), row[0]):
        return "first", axis + 1
    return None


def _longer_axis(longer: torch.Tensor, shape: torch.Size) -> int | None:
    """The only axis in which a tensor differs from a shape, where it is longer there."""
    if longer.ndim != len(shape):
        return None
    axes = [axis for axis, side in enumerate(shape) if longer.shape[axis] != side]
    return axes[0] if len(axes) == 1 and longer.shape[axes[0]] > shape[axes[0]] else None


@dataclass(frozen=True)
class OutputMap:
    """The scheduler's prediction from the network's output: its sign, and the part of it that is the prediction."""

    sign: Literal[1, -1]

    def prediction(self, output: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """The prediction of one row, float32 with the shape of the latents [1, ...]. output: without its batch axis."""
        return self.sign * next(_parts(output, latents.shape[1:])).float()[None]


def find_output(recording: Recording) -> OutputMap:
    """The map of a recording in which every row was answered alike, so that guidance changed nothing.

    The prediction is one of `samplers`, which have their own sign for schedulers whose time runs backwards. Raises
    Unsupported where there is none.
    """
    output = recording.answers[-1][0][0]
    given = direction_of(recording.scheduler) * recording.predictions[-1][0].float()
    for sign in (1, -1):
        for part in _parts(output, given.shape):
            if torch.equal(sign * part.float(), given):
                return OutputMap(sign)
    shapes = f"{tuple(output.shape)} becomes {tuple(given.shape)}"
    raise Unsupported(f"its network's output is neither taken as it is nor negated, cut or reshaped: {shapes}")


def _parts(output: torch.Tensor, shape: torch.Size) -> Iterator[torch.Tensor]:
    """What a prediction of this shape can be of one row's output: all of it, reshaped, its first channels or tokens."""
    if output.shape == shape:
        yield output
    elif output.numel() == shape.numel():
        yield output.reshape(shape)
    elif (axis := _longer_axis(output, shape)) is not None:
        yield output.narrow(axis, 0, shape[axis])
