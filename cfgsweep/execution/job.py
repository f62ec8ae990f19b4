"""Experiments that are being computed into a run folder: what is left of them, their records, and the progress."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cfgsweep.engine.cost import Cost
from cfgsweep.engine.observer import EngineObserver, Tally
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.errors import RunFailed
from cfgsweep.execution.session import RunSession
from cfgsweep.models.video import EncodedPicture, frame_count
from cfgsweep.samplers import Fork, PictureFile, UTurn
from cfgsweep.storage.environment import versions
from cfgsweep.storage.previews import save_previews
from cfgsweep.storage.records import DoneRecord, FailedRecord, Record
from cfgsweep.sweep.call_inputs import as_mapping
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.step_cache import cache_spec
from cfgsweep.sweep.titles import title
from cfgsweep.system.display import Status
from cfgsweep.system.signals import uninterrupted


@dataclass(frozen=True)
class JobSummary:
    """What a job has done.

    pictures: how many it computed.
    planned: what the plan said that its experiments cost. failed: those that have no picture.
    """

    pictures: int
    evaluations: int
    batches: int
    seconds: float
    planned: Cost
    failed: tuple[Failed, ...]


class Job:
    """Saves the results of pending experiments as they come.

    experiments: all that belong together; `pending` are those of them to compute. Counts of shared evaluations, which
    are part of the records, are those among all of them.
    title_fields: the settings that a picture's title names. unit: what the display counts.
    """

    def __init__(
        self,
        session: RunSession,
        experiments: Sequence[Experiment],
        pending: Sequence[Experiment],
        title_fields: list[str],
        unit: str,
    ):
        self.session, self.experiments, self.title_fields, self.unit = session, experiments, title_fields, unit
        self.pending = dict.fromkeys(pending)  # in order, and quick to remove from
        self.plan = Plan(experiments)
        self.total, self.planned = len(pending), self.plan.subset(pending).cost
        self.evaluations, self.batches, self.started = 0, 0, time.monotonic()
        self.failed: list[Failed] = []

    def plan_of(self, chosen: Callable[[Experiment], bool]) -> Plan:
        """The plan of those pending experiments."""
        return self.plan.subset(filter(chosen, self.pending))

    def pending_part(self, plan: Plan) -> Plan:
        """The part of a plan that is not done yet."""
        return plan.subset(e for e in plan.experiments if e in self.pending)

    def save(self, result: Finished | Failed, batch_size: int, file: EncodedPicture | None = None) -> None:
        """Write a picture with its record, or why there is none. Raises RunFailed at a failure, with --fail-fast.

        file: of the picture, where it is encoded already.
        """
        with uninterrupted():
            if isinstance(result, Failed):
                record: Record = self._save_failure(result)
            else:
                record = self._save_picture(result, batch_size, file)
            del self.pending[result.experiment]
        self._hand_over_thumb(result, record, file)
        for listener in self.session.listeners:
            listener(record)
        if isinstance(result, Failed) and self.session.options.fail_fast:
            raise RunFailed(f"{title(result.experiment, self.title_fields)}: {result.reason}")

    def _save_picture(self, result: Finished, batch_size: int, file: EncodedPicture | None) -> DoneRecord:
        if result.previews is not None:  # first: a picture with a record is not made again
            save_previews(result.previews, self.session.run_folder, result.experiment.id)
        self.session.note_kind(result.made_on or self.session.settings.kind)
        return self.session.run_folder.save(result.image, self._record(result, batch_size), result.diagnostics, file)

    def _hand_over_thumb(self, result: Finished | Failed, record: Record, file: EncodedPicture | None) -> None:
        if self.session.take_thumb is None or not isinstance(result, Finished) or not isinstance(record, DoneRecord):
            return
        picture = file or result.image
        if isinstance(picture, EncodedPicture) and picture.thumb is not None:
            self.session.take_thumb(record, picture.thumb)

    def _save_failure(self, failed: Failed) -> FailedRecord:
        self.failed.append(failed)
        return self.session.run_folder.save_failure(self._settings(failed.experiment), failed.reason)

    def summary(self) -> JobSummary:
        pictures = self.total - len(self.pending) - len(self.failed)
        seconds = time.monotonic() - self.started
        return JobSummary(
            pictures=pictures,
            evaluations=self.evaluations,
            batches=self.batches,
            seconds=seconds,
            planned=self.planned,
            failed=tuple(self.failed),
        )

    def show_progress(self) -> None:
        rate = self.evaluations / max(1e-6, time.monotonic() - self.started)
        fraction = min(1.0, self.evaluations / self.planned.evaluations)
        note = f"{rate:.0f} evaluations/s, {share_saved(self.planned)}"
        self.session.display.update(Status(self.total - len(self.pending), self.total, self.unit, fraction, note))

    def _record(self, finished: Finished, batch_size: int) -> dict[str, object]:
        kind = finished.made_on or self.session.settings.kind
        own, shared = self.plan.own_and_shared[finished.experiment]
        weights = [*self.plan.models(finished.experiment), *finished.experiment.other_weights]
        return {
            **self._settings(finished.experiment),
            "width": finished.image.width,
            "height": finished.image.height,
            **({"frames": frames} if (frames := frame_count(finished.image)) > 1 else {}),
            "evaluations": {"own": own, "shared": shared},
            "batch_size": batch_size,
            "device_name": kind.name,
            "capability": kind.capability,
            "versions": versions(),
            **(finished.diagnostics.means() if finished.diagnostics else {}),
            "fingerprints": {name: self.session.settings.fingerprint(name) for name in weights},
        }

    def _settings(self, e: Experiment) -> dict[str, object]:
        compute = self.session.settings.compute
        return {
            "id": e.id,
            "title": title(e, self.title_fields),
            "status": "done",
            "guider": e.guider.spec(),
            "schedule": e.schedule.spec(),
            **({"code": code} if (code := {**e.guider.code(), **e.schedule.code()}) else {}),
            "value": e.value,
            **({"prompt": e.prompt, "negative_prompt": e.negative_prompt} if e.label is None else {"label": e.label}),
            "seed": e.seed,
            "steps": e.steps,
            "sampler": e.sampler,
            **pictures_of(e),
            **({"call": as_mapping(e.call)} if e.call else {}),
            **({"lora": [lora._asdict() for lora in e.lora]} if e.lora else {}),
            **({"cache": cache_spec(e.cache)} if e.cache else {}),
            **({"vae": e.vae} if e.vae else {}),
            **{name: _given(turn) for name in ("fork", "start") if (turn := getattr(e, name)) is not None},
            **({"load": {name: json.loads(value) for name, value in e.load}} if e.load else {}),
            "model": e.model,
            "revision": e.revision,
            "device": compute.device,
            "dtype": compute.dtype_name,
        }


class JobObserver(EngineObserver):
    """Adds the tally of one run of the engine to what the job has done before it, and measures what a batch takes."""

    def __init__(self, job: Job, after_batch: Callable[[], None] = lambda: None):
        """after_batch: is called after every batch."""
        self.job, self.evaluations, self.batches, self.after_batch = job, job.evaluations, job.batches, after_batch
        self._first: tuple[float, int] | None = None  # when, and after how many batches, it was heard of first
        self._last: tuple[float, int] = (0.0, 0)

    def batch_seconds(self, batches: int) -> float | None:
        """From batch to batch on average, with guidance, samplers, decoding and files; None before so many."""
        if self._first is None or self._last[1] - self._first[1] < batches:
            return None
        return (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])

    def batch_done(self, tally: Tally) -> None:
        self._last = time.monotonic(), tally.batches
        self._first = self._first or self._last
        self.after_batch()
        self.job.evaluations = self.evaluations + tally.evaluations
        self.job.batches = self.batches + tally.batches
        self.job.show_progress()


def share_saved(planned: Cost) -> str:
    """'59% saved by sharing'."""
    return f"{1 - planned.evaluations / planned.unshared:.0%} saved by sharing"


def _given(turn: UTurn | Fork) -> dict[str, object]:
    """The fields of a U-turn or a fork that are not at their default."""
    given = {key: value for key, value in turn._asdict().items() if value != turn._field_defaults.get(key)}
    return {key: _file(value) if isinstance(value, PictureFile) else value for key, value in given.items()}


def _file(picture: PictureFile) -> dict[str, str | None]:
    return {"path": picture.path, "sha256": picture.sha256}


def pictures_of(e: Experiment) -> dict[str, object]:
    """The fields of a record about the pictures that an experiment begins with; none of those of noise alone."""
    files = {"input_image": e.image, "mask": e.mask}
    found = {name: _file(file) for name, file in files.items() if file is not None}
    strength = {} if e.strength is None else {"strength": e.strength}
    return {"task": e.task, **found, **strength} if found else {}
