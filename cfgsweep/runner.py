"""From a sweep to a finished run folder."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfgsweep import device as devices
from cfgsweep import models
from cfgsweep.cautions import cautions
from cfgsweep.config import Sweep
from cfgsweep.display import Display, Status
from cfgsweep.engine.loop import Engine, Finished
from cfgsweep.engine.plan import cost, own_and_shared, perturbations
from cfgsweep.environment import Environment
from cfgsweep.errors import UserError, shorten
from cfgsweep.experiments import Experiment, expand, title, varying
from cfgsweep.images import Record
from cfgsweep.models.base import Denoiser
from cfgsweep.models.source import Source, reachable, why_not_here
from cfgsweep.reports import write_grids
from cfgsweep.run import Run
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


def run_sweep(sweep: Sweep, document: Document, folder: Path, options: Options, display: Display) -> list[Path]:
    """Compute what is missing in the folder, and write the default grid; return its files."""
    run = Run(folder)
    environment = Environment(run.environment(), display)
    compute = environment.settle_compute(options.device, options.dtype)
    sources = _resolve_models(sweep, document, options, compute, display)
    for source in sources.values():
        environment.settle_batch_size(source.name, options.batch_size, compute)  # refuses, if it must, now
    experiments = expand(sweep, document, {asked: source.name for asked, source in sources.items()})
    for caution in cautions(experiments):
        display.notice(caution)
    run.create()
    run.write_sweep(sweep)
    done = run.done(experiments)
    pending = [e for e in experiments if e.id not in done][: options.limit]
    _name_strangers(run, experiments, display)
    if done:
        display.say(f"{len(done)} of {len(experiments)} pictures are there already")
    if pending:
        _Job(run, environment, compute, options, display, experiments, pending).run_models(sources)
    display.close()
    run.sort_records(experiments)
    return write_grids(run, sweep.name, experiments)


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


def _name_strangers(run: Run, experiments: Sequence[Experiment], display: Display) -> None:
    """Say what is in the folder and no longer belongs to its sweep. It is left alone."""
    others = run.records().keys() - {e.id for e in experiments}
    if others:
        some = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        display.notice(f"{len(others)} pictures in {run.folder} are of an earlier sweep and are left alone: {some}")


class _Job:
    """The pending experiments of one run, model by model."""

    def __init__(
        self,
        run: Run,
        environment: Environment,
        compute: devices.Compute,
        options: Options,
        display: Display,
        experiments: Sequence[Experiment],
        pending: Sequence[Experiment],
    ):
        self.run, self.environment, self.compute = run, environment, compute
        self.options, self.display, self.experiments = options, display, experiments
        self.pending = dict.fromkeys(pending)  # in order, and quick to take from
        self.total, self.planned = len(pending), cost(pending)
        self.shares = own_and_shared(experiments)
        self.titled_by = varying(experiments)
        self.evaluations, self.started = 0, time.monotonic()

    def run_models(self, sources: dict[str, Source]) -> None:
        for source in dict.fromkeys(sources.values()):
            if any(e.model == source.name for e in self.pending):
                denoiser = models.load(source, self.compute)
                self._run_model(denoiser, [asked for asked, s in sources.items() if s == source])
        seconds = time.monotonic() - self.started
        self.display.say(
            f"{self.total} pictures in {seconds:.1f} s, {self.evaluations} evaluations. "
            f"One by one it would have been {self.planned.unshared}: {self._saved()}."
        )

    def _run_model(self, denoiser: Denoiser, asked: list[str]) -> None:
        """This model's experiments; those not done are begun again with half the batch whenever memory fails."""
        memory = denoiser.memory(self._largest_size(denoiser))
        batch_size = self.environment.settle_batch_size(denoiser.name, self.options.batch_size, self.compute)
        batch_size = batch_size or devices.auto_batch_size(self.compute, *memory)
        self._say_what_is_cut_short(denoiser)
        self._check_layers(denoiser)
        while mine := [e for e in self.pending if e.model == denoiser.name]:
            self.environment.note_model(asked, denoiser, batch_size)
            self.run.write_environment(self.environment.as_json(self.compute))
            compute = devices.with_room(self.compute, batch_size, *memory)
            try:
                self._compute(Engine(denoiser, compute, batch_size), mine)
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                if batch_size == 1:
                    raise UserError("not enough memory for even one row at a time", where=denoiser.name) from None
                batch_size //= 2
                self.display.notice(f"out of memory: the batch is halved to {batch_size} rows, and the run goes on")
            devices.release_memory(self.compute)

    def _largest_size(self, denoiser: Denoiser) -> tuple[int, int]:
        """Of all the sweep's pictures, done or not: the batch shape must not depend on what is left to do."""
        sizes = [e.size or denoiser.native_size for e in self.experiments if e.model == denoiser.name]
        return max(sizes, key=lambda size: size[0] * size[1])

    def _check_layers(self, denoiser: Denoiser) -> None:
        for harm, guider in perturbations([e for e in self.pending if e.model == denoiser.name]).items():
            with told_where(f"guider {guider.name} on {denoiser.name}"):
                denoiser.harmed(harm)

    def _say_what_is_cut_short(self, denoiser: Denoiser) -> None:
        texts = {text for e in self.pending for text in (e.prompt, e.negative_prompt) if e.model == denoiser.name}
        for text in sorted(filter(denoiser.is_cut_short, texts)):
            self.display.notice(
                f"{denoiser.name} cannot read all of this prompt and leaves out its end: {shorten(text)}"
            )

    def _compute(self, engine: Engine, mine: Sequence[Experiment]) -> None:
        before = self.evaluations

        def watch() -> None:
            self.evaluations = before + engine.tally.evaluations
            self.display.update(self._status())

        for finished in engine.run(mine, watch):
            with uninterrupted():
                self.run.save(finished.image, self._record(finished, engine.batch_size))
                del self.pending[finished.experiment]
        watch()

    def _status(self) -> Status:
        rate = self.evaluations / max(1e-6, time.monotonic() - self.started)
        fraction = min(1.0, self.evaluations / self.planned.evaluations)
        done = self.total - len(self.pending)
        return Status(done, self.total, "pictures", fraction, f"{rate:.0f} evaluations/s, {self._saved()}")

    def _saved(self) -> str:
        return f"{1 - self.planned.evaluations / self.planned.unshared:.0%} saved by sharing"

    def _record(self, finished: Finished, batch_size: int) -> Record:
        e = finished.experiment
        own, shared = self.shares[e]
        return {
            "id": e.id,
            "title": title(e, self.titled_by),
            "status": "done",
            "guider": e.guider.spec(),
            "schedule": e.schedule.spec(),
            "value": e.value,
            "prompt": e.prompt,
            "negative_prompt": e.negative_prompt,
            "seed": e.seed,
            "steps": e.steps,
            "sampler": e.sampler,
            "width": finished.image.width,
            "height": finished.image.height,
            "model": e.model,
            "revision": e.revision,
            "evaluations": {"own": own, "shared": shared},
            "device": self.compute.device,
            "dtype": self.compute.dtype_name,
            "batch_size": batch_size,
        }


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block is done."""
    caught: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *args: caught.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught:
        raise KeyboardInterrupt
