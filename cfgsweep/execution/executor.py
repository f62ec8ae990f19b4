"""What all executors have in common: they settle how pictures are computed, save them, and go on after failures.

Where the model is and who runs the engine, `LocalExecutor` and `ClusterExecutor` say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from cfgsweep.engine.cost import cost
from cfgsweep.engine.observer import EngineObserver
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.execution.divergence import Divergence, Pair
from cfgsweep.execution.held_model import Held, Memory
from cfgsweep.execution.job import Job, JobObserver, JobSummary
from cfgsweep.execution.saver import Saver
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.task import ComputeTask
from cfgsweep.models import device_memory
from cfgsweep.models.family import recorded_where_possible
from cfgsweep.models.source import Source
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import varying

MEASURED_BY_EACH = 10  # batches, where several processes compute


class Executor(ABC):
    """Computes experiments and saves their pictures in a run folder.

    Where memory does not suffice, it goes on with half the batch; at a batch of one row, the experiment fails.
    """

    def __init__(self, session: RunSession):
        self.session = session
        self._sources: dict[tuple[str, bool], Source] = {}  # by model, and whether there are LoRAs or further inputs

    @property
    def processes(self) -> int:
        """How many compute at the same time."""
        return 1

    @abstractmethod
    def held(self, source: Source) -> Held:
        """The model, loaded."""

    @abstractmethod
    def check(self, source: Source, plan: Plan) -> None:
        """Notice what is to be known before the first picture. Raises UserError as `check_with_model` does."""

    @abstractmethod
    def results(self, task: ComputeTask, plan: Plan, observer: EngineObserver) -> Iterator[Finished | Failed]:
        """See `execute`. plan: of the task's experiments."""

    @abstractmethod
    def workers(self) -> int:
        """How many batches are computed at the same time."""

    @abstractmethod
    def divergences_of(self, task: ComputeTask, pairs: Sequence[Pair], plan: Plan) -> Iterator[tuple[Pair, Divergence]]:
        """See `divergences` of `divergence.py`, in any order. plan: of the task's experiments."""

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
        self.session.note_roots(among)  # also where all are there: a search adds others of the same roots later
        if pending:
            self.notice_differences(pending)
        for source in dict.fromkeys(map(self.source, pending)):
            self._run_model(job, source, accepted)
        if not pending:
            accepted()
        return job.summary()

    def refusal(self, e: Experiment) -> str | None:
        """Why the experiment's model cannot be guided by its guider; None where it can."""
        return self.held(self.source(e)).refusal(e)

    def pictures_per_round(self, e: Experiment) -> int:
        """How many pictures like this one fill the batches of all workers."""
        rows_per_step = max(1, round(cost([e]).evaluations / e.performed_steps))
        rows = self._batch_size(e, self._memory(e)) * self.workers()
        return max(2, rows // rows_per_step)

    def divergences(self, pairs: Sequence[Pair]) -> dict[Pair, Divergence]:
        """How far apart the x0 of the two experiments of each pair are, step by step. Saves nothing."""
        found: dict[Pair, Divergence] = {}
        for source in dict.fromkeys(self.source(before) for before, _ in pairs):
            plan = Plan(dict.fromkeys(e for pair in pairs for e in pair if self.source(e) == source))
            self.note_models(plan, source)
            for part in plan.by_size():
                there = set(part.experiments)
                within = [pair for pair in pairs if pair[0] in there]
                found |= self.divergences_of(self.task(part.experiments), within, part)
        return found

    def source(self, e: Experiment) -> Source:
        """Where the experiment's model is loaded from."""
        key = e.model, bool(e.lora or e.call)
        if key not in self._sources:
            source = self.session.settings.source(e.model)
            self._sources[key] = recorded_where_possible(source) if key[1] else source
        return self._sources[key]

    def task(self, experiments: Sequence[Experiment]) -> ComputeTask:
        """A task of experiments of one model and picture size. Its batch size is written into the folder."""
        settings, (e, *_) = self.session.settings, experiments
        memory = self._memory(e)
        batch_size = self._batch_size(e, memory)
        self._notice_unusual(e, batch_size, memory.default_batch)
        self.session.note_batch_size(e.model, self._size(e), batch_size)
        return ComputeTask(
            self.source(e),
            tuple(experiments),
            settings.compute,
            batch_size,
            memory.row_bytes,
            settings.diagnostics,
            settings.previews,
            thumbs=self.session.take_thumb is not None,
        )

    def note_models(self, plan: Plan, source: Source) -> None:
        """Compare the models that predict in a plan with those of the folder. They are loaded, and so downloaded."""
        settings, model = self.session.settings, self.held(source)
        models = list(dict.fromkeys(name for e in plan.experiments for name in plan.models(e)))
        files = list(dict.fromkeys(name for e in plan.experiments for name in e.other_weights))
        found = model.fingerprints(models, files, tuple(settings.sources.values()))
        for name in models:
            settings.note_model(name, partial(model.sampled_fingerprint, name), found[name])
        for name in files:
            settings.note_model(name, str, found[name])  # version 0.1 had none

    def _run_model(self, job: Job, source: Source, accepted: Callable[[], None]) -> None:
        """Compute the model's pending experiments, one picture size after the other."""
        plan = job.plan_of(lambda e: self.source(e) == source)
        self.check(source, plan)
        accepted()
        self.note_models(plan, source)
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
        saver = Saver(job, task.batch_size, task.thumbs)
        observer = JobObserver(job, saver.save_ready)
        try:
            with saver:
                for result in self.results(task, plan, observer):
                    saver.add(result)
        except KeyboardInterrupt:  # what was measured tells how long the rest will take
            self._note_seconds(task, observer)
            raise
        self._note_seconds(task, observer)
        job.show_progress()

    def _note_seconds(self, task: ComputeTask, observer: JobObserver) -> None:
        """Write into the folder what a batch takes one process. Several begin and end at different times."""
        e, enough = task.experiments[0], 1 if self.processes == 1 else MEASURED_BY_EACH * self.processes
        if (seconds := observer.batch_seconds(enough)) is not None:
            self.session.note_batch_seconds(e.model, self._size(e), seconds * self.processes)

    def _compute_one_by_one(self, job: Job, task: ComputeTask, plan: Plan) -> None:
        """At a batch of one row, an experiment for which memory does not suffice fails, and the others go on."""
        for e in job.pending_part(plan).experiments:
            try:
                self._compute(job, task.of([e]), plan.subset([e]))
            except (RuntimeError, MemoryError) as error:
                if not device_memory.is_out_of_memory(error):
                    raise
                job.save(Failed(e, "not enough memory for even one row at a time"), task.batch_size)
            device_memory.release_memory(task.compute)

    def _size(self, e: Experiment) -> tuple[int, int]:
        return e.size or e.native_size or self.held(self.source(e)).native_size()

    def _batch_size(self, e: Experiment, memory: Memory) -> int:
        """The settled batch size for pictures like this one, or the default, or less where memory has no room for it.

        It depends on the model and the size of the picture, and on nothing else in the sweep.
        """
        settled = self.session.settings.batch_size(e.model, self._size(e))
        if settled is not None:
            return settled
        return self.held(self.source(e)).fitting_batch(memory.default_batch, memory.weights, memory.row_bytes)

    def _memory(self, e: Experiment) -> Memory:
        """For pictures like this one. What was measured is written into the folder, so that it is measured once."""
        size, settings = self._size(e), self.session.settings
        known = settings.row_bytes(e.model, size)
        memory = self.held(self.source(e)).memory(e, known)
        if memory.measured is not None and known is None:
            self.session.note_row_bytes(e.model, size, memory.measured)
        return memory

    def notice_differences(self, pending: Sequence[Experiment]) -> None:
        """Notice where the folder has pictures of another kind of device, or of other libraries, than will be made."""
        settings = self.session.settings
        for sentence in (settings.environment.other_kind(settings.compute), settings.environment.other_versions()):
            if sentence is not None:
                self.session.notice_once(sentence)

    def _notice_unusual(self, e: Experiment, batch_size: int, default: int) -> None:
        """Notice a batch size that nobody asked for and that is not the default, since it decides the last bits."""
        width, height = self._size(e)
        if batch_size != default and self.session.settings.options.batch_size is None:
            self.session.notice_once(
                f"{e.model} at {width}x{height} runs in batches of {batch_size} rows, the default is {default}: "
                "pictures can differ in their last bits from those of folders with other batches"
            )
