"""From experiments to pictures in a run folder: what is missing, in batches that memory bears, each with its record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from cfgsweep.engine.cost import Cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.observer import EngineObserver, Tally
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.errors import RunFailed, error_context, shorten
from cfgsweep.execution.session import RunSession
from cfgsweep.models import device as devices
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import title, varying
from cfgsweep.system.display import Status
from cfgsweep.system.signals import uninterrupted


@dataclass(frozen=True)
class Spent:
    """What a computation came to. `found`: pictures that were there before it."""

    found: int
    pictures: int
    evaluations: int
    batches: int
    seconds: float
    planned: Cost
    failed: tuple[Failed, ...] = ()


def compute(
    session: RunSession, experiments: Sequence[Experiment], titled_by: list[str] | None = None, unit: str = "pictures"
) -> Spent:
    """Save the pictures of those experiments that are not in the session's folder yet.

    titled_by: the fields of a title; those in which these experiments differ if not given. unit: what the display
    calls them. Raises RunFailed at the first that fails where the options say so.
    """
    run, options = session.run, session.options
    done = run.done(experiments)
    wanted = run.failed(experiments) if options.retry_failed else experiments
    pending = [e for e in wanted if e.id not in done][: options.limit]
    job = _Job(session, experiments, pending, varying(experiments) if titled_by is None else titled_by, unit)
    for name in dict.fromkeys(e.model for e in pending):
        job.run_model(session.denoiser(name))
    seconds, failed = time.monotonic() - job.started, tuple(job.failed)
    made = len(pending) - len(failed)
    return Spent(len(done), made, job.evaluations, job.batches, seconds, job.planned, failed)


class _Job:
    """The pending ones of some experiments."""

    def __init__(
        self,
        session: RunSession,
        experiments: Sequence[Experiment],
        pending: Sequence[Experiment],
        titled_by: list[str],
        unit: str,
    ):
        self.session, self.experiments, self.titled_by, self.unit = session, experiments, titled_by, unit
        self.pending = dict.fromkeys(pending)  # in order, and quick to take from
        self.plan = Plan(experiments)
        self.total, self.planned = len(pending), self.plan.subset(pending).cost
        self.evaluations, self.batches, self.started = 0, 0, time.monotonic()
        self.failed: list[Failed] = []

    def run_model(self, denoiser: Denoiser) -> None:
        """This model's experiments; those not done are begun again with half the batch whenever memory fails."""
        self._say_what_is_cut_short(denoiser)
        self._check_labels(denoiser)
        self._check_layers(denoiser)
        while (plan := self._plan_of(denoiser)).experiments:
            engine = self.session.engine(denoiser, (e.size for e in self.experiments if e.model == denoiser.name))
            try:
                self._compute(engine, plan)
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                if engine.batch_size == 1:
                    self._one_by_one(engine, plan)
                    break
                half = engine.batch_size // 2
                self.session.note_batch_size(denoiser, half)
                self.session.display.notice(f"out of memory: the batch is halved to {half} rows, and the run goes on")
            devices.release_memory(self.session.compute_on)

    def _one_by_one(self, engine: Engine, plan: Plan) -> None:
        """At batch 1: whose memory fails alone, fails."""
        for e in [e for e in plan.experiments if e in self.pending]:
            try:
                self._compute(engine, plan.subset([e]))
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                self._fail(Failed(e, "not enough memory for even one row at a time"))
            devices.release_memory(self.session.compute_on)

    def _plan_of(self, denoiser: Denoiser) -> Plan:
        """The plan of this model's pending experiments."""
        return self.plan.subset(e for e in self.pending if e.model == denoiser.name)

    def _fail(self, failed: Failed) -> None:
        self.failed.append(failed)
        self.session.run.save_failure(self._settings(failed.experiment), failed.reason)
        del self.pending[failed.experiment]
        if self.session.options.fail_fast:
            raise RunFailed(f"{title(failed.experiment, self.titled_by)}: {failed.reason}")

    def _check_layers(self, denoiser: Denoiser) -> None:
        for perturbation, guider in self._plan_of(denoiser).perturbations.items():
            with error_context(f"guider {guider.name} on {denoiser.name}"):
                denoiser.perturbed(perturbation)

    def _say_what_is_cut_short(self, denoiser: Denoiser) -> None:
        texts = {text for e in self.pending for text in e.conditions[:2] if e.model == denoiser.name}
        for text in sorted(map(str, filter(denoiser.is_cut_short, texts))):
            self.session.tell_once(
                f"{denoiser.name} cannot read all of this prompt and leaves out its end: {shorten(text)}"
            )

    def _check_labels(self, denoiser: Denoiser) -> None:
        """Before the first picture is begun, and not in the middle of a run."""
        for label in {e.label: None for e in self.pending if e.model == denoiser.name and e.label is not None}:
            denoiser.encode(label)

    def _compute(self, engine: Engine, plan: Plan) -> None:
        for finished in engine.run(plan, _Progress(self)):
            with uninterrupted():
                if isinstance(finished, Failed):
                    self._fail(finished)
                    continue
                self.session.run.save(finished.image, self._record(finished, engine.batch_size))
                del self.pending[finished.experiment]
        self.show_progress()

    def show_progress(self) -> None:
        """Update the display."""
        self.session.display.update(self._status())

    def _status(self) -> Status:
        rate = self.evaluations / max(1e-6, time.monotonic() - self.started)
        fraction = min(1.0, self.evaluations / self.planned.evaluations)
        done = self.total - len(self.pending)
        return Status(done, self.total, self.unit, fraction, f"{rate:.0f} evaluations/s, {saved(self.planned)}")

    def _record(self, finished: Finished, batch_size: int) -> dict[str, object]:
        own, shared = self.plan.own_and_shared[finished.experiment]
        return {
            **self._settings(finished.experiment),
            "width": finished.image.width,
            "height": finished.image.height,
            "evaluations": {"own": own, "shared": shared},
            "batch_size": batch_size,
        }

    def _settings(self, e: Experiment) -> dict[str, object]:
        return {
            "id": e.id,
            "title": title(e, self.titled_by),
            "status": "done",
            "guider": e.guider.spec(),
            "schedule": e.schedule.spec(),
            **({"code": code} if (code := {**e.guider.code(), **e.schedule.code()}) else {}),
            "value": e.value,
            **({"prompt": e.prompt, "negative_prompt": e.negative_prompt} if e.label is None else {"label": e.label}),
            "seed": e.seed,
            "steps": e.steps,
            "sampler": e.sampler,
            "model": e.model,
            "revision": e.revision,
            "device": self.session.compute_on.device,
            "dtype": self.session.compute_on.dtype_name,
        }


class _Progress(EngineObserver):
    """Adds the tally of one run of the engine to what the job has done before."""

    def __init__(self, job: _Job):
        self.job, self.evaluations, self.batches = job, job.evaluations, job.batches

    def batch_done(self, tally: Tally) -> None:
        self.job.evaluations = self.evaluations + tally.evaluations
        self.job.batches = self.batches + tally.batches
        self.job.show_progress()


def saved(planned: Cost) -> str:
    return f"{1 - planned.evaluations / planned.unshared:.0%} saved by sharing"
