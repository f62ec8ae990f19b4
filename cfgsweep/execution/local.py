"""Computes experiments in this process and saves their pictures in a run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cfgsweep.engine.cost import cost
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.engine.results import Failed
from cfgsweep.execution.job import Job, JobObserver, JobSummary
from cfgsweep.execution.model_checks import check_with_model
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.task import ComputeTask, StepTraces, execute
from cfgsweep.guidance.perturbations import OtherModel
from cfgsweep.models import device_memory
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.family import recorded_where_possible
from cfgsweep.models.load import load_model
from cfgsweep.models.row_memory import is_in_doubt, measured_row_bytes
from cfgsweep.models.source import Source
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import varying

if TYPE_CHECKING:
    from torch import Tensor


class LocalExecutor:
    """Computes in this process. The model that was used last stays loaded for the next call.

    Where memory does not suffice, it goes on with half the batch; at a batch of one row, the experiment fails.
    """

    def __init__(self, session: RunSession):
        self.session = session
        self._sources: dict[tuple[str, bool], Source] = {}  # by model, and whether there are LoRAs or further inputs
        self._loaded: tuple[Source, Denoiser] | None = None

    def run(
        self,
        experiments: Sequence[Experiment],
        title_fields: list[str] | None = None,
        unit: str = "pictures",
        accepted: Callable[[], None] = lambda: None,
        among: Sequence[Experiment] | None = None,
    ) -> JobSummary:
        """Compute and save the pictures of those experiments that are not in the folder yet.

        among: all experiments of the sweep, of which records tell with how many others they share evaluations; these
        if not given.
        title_fields: the settings that titles name; those in which the experiments differ if not given.
        unit: what the display counts. accepted: called before a model's first picture, when it does not refuse the
        experiments; once where there is nothing to compute. Raises RunFailed at the first failure, with --fail-fast.
        """
        done = self.session.run_folder.done(experiments)
        pending = self.session.pending(experiments, done)
        among = experiments if among is None else among
        fields = varying(among) if title_fields is None else title_fields
        job = Job(self.session, among, pending, fields, unit)
        if pending:
            self._notice_other_capability()
        for source in dict.fromkeys(map(self._source, pending)):
            self._run_model(job, source, accepted)
        if not pending:
            accepted()
        return job.summary()

    def trace(self, experiments: Sequence[Experiment]) -> dict[Experiment, list[Tensor]]:
        """For every experiment, the x0 (in latents) of every guided prediction. Saves nothing."""
        traces = StepTraces(experiments)
        for source in dict.fromkeys(map(self._source, experiments)):
            plan = Plan(e for e in experiments if self._source(e) == source)
            self._note_models(plan, source)
            for part in plan.by_size():
                for _ in execute(self.task(part.experiments), traces, self._loaded_from(source), part):
                    pass
        return traces.x0

    def pictures_per_round(self, e: Experiment) -> int:
        """How many pictures like this one fill the batches of all workers."""
        rows_per_step = max(1, round(cost([e]).evaluations / e.performed_steps))
        rows = self._batch_size(e) * self.session.settings.compute.workers
        return max(2, rows // rows_per_step)

    def denoiser(self, e: Experiment) -> Denoiser:
        """The model of an experiment, loaded."""
        return self._loaded_from(self._source(e))

    def _source(self, e: Experiment) -> Source:
        key = e.model, bool(e.lora or e.call)
        if key not in self._sources:
            source = self.session.settings.source(e.model)
            self._sources[key] = recorded_where_possible(source) if key[1] else source
        return self._sources[key]

    def _loaded_from(self, source: Source) -> Denoiser:
        if self._loaded is None or self._loaded[0] != source:
            self._loaded = None  # free its memory first
            self._loaded = source, load_model(source, self.session.settings.compute)
        return self._loaded[1]

    def task(self, experiments: Sequence[Experiment]) -> ComputeTask:
        """A task of experiments of one model and picture size. Its batch size is written into the folder."""
        settings, (e, *_) = self.session.settings, experiments
        size, batch_size = self._size(e), self._batch_size(e)
        self._notice_unusual(e, batch_size)
        self.session.note_batch_size(e.model, size, batch_size)
        _, row_bytes = self._memory(e)
        return ComputeTask(
            self._source(e),
            tuple(experiments),
            settings.compute,
            batch_size,
            row_bytes,
            settings.diagnostics,
            settings.previews,
        )

    def _run_model(self, job: Job, source: Source, accepted: Callable[[], None]) -> None:
        """Compute the model's pending experiments, one picture size after the other."""
        plan = job.plan_of(lambda e: self._source(e) == source)
        check_with_model(plan, self._loaded_from(source), self.session.notice_once)
        accepted()
        self._note_models(plan, source)
        for part in plan.by_size():
            self._run_part(job, part)

    def _run_part(self, job: Job, part: Plan) -> None:
        """Compute experiments of one model and size; start again with half the batch where memory does not suffice."""
        while (plan := job.pending_part(part)).experiments:
            task = self.task(plan.experiments)
            try:
                self._compute(job, task, plan)
                continue
            except (RuntimeError, MemoryError) as error:
                if not device_memory.is_out_of_memory(error):
                    raise
                if task.batch_size == 1:
                    self._compute_one_by_one(job, task, plan)
                    break
                half, e = task.batch_size // 2, plan.experiments[0]
                self.session.note_batch_size(e.model, self._size(e), half)
                self.session.display.notice(f"out of memory: the batch is halved to {half} rows, and the run goes on")
            device_memory.release_memory(task.compute)

    def _compute(self, job: Job, task: ComputeTask, plan: Plan) -> None:
        for result in execute(task, JobObserver(job), self._loaded_from(task.source), plan):
            job.save(result, task.batch_size)
        job.show_progress()

    def _compute_one_by_one(self, job: Job, task: ComputeTask, plan: Plan) -> None:
        """At a batch of one row, an experiment for which memory does not suffice fails, and the others go on."""
        for e in job.pending_part(plan).experiments:
            try:
                self._compute(job, task, plan.subset([e]))
            except (RuntimeError, MemoryError) as error:
                if not device_memory.is_out_of_memory(error):
                    raise
                job.save(Failed(e, "not enough memory for even one row at a time"), task.batch_size)
            device_memory.release_memory(task.compute)

    def _note_models(self, plan: Plan, source: Source) -> None:
        """Compare the models that predict in a plan with those of the folder. They are loaded, and so downloaded."""
        denoiser = self._loaded_from(source)
        for name in dict.fromkeys(name for e in plan.experiments for name in plan.models(e)):
            predicting = denoiser.perturbed(None if name == source.name else OtherModel(name))
            self.session.settings.note_model(name, predicting.sampled_fingerprint)
        for name in dict.fromkeys(name for e in plan.experiments for name in e.other_weights):
            self.session.settings.note_model(name, str)  # version 0.1 had none

    def _size(self, e: Experiment) -> tuple[int, int]:
        return e.size or e.native_size or self.denoiser(e).native_size

    def _batch_size(self, e: Experiment) -> int:
        """The settled batch size for pictures like this one, or the default, or less where memory has no room for it.

        It depends on the model and the size of the picture, and on nothing else in the sweep.
        """
        size = self._size(e)
        settled = self.session.settings.batch_size(e.model, size)
        if settled is not None:
            return settled
        compute, (weights, row) = self.session.settings.compute, self._memory(e)
        return device_memory.fitting_batch_size(compute, self._default_batch_size(e), weights, row)

    def _memory(self, e: Experiment) -> tuple[int, int]:
        """Bytes of the weights, and of a row of pictures like this one: measured where that may decide on the batch.

        What was measured is written into the folder, so that it is measured once.
        """
        size, settings, denoiser = self._size(e), self.session.settings, self.denoiser(e)
        weights, estimate = denoiser.memory(size)
        taken = settings.row_bytes(e.model, size)
        if taken is None and is_in_doubt(settings.compute, weights, estimate):
            sampling, condition = StartKey.of(e).sampling, e.conditions[0]
            taken = measured_row_bytes(denoiser, settings.compute, sampling, condition, estimate)
            if taken is not None:
                self.session.note_row_bytes(e.model, size, taken)
        return weights, estimate if taken is None else taken

    def _default_batch_size(self, e: Experiment) -> int:
        """From the estimate alone, since what is measured is another number every time."""
        _, estimate = self.denoiser(e).memory(self._size(e))
        return device_memory.default_batch_size(self.session.settings.compute, estimate)

    def _notice_other_capability(self) -> None:
        settings = self.session.settings
        if sentence := settings.environment.other_capability(settings.compute):
            self.session.notice_once(sentence)

    def _notice_unusual(self, e: Experiment, batch_size: int) -> None:
        """Notice a batch size that nobody asked for and that is not the default, since it decides the last bits."""
        default, (width, height) = self._default_batch_size(e), self._size(e)
        if batch_size != default and self.session.settings.options.batch_size is None:
            self.session.notice_once(
                f"{e.model} at {width}x{height} runs in batches of {batch_size} rows, the default is {default}: "
                "pictures can differ in their last bits from those of folders with other batches"
            )
