"""Finds by experiment how a pipeline calls its network: where latents go, which row belongs to which text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded.arguments import equal
from cfgsweep.models.recorded.batch_axes import BatchAxes
from cfgsweep.models.recorded.maps import InputMap, OutputMap, find_input, find_output
from cfgsweep.models.recorded.recording import Recording

# Of different lengths, so that arguments whose length depends on both texts are seen to do so.
PROMPT, OTHER_PROMPT = "a cat", "some small dogs that run over a green field"
NEGATIVE, OTHER_NEGATIVE = "bad", "ugly and blurred in all of its corners"

Texts = str | list[str]  # of one picture, or of several
Role = Literal["cond", "uncond"]


@dataclass(frozen=True)
class RowPlace:
    """One row of the calls of a step. call: the number of the call in the step. row: the number in the call."""

    call: int
    row: int


@dataclass(frozen=True)
class Learnt:
    """How a pipeline calls its network. places: of the rows of the prompt and of the negative prompt."""

    input: InputMap
    output: OutputMap
    axes: BatchAxes
    places: dict[Role, RowPlace]

    def row(self, recording: Recording, step: int, role: Role) -> tuple[str, dict[str, Any]]:
        """The network and its arguments for one row of a step."""
        place = self.places[role]
        call = recording.calls_of(step)[place.call]
        return call.network, self.axes.row(call.arguments, place.row)


def learn(record: Callable[[Texts, Texts | None], Recording]) -> Learnt:
    """record: a recording for a prompt and a negative prompt, or for lists of as many, with random latents.

    Raises Unsupported where rows cannot be told apart, or depend on each other's texts.
    """
    first = record(PROMPT, NEGATIVE)
    if not first.samples or not first.calls:
        raise Unsupported("its scheduler takes no step, or its network is never called")
    placed, output = find_input(first), find_output(first)
    double = record([PROMPT, PROMPT], [NEGATIVE, NEGATIVE])
    pairs = zip(first.calls_of(0), double.calls_of(0), strict=True)
    axes = BatchAxes((one.arguments, two.arguments) for one, two in pairs)
    places = _places(placed, axes, first, record(OTHER_PROMPT, NEGATIVE), record(PROMPT, OTHER_NEGATIVE))
    return Learnt(placed, output, axes, places)


def _places(
    placed: InputMap, axes: BatchAxes, first: Recording, other_prompt: Recording, other_negative: Recording
) -> dict[Role, RowPlace]:
    """Which row changes with the prompt; the others are of the negative prompt, which some pipelines do not take."""
    places: dict[Role, RowPlace] = {}
    for number, calls in enumerate(zip(*(r.calls_of(0) for r in (first, other_prompt, other_negative)), strict=True)):
        for row in range(axes.rows(calls[0].arguments, placed.name)):
            base, by_prompt, by_negative = (_without(placed.name, axes.row(call.arguments, row)) for call in calls)
            moved = not equal(base, by_prompt), not equal(base, by_negative)
            if all(moved):
                raise Unsupported("the arguments of a row depend on both its prompt and its negative prompt")
            role: Role = "cond" if moved[0] else "uncond"
            places.setdefault(role, RowPlace(number, row))
    if "cond" not in places:
        raise Unsupported("no argument of its network changes with the prompt")
    return places


def _without(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {argument: value for argument, value in row.items() if argument != name}
