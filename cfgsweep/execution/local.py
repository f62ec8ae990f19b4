"""Computes experiments in this process and saves their pictures in a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cfgsweep.engine.cost import cost
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Failed
from cfgsweep.execution.job import Job, JobObserver, JobSummary
from cfgsweep.execution.model_checks import check_with_model
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.task import ComputeTask, StepTraces, execute, largest_size
from cfgsweep.models import device as devices
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.load import load_model
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.fields import Size
from cfgsweep.sweep.titles import varying

if TYPE_CHECKING:
    from torch import Tensor


class LocalExecutor:
    """Computes in this process. The model that was used last stays loaded for the next call.

    Where memory does not suffice, it goes on with half the batch; at a batch of one row, the experiment fails.
    """

    def __init__(self, session: RunSession):
        self.session = session
        self._loaded: Denoiser | None = None

    def run(
        self, experiments: Sequence[Experiment], title_fields: list[str] | None = None, unit: str = "pictures"
    ) -> JobSummary:
        """Compute and save the pictures of those experiments that are not in the folder yet.

        title_fields: the settings that titles name; those in which the experiments differ if not given.
        unit: what the display counts. Raises RunFailed at the first failure, with --fail-fast.
        """
        folder, options = self.session.run_folder, self.session.options
        done = folder.done(experiments)
        candidates = folder.failed(experiments) if options.retry_failed else experiments
        pending = [e for e in candidates if e.id not in done][: options.limit]
        fields = varying(experiments) if title_fields is None else title_fields
        job = Job(self.session, experiments, pending, fields, unit, len(done))
        for model in dict.fromkeys(e.model for e in pending):
            self._run_model(job, model)
        return job.summary()

    def trace(self, experiments: Sequence[Experiment]) -> dict[Experiment, list[Tensor]]:
        """For every experiment, the x0 (in latents) of every guided prediction. Saves nothing."""
        traces = StepTraces(experiments)
        for model in dict.fromkeys(e.model for e in experiments):
            members = [e for e in experiments if e.model == model]
            for _ in execute(self.task(members, members), traces, self.denoiser(model)):
                pass
        return traces.x0

    def pictures_per_round(self, e: Experiment) -> int:
        """How many pictures like this one fill the batches of all workers."""
        rows_per_step = max(1, round(cost([e]).evaluations / e.steps))
        rows = self._batch_size(e.model, [e.size]) * self.session.settings.compute.workers
        return max(2, rows // rows_per_step)

    def denoiser(self, name: str) -> Denoiser:
        """The model that runs under this name, loaded."""
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None  # free its memory first
            self._loaded = load_model(self.session.settings.source(name), self.session.settings.compute)
        return self._loaded

    def _run_model(self, job: Job, model: str) -> None:
        """Compute the model's pending experiments; start again with half the batch whenever memory does not suffice."""
        denoiser = self.denoiser(model)
        check_with_model(job.plan_of(model), denoiser, self.session.notice_once)
        members = [e for e in job.experiments if e.model == model]
        while (plan := job.plan_of(model)).experiments:
            task = self.task(plan.experiments, members)
            try:
                self._compute(job, task, plan)
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                if task.batch_size == 1:
                    self._compute_one_by_one(job, task, plan)
                    break
                half = task.batch_size // 2
                self.session.note_batch_size(denoiser, half)
                self.session.display.notice(f"out of memory: the batch is halved to {half} rows, and the run goes on")
            devices.release_memory(task.compute)

    def _compute(self, job: Job, task: ComputeTask, plan: Plan) -> None:
        for result in execute(task, JobObserver(job), self.denoiser(task.source.name), plan):
            job.save(result, task.batch_size)
        job.show_progress()

    def _compute_one_by_one(self, job: Job, task: ComputeTask, plan: Plan) -> None:
        """At a batch of one row, an experiment for which memory does not suffice fails, and the others go on."""
        for e in [e for e in plan.experiments if e in job.pending]:
            try:
                self._compute(job, task, plan.subset([e]))
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                job.save(Failed(e, "not enough memory for even one row at a time"), task.batch_size)
            devices.release_memory(task.compute)

    def task(self, experiments: Sequence[Experiment], members: Sequence[Experiment]) -> ComputeTask:
        """A task of experiments of one model, at the batch size of the folder, which is written into it.

        members: all that belong together, done or not: the batch size must not depend on what is left to do.
        """
        denoiser = self.denoiser(experiments[0].model)
        batch_size = self._batch_size(denoiser.name, [e.size for e in members])
        self.session.note_batch_size(denoiser, batch_size)
        settings = self.session.settings
        return ComputeTask(settings.source(denoiser.name), tuple(experiments), settings.compute, batch_size)

    def _batch_size(self, model: str, sizes: Sequence[Size]) -> int:
        """The settled batch size of a model, or the largest that fits into memory at the largest of these sizes."""
        settled = self.session.settings.batch_size(model)
        if settled is not None:
            return settled
        denoiser = self.denoiser(model)
        memory = denoiser.memory(largest_size(sizes, denoiser))
        return devices.auto_batch_size(self.session.settings.compute, *memory)
