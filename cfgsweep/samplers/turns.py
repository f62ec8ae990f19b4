"""Ways of a sampling that leave the usual one: a U-turn of the finished picture, a fork at a step. No torch."""

from __future__ import annotations

from typing import NamedTuple

from cfgsweep.samplers.from_picture import PictureFile, performed_steps
from cfgsweep.samplers.table import SAMPLERS


class UTurn(NamedTuple):
    """A picture is noised again to a level, and denoised from there. Behjoo and Chertkov 2026, arXiv 2602.04404.

    noise: the share of the steps, the last ones, that are taken again: the level is where the first of them begins.
    seed: tells U-turns of one picture apart: the noise is drawn by it and by the experiment's seed.
    image: the file of the picture; None for the one that the experiment makes without the U-turn.
    """

    noise: float
    seed: int = 0
    image: PictureFile | None = None

    def taken_again(self, steps: int) -> int:
        """How many steps are taken again; 0 where the noise is too little for one."""
        return performed_steps(steps, self.noise, rounds_up=False)


class Fork(NamedTuple):
    """The way of a latent is split at a step by random numbers of its own.

    at: a share of the steps if below 1, else how many steps are taken before it. seed: of those random numbers, beside
    the experiment's. amount: the part of the noise's variance in the latents that is drawn anew, of samplers that draw
    none themselves; None is half.
    """

    at: float
    seed: int = 0
    amount: float | None = None

    def step(self, steps: int) -> int:
        """The step before which the way is split, from 0."""
        return round(self.at * steps) if self.at < 1 else int(self.at)


HALF = 0.5  # the default of `amount`


class Restart(NamedTuple):
    """What happens to the latents between two calls of the denoiser, before a new sampler goes on.

    call: the call of the sampler's whole way with which it goes on.
    seed: see `UTurn` and `Fork`. renewed: the part of the noise's variance that is drawn anew, at a noise level that
    stays; None where noise is added to a finished picture.
    """

    call: int
    seed: int
    renewed: float | None = None


def restart_of_turn(turn: UTurn, sampler: str, steps: int) -> Restart:
    """The restart of a U-turn that takes a step or more again."""
    calls = SAMPLERS[sampler].steps_of_calls(steps)
    return Restart(calls.index(steps - turn.taken_again(steps)), turn.seed)


def restart_of_fork(fork: Fork, sampler: str, steps: int) -> Restart:
    """The restart of a fork between two steps."""
    kind = SAMPLERS[sampler]
    amount = 0.0 if kind.draws else HALF if fork.amount is None else fork.amount
    return Restart(kind.steps_of_calls(steps).index(fork.step(steps)), fork.seed, amount)
