"""The engine: every trajectory of a plan through one denoiser, in full batches of one fixed shape.

Rows wait in a queue and leave it B at a time, whoever they belong to: a trajectory does not wait for
others that are at another step, so batches are full until the end. Pixels do not depend on who shares a
batch, because the shape of every vectorised call is the same and only the shape changes bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image

from cfgsweep.engine.batching import BatchQueue, Workers, pad
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import Node, StartKey
from cfgsweep.engine.trace import ForwardPass
from cfgsweep.engine.trajectory import Fork, Row, Trajectory, deliver, forks_of
from cfgsweep.guidance.apply import blur_attended, guide, zero_init_prediction
from cfgsweep.guidance.base import StepContext
from cfgsweep.guidance.perturbations import BlurredInput
from cfgsweep.guidance.predictions import PredictionKind, to_x0
from cfgsweep.models.denoiser import Denoiser, NotFinite
from cfgsweep.models.device import Compute, one_thread_per_operation
from cfgsweep.samplers import SAMPLERS, Sampler, predicted_by
from cfgsweep.sweep.experiment import Experiment

GUIDED_ROWS = 32  # the fixed shape of guidance: a whole number of any CPU's vectors, so that no row is a remainder


@dataclass
class Tally:
    """What has been done so far. Padding rows are no evaluations: they answer nothing that was asked."""

    evaluations: int = 0
    batches: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Finished:
    """One experiment's picture."""

    experiment: Experiment
    image: Image.Image


@dataclass(frozen=True)
class Failed:
    """One experiment that came to no picture, and why."""

    experiment: Experiment
    reason: str


class Engine:
    """Runs experiments on one denoiser. `batch_size` is the fixed shape of every call."""

    def __init__(self, denoiser: Denoiser, compute: Compute, batch_size: int):
        self.denoiser, self.compute, self.batch_size = denoiser, compute, batch_size
        self.tally = Tally()
        self._whole = denoiser
        self._trace: Callable[[Sequence[Experiment], int, torch.Tensor], None] | None = None
        self._conditions: dict[ForwardPass, torch.Tensor] = {}

    def run(
        self,
        plan: Plan,
        watch: Callable[[], None] = lambda: None,
        trace: Callable[[Sequence[Experiment], int, torch.Tensor], None] | None = None,
    ) -> Iterator[Finished | Failed]:
        """Yield every experiment's picture as it is done, or why there is none; call `watch` after every batch.

        trace: called after every call of the denoiser that guides some experiments, with them, the number of the
        call, and the picture (x0 [1, channels, height, width], in latents) that the guided prediction stands for.

        All experiments must be for this engine's denoiser. Pictures of one size go together, for they alone
        fit into one batch.
        """
        self._trace = trace
        for part in plan.by_size():
            yield from self._run(part, watch)

    def _run(self, plan: Plan, watch: Callable[[], None]) -> Iterator[Finished | Failed]:
        waiting = BatchQueue(self.batch_size)
        looks = any(isinstance(perturbation, BlurredInput) for perturbation in plan.perturbations)
        self._whole = self.denoiser.with_attention() if looks else self.denoiser
        starts = iter(plan.starts.items())
        parked: list[Fork] = []
        live, limit = 0, self._live_limit(len(plan.experiments))
        with one_thread_per_operation(self.compute), Workers(self.compute.workers) as workers:
            while True:
                admitted = list(self._admit(parked, starts, limit - live))
                for trajectory in admitted:
                    waiting.add(trajectory)
                    live += bool(trajectory.wanted)
                    if trajectory.complete:  # it wanted nothing: its latents stand still
                        parked.extend(forks_of(trajectory))
                while waiting and workers.free:
                    batch = waiting.take()
                    workers.submit(batch, self._call(batch))
                for trajectory in admitted:  # decoded while the workers are busy
                    if trajectory.node.finished:
                        yield from self._decode(trajectory)
                if workers.busy:
                    batch, predictions = workers.result()
                    complete = deliver(batch, predictions)
                    for trajectory, _ in batch:
                        waiting.add(trajectory)  # what needed these predictions
                    live -= len(complete)
                    parked.extend(fork for trajectory in complete for fork in forks_of(trajectory))
                    watch()
                elif not admitted:
                    return

    def _live_limit(self, experiments: int) -> int:
        """Trajectories advancing together: enough to fill the workers' batches twice over, in waves of even size.

        More would fill them no better, and the first pictures would come later.
        """
        most = 2 * self.batch_size * self.compute.workers
        waves = -(-experiments // most)
        return -(-experiments // waves)

    def _admit(self, parked: list[Fork], starts: Iterator[tuple[StartKey, Node]], room: int) -> Iterator[Trajectory]:
        """Up to `room` trajectories: the latest forks first (they finish, and free memory), then new starts."""
        chosen = parked[max(0, len(parked) - room) :] if room > 0 else []
        del parked[len(parked) - len(chosen) :]
        yield from self._take_steps(chosen)
        for _ in range(room - len(chosen)):
            start = next(starts, None)
            if start is None:
                return
            yield self._begin(*start)

    def _begin(self, root: StartKey, node: Node) -> Trajectory:
        generator = torch.Generator().manual_seed(root.seed)
        noise = self.denoiser.noise(root.size or self.denoiser.native_size, generator)
        sampler = Sampler.start(root.sampler, self.denoiser.scheduler_config, root.steps, generator)
        return Trajectory(node, noise * sampler.initial_sigma, sampler)

    def _call(self, batch: Sequence[Row]) -> Callable[[], torch.Tensor]:
        """A call of the denoiser for the rows, at the fixed shape: short batches repeat their last row.

        All but the call itself is done here and now: tokenizers do not bear two threads at once.
        """
        padded = pad(batch, self.batch_size)
        latents = torch.cat([self._input(trajectory, branch) for trajectory, branch in padded])
        timesteps = torch.stack([trajectory.timestep.float() for trajectory, _ in padded])
        conditions = torch.cat([self._condition(branch) for _, branch in padded])
        perturbation = batch[0][1].perturbation
        denoiser = self._whole if perturbation is None else self.denoiser.perturbed(perturbation)
        self.tally.batches += 1
        self.tally.rows += len(padded)
        self.tally.evaluations += len(batch)
        return lambda: denoiser.predict(latents, timesteps, conditions)[: len(batch)]

    def _input(self, trajectory: Trajectory, branch: ForwardPass) -> torch.Tensor:
        """What the denoiser is given, one row."""
        if not isinstance(branch.perturbation, BlurredInput):
            return trajectory.model_input
        assert branch.needs is not None  # which it waited for
        sigma, _ = trajectory.sampler.sigmas_at(trajectory.node.call)
        seen, attention = trajectory.predictions[branch.needs], trajectory.attention[branch.needs]
        blur_sigma = branch.perturbation.blur_sigma
        blurred = blur_attended(trajectory.seen, seen, attention, sigma, self._prediction, blur_sigma)
        return blurred * trajectory.sampler.length(trajectory.node.call)

    def _condition(self, branch: ForwardPass) -> torch.Tensor:
        if branch not in self._conditions:
            self._conditions[branch] = self.denoiser.perturbed(branch.perturbation).encode(branch.condition)
        return self._conditions[branch]

    def _take_steps(self, forks: Sequence[Fork]) -> Iterator[Trajectory]:
        """Combine the predictions, all rows of one formula at once, and step every sampler."""
        alike: dict[object, list[Fork]] = {}
        for fork in forks:
            alike.setdefault((fork.operation.guider, fork.operation.names), []).append(fork)
        for group in alike.values():
            guider = group[0].operation.guider
            size = 1 if guider is not None and guider.one_by_one else GUIDED_ROWS
            for start in range(0, len(group), size):
                part = group[start : start + size]
                for fork, (guided, memory) in zip(part, self._guide(part), strict=False):
                    if self._trace is not None:
                        self._trace([e for _, e in fork.node.members], fork.parent.node.call, self._x0(fork, guided))
                    latents = fork.sampler.step(guided, fork.parent.latents, fork.parent.node.call)
                    yield Trajectory(fork.node, latents, fork.sampler, memory, past=fork.past)

    def _x0(self, fork: Fork, guided: torch.Tensor) -> torch.Tensor:
        sigma, _ = fork.parent.sampler.sigmas_at(fork.parent.node.call)
        return to_x0(guided, fork.parent.seen, sigma, self._prediction)

    def _guide(self, forks: Sequence[Fork]) -> Iterable[tuple[torch.Tensor, Any]]:
        """The guided prediction [1, c, h, w] and the memory of every fork, in one call at the fixed shape."""
        operation = forks[0].operation
        if operation.guider is None and operation.passes:
            return [(fork.parent.predictions[fork.operation.passes[0]], fork.parent.memory) for fork in forks]
        if operation.guider is not None and operation.guider.one_by_one:
            at = replace(self._moment(forks), memory=forks[0].parent.memory)
            return [guide(operation.guider, at, self._prediction)]
        at = self._moment(pad(forks, GUIDED_ROWS))
        if operation.guider is None:
            still = zero_init_prediction(at, self._prediction)
            return zip(still.split(1), [fork.parent.memory for fork in forks], strict=False)
        guided, memory = guide(operation.guider, at, self._prediction)
        return zip(guided.split(1), [None] * len(guided) if memory is None else memory.split(1), strict=True)

    def _moment(self, forks: Sequence[Fork]) -> StepContext:
        """What the guider of these forks is given, one row per fork."""
        operation, parents = forks[0].operation, [fork.parent for fork in forks]
        latents = torch.cat([parent.seen for parent in parents])

        def column(values: Iterable[float]) -> torch.Tensor:
            tensor = torch.tensor(list(values), dtype=torch.float64).float()
            return tensor.to(latents.device).view(-1, *[1] * (latents.ndim - 1))

        ratios = [parent.sampler.sigmas_at(parent.node.call) for parent in parents]
        names = operation.guider.number_names() if operation.guider else ()
        stateful = operation.guider is not None and operation.guider.stateful and not operation.guider.one_by_one
        memories = [torch.zeros_like(p.model_input) if p.memory is None else p.memory for p in parents]
        return StepContext(
            predictions={
                name: torch.cat([fork.parent.predictions[fork.operation.passes[place]] for fork in forks])
                for place, name in enumerate(operation.names)
            },
            numbers={name: column(fork.operation.numbers[place] for fork in forks) for place, name in enumerate(names)},
            latents=latents,
            sigma=column(now for now, _ in ratios),
            next_sigma=column(after for _, after in ratios),
            memory=torch.cat(memories) if stateful else None,
        )

    @property
    def _prediction(self) -> PredictionKind:
        """What the model predicts, as its scheduler's configuration has it."""
        return predicted_by(self.denoiser.scheduler_config)

    def _decode(self, trajectory: Trajectory) -> Iterator[Finished | Failed]:
        """One picture at a time, so that it too depends on nobody else. Members of one leaf have the same pixels."""
        experiments = [experiment for _, experiment in trajectory.node.members]
        trouble = _trouble(trajectory, SAMPLERS[experiments[0].sampler].steps_of_calls(experiments[0].steps))
        if trouble is None:
            try:
                image = self.denoiser.decode(trajectory.latents)
                yield from (Finished(experiment, image) for experiment in experiments)
                return
            except NotFinite as error:
                trouble = str(error)
        yield from (Failed(experiment, trouble) for experiment in experiments)


def _trouble(trajectory: Trajectory, steps_of_calls: Sequence[int]) -> str | None:
    """Why these latents are no picture."""
    found = trajectory.past.first_trouble() if trajectory.past else None
    if found is not None:
        call, name = found
        which = "the prediction" if name == "alone" else f"the prediction {name!r}"
        return f"step {steps_of_calls[call]}: {which} is not finite"
    if not bool(trajectory.latents.isfinite().all()):
        return "guidance led to latents that are not finite"
    return None
