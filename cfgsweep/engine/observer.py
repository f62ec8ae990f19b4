"""What can be seen of a run of the engine while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfgsweep.sweep.experiment import Experiment

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Tally:
    """The work done so far. Rows include padding; evaluations are the rows that some experiment needs."""

    evaluations: int = 0
    batches: int = 0
    rows: int = 0


class EngineObserver:
    """Is called as a run of the engine goes on. A subclass overrides what it needs.

    traces_steps: whether `step_guided` is called. The x0 of every step takes some computing.
    """

    traces_steps = False

    def batch_done(self, tally: Tally) -> None:
        """Called after every batch. The tally also counts batches whose calls have only begun."""

    def step_guided(self, experiments: Sequence[Experiment], call: int, x0: Tensor) -> None:
        """Called after every guided prediction, with the experiments that it serves and the number of the call.

        x0: the picture that the guided prediction stands for, in latents, [1, channels, height, width].
        """
