"""Runs the trajectories of a plan through one denoiser, in full batches of one fixed shape.

Rows of all trajectories go into batches together, whichever step they are at: no trajectory waits for another, and
batches are full until the end. Pixels do not depend on the other rows of a batch, because every vectorised call has
the same shape, and only the shape changes bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch

from cfgsweep.engine.batching import BatchQueue
from cfgsweep.engine.call_numbers import LATENT_RANGE, PIXEL_RANGE
from cfgsweep.engine.denoiser_calls import DenoiserCalls
from cfgsweep.engine.guiding import guide_steps
from cfgsweep.engine.observer import EngineObserver, Tally
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import Node, StartKey
from cfgsweep.engine.previews import is_previewed
from cfgsweep.engine.restarts import begin_with_picture, restarted
from cfgsweep.engine.results import Failed, Finished, decode
from cfgsweep.engine.trajectory import PendingStep, Row, Trajectory, deliver, pending_steps
from cfgsweep.engine.workers import Workers
from cfgsweep.guidance.perturbations import BlurredInput
from cfgsweep.guidance.predictions import to_x0
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.threads import one_thread_per_operation
from cfgsweep.models.video import Picture


class Engine:
    """Runs plans on one denoiser.

    batch_size: rows of every call of it. diagnostics: whether pictures come with the numbers of every call.
    previews: how many x0 they come with.
    """

    def __init__(
        self, denoiser: Denoiser, compute: Compute, batch_size: int, diagnostics: bool = False, previews: int = 0
    ):
        self.denoiser, self.compute, self.batch_size = denoiser, compute, batch_size
        self.diagnostics, self.previews = diagnostics, previews

    def run(self, plan: Plan, observer: EngineObserver | None = None) -> Iterator[Finished[Picture] | Failed]:
        """Yield the picture of every experiment as it is finished, or why there is none.

        All experiments have to be of this engine's denoiser. Pictures of one size are made together, since only they
        fit into one batch.
        """
        run = _Run(self, observer or EngineObserver())
        for part in plan.by_size():
            yield from run.results(part)


class _Run:
    """One run of the engine: the trajectories that are live, what they wait for, and the tally."""

    def __init__(self, engine: Engine, observer: EngineObserver):
        self.denoiser, self.compute, self.batch_size = engine.denoiser, engine.compute, engine.batch_size
        self.diagnostics, self.previews, self.observer = engine.diagnostics, engine.previews, observer
        self.calls = DenoiserCalls(self.denoiser, self.batch_size)
        self.queue = BatchQueue(self.batch_size, self.calls.key)
        self.pending: list[PendingStep] = []
        self.starts: Iterator[tuple[StartKey, Node]] = iter(())
        self.live, self.most_live = 0, 0
        self.tally = Tally()

    def results(self, plan: Plan) -> Iterator[Finished[Picture] | Failed]:
        """The loop: advance trajectories, predict full batches, decode what is finished."""
        self._begin_plan(plan)
        with one_thread_per_operation(self.compute), Workers[list[Row]](self.compute.workers) as workers:
            while True:
                advanced = self._advance()
                while self.queue and workers.free:
                    batch = self._next_batch()
                    workers.submit(batch, self.calls.prepare(batch))
                for trajectory in advanced:  # decoded while the workers are busy
                    if trajectory.node.finished:
                        yield from decode(trajectory, self.denoiser, self.previews)
                if workers.busy:
                    self._receive(*workers.result())
                elif not advanced:
                    return

    def _begin_plan(self, plan: Plan) -> None:
        """The limit of live trajectories fills the workers' batches twice over, in waves of even size.

        More would not fill them better, and the first pictures would come later.
        """
        most = 2 * self.batch_size * self.compute.workers
        count = len(plan.experiments)
        waves = -(-count // most)
        self.most_live = -(-count // waves)
        self.starts = iter(plan.starts.items())
        self.calls.record_attention(any(isinstance(p, BlurredInput) for p in plan.perturbations))

    def _advance(self) -> list[Trajectory]:
        """Take pending steps, the latest first because they finish and free memory, and then begin new trajectories."""
        room = max(0, self.most_live - self.live)
        steps = self.pending[max(0, len(self.pending) - room) :]
        del self.pending[len(self.pending) - len(steps) :]
        advanced = list(self._take(steps))
        advanced += [self._begin(*start) for start in islice(self.starts, room - len(steps))]
        for trajectory in advanced:
            self.queue.add(trajectory)
            self.live += bool(trajectory.needed)
            if trajectory.complete:  # it needs no prediction: its latents are left as they are
                self.pending.extend(pending_steps(trajectory))
        return advanced

    def _begin(self, start: StartKey, node: Node) -> Trajectory:
        generator = torch.Generator().manual_seed(start.seed)
        latents, sampler = self.denoiser.start(start.sampling, generator)
        if start.turn is not None:
            latents, sampler = begin_with_picture(self.denoiser, start.turn, node.members[0][1], latents)
        return Trajectory(node, latents, sampler)

    def _take(self, steps: list[PendingStep]) -> Iterator[Trajectory]:
        """Guide the steps, and move every sampler on."""
        x0_range = self._x0_range(steps[0]) if self.diagnostics and steps else None
        found = guide_steps(steps, self.calls.prediction, self.denoiser.own_formula, x0_range)
        for step, guided, memory, numbers in found:
            parent = step.parent
            x0 = self._x0(step, guided)
            if x0 is not None and self.observer.traces_steps:
                self.observer.step_guided([e for _, e in step.node.members], parent.node.call, x0)
            move = step.sampler.step if step.operation.passes else step.sampler.step_of_zero_init
            latents = move(guided, parent.latents, parent.node.call)
            sampler = step.sampler
            if step.operation.restart is not None and x0 is not None:
                latents, sampler, memory = restarted(step, latents, x0, memory, self.denoiser)
            history = step.history(numbers, x0 if self.previews and is_previewed(step, self.previews) else None)
            yield Trajectory(step.node, latents, sampler, memory, history=history, caches=step.caches)

    def _x0(self, step: PendingStep, guided: torch.Tensor) -> torch.Tensor | None:
        """What the guided prediction stands for, in latents; None where nothing takes it."""
        if not (self.observer.traces_steps or self.previews or step.operation.restart is not None):
            return None
        return to_x0(guided, step.parent.model_latents, step.parent.sigmas[0], self.calls.prediction)

    def _x0_range(self, step: PendingStep) -> float:
        """The magnitude beyond which x0 counts as saturated: of pixels, or of latents."""
        _, e = step.node.members[0]
        width, height = e.size or self.denoiser.native_size
        return PIXEL_RANGE if step.parent.latents.shape[-2:] == (height, width) else LATENT_RANGE

    def _next_batch(self) -> list[Row]:
        batch = self.queue.next_batch()
        self.tally.batches += 1
        self.tally.rows += self.batch_size
        self.tally.evaluations += len(batch)
        return batch

    def _receive(self, batch: list[Row], predictions: torch.Tensor) -> None:
        """Give the rows of a batch their predictions. Complete trajectories are no longer live."""
        complete = deliver(batch, predictions)
        for trajectory, _ in batch:
            self.queue.add(trajectory)  # rows that need one of these predictions
        self.live -= len(complete)
        self.pending.extend(step for trajectory in complete for step in pending_steps(trajectory))
        self.observer.batch_done(self.tally)
