"""A run folder with its models: what computes experiments and saves them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from cfgsweep import device as devices
from cfgsweep import models
from cfgsweep.config import Sweep
from cfgsweep.display import Display, Status
from cfgsweep.engine.loop import Engine, Failed, Finished
from cfgsweep.engine.plan import Cost, cost, own_and_shared, perturbations
from cfgsweep.environment import Environment
from cfgsweep.errors import RunFailed, UserError, shorten
from cfgsweep.experiments import Experiment, expand, title, varying
from cfgsweep.fields import Size
from cfgsweep.interrupts import uninterrupted
from cfgsweep.locks import held
from cfgsweep.models.base import Denoiser
from cfgsweep.models.source import Source, reachable, why_not_here
from cfgsweep.records import Record
from cfgsweep.run import Run
from cfgsweep.verifying import mend
from cfgsweep.yamlfile import Document


@dataclass(frozen=True)
class Options:
    """What the command line adds to a sweep."""

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    limit: int | None = None
    allow_pickle: bool = False
    fail_fast: bool = False
    retry_failed: bool = False
    wait: bool = False


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


class Session:
    """A run folder and its models, ready to compute experiments; the model last used stays loaded."""

    def __init__(
        self,
        run: Run,
        environment: Environment,
        compute: devices.Compute,
        sources: Mapping[str, Source],
        options: Options,
        display: Display,
    ):
        self.run, self.environment, self.compute_on = run, environment, compute
        self.sources, self.options, self.display = sources, options, display
        self._loaded: Denoiser | None = None
        self._batch_sizes: dict[str, int] = {}
        self._told: set[str] = set()

    @classmethod
    def begin(
        cls,
        sweep: Sweep,
        document: Document,
        folder: Path,
        options: Options,
        display: Display,
        like: Run | None = None,
    ) -> Session:
        """Settle what runs, where and in which batch shape. Writes nothing yet, and loads no model.

        like: a run whose pictures a new folder begins with, so that the others have to be made as they were.
        """
        run = Run(folder)
        environment = Environment(run.environment() or (like.environment() if like else {}), display)
        compute = environment.settle_compute(options.device, options.dtype)
        sources = _resolve_models(sweep, document, options, compute, display)
        for source in sources.values():
            environment.settle_batch_size(source.name, options.batch_size, compute)  # refuses, if it must, now
        return cls(run, environment, compute, sources, options, display)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have the folder to oneself, as it is now, mended as far as that takes no computing.

        Raises UserError where it is not a run's, or where another command is at work and is not to be waited for.
        """
        self.run.create()
        with held(self.run.folder, self.options.wait, self.display.notice) as waited:
            if waited:  # the other may have settled what was open
                self.environment = Environment(self.run.environment(), self.display)
                self.compute_on = self.environment.settle_compute(self.options.device, self.options.dtype)
            mend(self.run, self.display)
            try:
                yield
            except FileNotFoundError as error:
                if self.run.folder.exists():
                    raise
                raise RunFailed("the folder is gone: moved, or removed", where=str(self.run.folder)) from error

    def expand(self, sweep: Sweep, document: Document) -> list[Experiment]:
        """The sweep's experiments, by the models that run."""
        return expand(sweep, document, {asked: source.name for asked, source in self.sources.items()})

    def compute(
        self, experiments: Sequence[Experiment], titled_by: list[str] | None = None, unit: str = "pictures"
    ) -> Spent:
        """Save the pictures of those experiments that are not in the folder yet.

        titled_by: the fields of a title; those in which these experiments differ if not given. unit: what the display
        calls them.
        """
        done = self.run.done(experiments)
        wanted = self.run.failed(experiments) if self.options.retry_failed else experiments
        pending = [e for e in wanted if e.id not in done][: self.options.limit]
        job = _Job(self, experiments, pending, varying(experiments) if titled_by is None else titled_by, unit)
        for name in dict.fromkeys(e.model for e in pending):
            job.run_model(self.denoiser(name))
        seconds, failed = time.monotonic() - job.started, tuple(job.failed)
        made = len(pending) - len(failed)
        return Spent(len(done), made, job.evaluations, job.batches, seconds, job.planned, failed)

    def tell_once(self, notice: str) -> None:
        """A search computes round after round: what was said in one of them is known in the next."""
        if notice not in self._told:
            self._told.add(notice)
            self.display.notice(notice)

    def denoiser(self, name: str) -> Denoiser:
        """The model that runs under this name."""
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None  # make room first
            source = next(source for source in self.sources.values() if source.name == name)
            self._loaded = models.load(source, self.compute_on)
        return self._loaded

    def room(self, e: Experiment) -> int:
        """How many pictures like this one it takes to keep every worker's batch full."""
        rows_a_step = max(1, round(cost([e]).evaluations / e.steps))
        return max(2, self.batch_size(e.model, [e.size]) * self.compute_on.workers // rows_a_step)

    def trace(self, experiments: Sequence[Experiment]) -> dict[Experiment, list[torch.Tensor]]:
        """For each, the picture (x0, in latents) that it was heading for at every call. Saves nothing."""
        seen: dict[Experiment, list[torch.Tensor]] = {e: [] for e in experiments}

        def trace(members: Sequence[Experiment], call: int, x0: torch.Tensor) -> None:
            for e in members:
                seen[e].append(x0)

        for name in dict.fromkeys(e.model for e in experiments):
            mine = [e for e in experiments if e.model == name]
            for _ in self.engine(self.denoiser(name), [e.size for e in mine]).run(mine, trace=trace):
                pass
        return seen

    def engine(self, denoiser: Denoiser, sizes: Iterable[Size]) -> Engine:
        """An engine at the model's batch shape, which the folder remembers from now on.

        sizes: of all pictures that belong together, done or not: the shape must not depend on what is left to do.
        """
        sizes = list(sizes)
        batch_size = self.batch_size(denoiser.name, sizes)
        self.note_batch_size(denoiser, batch_size)
        memory = denoiser.memory(_largest(sizes, denoiser))
        return Engine(denoiser, devices.with_room(self.compute_on, batch_size, *memory), batch_size)

    def batch_size(self, model: str, sizes: Sequence[Size]) -> int:
        """The batch shape of this model's pictures, as it was settled or as its memory wants it."""
        if model not in self._batch_sizes:
            settled = self.environment.settle_batch_size(model, self.options.batch_size, self.compute_on)
            if settled is None:
                denoiser = self.denoiser(model)
                settled = devices.auto_batch_size(self.compute_on, *denoiser.memory(_largest(sizes, denoiser)))
            self._batch_sizes[model] = settled
        return self._batch_sizes[model]

    def note_batch_size(self, denoiser: Denoiser, batch_size: int) -> None:
        """From now on this folder's pictures of this model are made at this batch shape."""
        self._batch_sizes[denoiser.name] = batch_size
        asked = [asked for asked, source in self.sources.items() if source.name == denoiser.name]
        self.environment.note_model(asked, denoiser, batch_size)
        self.run.write_environment(self.environment.as_json(self.compute_on))


def _largest(sizes: Iterable[Size], denoiser: Denoiser) -> tuple[int, int]:
    return max((size or denoiser.native_size for size in sizes), key=lambda size: size[0] * size[1])


class _Job:
    """The pending ones of some experiments."""

    def __init__(
        self,
        session: Session,
        experiments: Sequence[Experiment],
        pending: Sequence[Experiment],
        titled_by: list[str],
        unit: str,
    ):
        self.session, self.experiments, self.titled_by, self.unit = session, experiments, titled_by, unit
        self.pending = dict.fromkeys(pending)  # in order, and quick to take from
        self.total, self.planned = len(pending), cost(pending)
        self.shares = own_and_shared(experiments) if pending else {}
        self.evaluations, self.batches, self.started = 0, 0, time.monotonic()
        self.failed: list[Failed] = []

    def run_model(self, denoiser: Denoiser) -> None:
        """This model's experiments; those not done are begun again with half the batch whenever memory fails."""
        self._say_what_is_cut_short(denoiser)
        self._check_labels(denoiser)
        self._check_layers(denoiser)
        while mine := [e for e in self.pending if e.model == denoiser.name]:
            engine = self.session.engine(denoiser, (e.size for e in self.experiments if e.model == denoiser.name))
            try:
                self._compute(engine, mine)
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                if engine.batch_size == 1:
                    self._one_by_one(engine, mine)
                    break
                half = engine.batch_size // 2
                self.session.note_batch_size(denoiser, half)
                self.session.display.notice(f"out of memory: the batch is halved to {half} rows, and the run goes on")
            devices.release_memory(self.session.compute_on)

    def _one_by_one(self, engine: Engine, mine: Sequence[Experiment]) -> None:
        """At batch 1: whose memory fails alone, fails."""
        for e in [e for e in mine if e in self.pending]:
            try:
                self._compute(engine, [e])
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                self._fail(Failed(e, "not enough memory for even one row at a time"))
            devices.release_memory(self.session.compute_on)

    def _fail(self, failed: Failed) -> None:
        self.failed.append(failed)
        self.session.run.save_failure(self._settings(failed.experiment), failed.reason)
        del self.pending[failed.experiment]
        if self.session.options.fail_fast:
            raise RunFailed(f"{title(failed.experiment, self.titled_by)}: {failed.reason}")

    def _check_layers(self, denoiser: Denoiser) -> None:
        for harm, guider in perturbations([e for e in self.pending if e.model == denoiser.name]).items():
            with told_where(f"guider {guider.name} on {denoiser.name}"):
                denoiser.harmed(harm)

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

    def _compute(self, engine: Engine, mine: Sequence[Experiment]) -> None:
        evaluations, batches = self.evaluations, self.batches

        def watch() -> None:
            self.evaluations = evaluations + engine.tally.evaluations
            self.batches = batches + engine.tally.batches
            self.session.display.update(self._status())

        for finished in engine.run(mine, watch):
            with uninterrupted():
                if isinstance(finished, Failed):
                    self._fail(finished)
                    continue
                self.session.run.save(finished.image, self._record(finished, engine.batch_size))
                del self.pending[finished.experiment]
        watch()

    def _status(self) -> Status:
        rate = self.evaluations / max(1e-6, time.monotonic() - self.started)
        fraction = min(1.0, self.evaluations / self.planned.evaluations)
        done = self.total - len(self.pending)
        return Status(done, self.total, self.unit, fraction, f"{rate:.0f} evaluations/s, {saved(self.planned)}")

    def _record(self, finished: Finished, batch_size: int) -> Record:
        own, shared = self.shares[finished.experiment]
        return {
            **self._settings(finished.experiment),
            "width": finished.image.width,
            "height": finished.image.height,
            "evaluations": {"own": own, "shared": shared},
            "batch_size": batch_size,
        }

    def _settings(self, e: Experiment) -> Record:
        return {
            "id": e.id,
            "title": title(e, self.titled_by),
            "status": "done",
            "guider": e.guider.spec(),
            "schedule": e.schedule.spec(),
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


def saved(planned: Cost) -> str:
    return f"{1 - planned.evaluations / planned.unshared:.0%} saved by sharing"


def _resolve_models(
    sweep: Sweep, document: Document, options: Options, compute: devices.Compute, display: Display
) -> dict[str, Source]:
    """For every model asked for, the one that runs. `--model` overrides the sweep's and never falls back."""
    fallback = None
    if sweep.fallback and options.model is None:
        with told_where(document.where(("fallback",))):
            fallback = Source.bundled(sweep.fallback)
    sources = {}
    for name in sweep.model:
        with told_where("--model" if options.model else document.where(("model",))):
            source = Source.of(options.model or name, sweep.revision, options.allow_pickle)
            reason = why_not_here(source, compute.device) if fallback else None
            if fallback and reason:
                display.notice(f"{name} can't run here ({reason}); running the bundled model {fallback.name!r} instead")
                source = fallback
            if source.on_hub and not reachable(source):
                hint = "name a bundled model, a folder, or give the sweep a `fallback`"
                raise UserError("its weights are neither cached nor downloadable", given=source.name, hint=hint)
        sources[name] = source
    return sources


@contextmanager
def told_where(where: str) -> Iterator[None]:
    """User errors from inside say where they are, if they do not already."""
    try:
        yield
    except UserError as error:
        raise error.at(where) from None
