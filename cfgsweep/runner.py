"""From a sweep to a finished run folder."""

from __future__ import annotations

import platform
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cfgsweep import device as devices
from cfgsweep import models
from cfgsweep.config import Sweep
from cfgsweep.display import Display, Status
from cfgsweep.engine.loop import Engine, Finished
from cfgsweep.engine.plan import Cost, cost, own_and_shared
from cfgsweep.errors import UserError
from cfgsweep.experiments import Experiment, cautions, expand, title, varying
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


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    experiments: int
    computed: int
    evaluations: int
    grids: list[Path]


def run_sweep(sweep: Sweep, document: Document, folder: Path, options: Options, display: Display) -> Outcome:
    """Compute what is missing in the folder, and write the default grid."""
    run = Run(folder)
    earlier = run.environment() if folder.is_dir() else {}
    compute = _settle_compute(earlier, options, display)
    sources = _resolve_models(sweep, options, display)
    experiments = expand(with_models(sweep, {asked: source.name for asked, source in sources.items()}), document)
    for caution in cautions(experiments):
        display.notice(caution)
    run.create()
    run.write_sweep(sweep if options.model is None else with_models(sweep, dict.fromkeys(sweep.model, options.model)))
    done = run.done(experiments)
    pending = [e for e in experiments if e.id not in done][: options.limit]
    _name_strangers(run, experiments, display)
    if done:
        display.say(f"{len(done)} of {len(experiments)} pictures are there already")
    job = _Job(run, compute, options, display, experiments, pending)
    started = time.monotonic()
    for asked, source in sources.items():
        job.run_model(asked, source, earlier)
    display.close()
    run.sort_records(experiments)
    grids = write_grids(run, sweep.name, experiments)
    if pending:
        seconds = time.monotonic() - started
        display.say(f"{len(pending)} pictures in {seconds:.1f} s, {job.evaluations} evaluations. {job.planned_words()}")
    return Outcome(len(experiments), len(pending), job.evaluations, grids)


def with_models(sweep: Sweep, names: dict[str, str]) -> Sweep:
    """The sweep on the models that really run."""
    return sweep.model_copy(update={"model": list(dict.fromkeys(names.get(name, name) for name in sweep.model))})


def _resolve_models(sweep: Sweep, options: Options, display: Display) -> dict[str, Source]:
    """For every model asked for, the one that runs. `--model` overrides the sweep's and never falls back."""
    if options.model is not None:
        source = Source.of(options.model, sweep.revision, options.allow_pickle)
        _require_reachable(source)
        return dict.fromkeys(sweep.model, source)
    fallback = Source.of(sweep.fallback) if sweep.fallback else None
    sources = {}
    for name in sweep.model:
        source = Source.of(name, sweep.revision, options.allow_pickle)
        if fallback and source.name != fallback.name:
            reason = why_not_here(source, devices.accelerator() if options.device != "cpu" else None)
            if reason:
                display.notice(f"{name} can't run here ({reason}); running the bundled model {fallback.name!r} instead")
                source = fallback
        _require_reachable(source)
        sources[name] = source
    return sources


def _require_reachable(source: Source) -> None:
    if source.on_hub and not reachable(source):
        hint = "name a bundled model, a folder, or give the sweep a `fallback`"
        raise UserError("its weights are neither cached nor downloadable", where="model", given=source.name, hint=hint)


def _settle_compute(earlier: dict[str, Any], options: Options, display: Display) -> devices.Compute:
    """Device and dtype: as asked; else as the folder was made, where that can be had."""
    device, dtype = options.device, options.dtype
    for flag, asked, before in (("--device", device, earlier.get("device")), ("--dtype", dtype, earlier.get("dtype"))):
        if before and asked not in ("auto", before):
            raise UserError("this run was made otherwise", where=flag, given=asked, allowed=before, hint=_ELSEWHERE)
    if earlier and device == "auto" and earlier["device"] in ("cpu", devices.accelerator()):
        device, dtype = earlier["device"], earlier["dtype"]
    compute = devices.choose(device, dtype)
    if earlier and compute.device != earlier["device"]:
        display.notice(
            f"this run was begun on {earlier['device']}, which is not here; it goes on on {compute.device}, "
            "and new pictures may differ from those there in their last bits"
        )
    return compute


_ELSEWHERE = "leave the flag out, or name another folder with --out"


class _Job:
    """The pending experiments of one run, model by model."""

    def __init__(
        self,
        run: Run,
        compute: devices.Compute,
        options: Options,
        display: Display,
        experiments: Sequence[Experiment],
        pending: Sequence[Experiment],
    ):
        self.run, self.compute, self.options, self.display = run, compute, options, display
        self.pending = list(pending)
        self.total = len(pending)
        self.shares = own_and_shared(experiments) if pending else {}
        self.titles = varying(list(experiments))
        self.planned: Cost = cost(pending)
        self.evaluations = 0
        self.finished = 0
        self.started = time.monotonic()

    def run_model(self, asked: str, source: Source, earlier: dict[str, Any]) -> None:
        """Run this model's experiments, the batch halved and they begun again whenever memory fails."""
        mine = [e for e in self.pending if e.model == source.name]
        if not mine:
            return
        denoiser = models.load(source, self.compute)
        batch_size = self._batch_size(denoiser, mine, earlier)
        while mine:
            self._write_environment(asked, denoiser, batch_size, earlier)
            try:
                self._compute(denoiser, mine, batch_size)
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error) or batch_size == 1:
                    raise
                batch_size //= 2
                self.display.notice(f"out of memory: the batch is halved to {batch_size} rows, and the run goes on")
            devices.release_memory(self.compute)
            mine = [e for e in self.pending if e.model == source.name]

    def _batch_size(self, denoiser: Denoiser, mine: Sequence[Experiment], earlier: dict[str, Any]) -> int:
        before = earlier.get("batch_size") if earlier.get("device") == self.compute.device else None
        if before and self.options.batch_size not in (None, before):
            given = self.options.batch_size
            raise UserError(
                "this run was made otherwise", where="--batch-size", given=given, allowed=str(before), hint=_ELSEWHERE
            )
        largest = max((e.size or denoiser.native_size for e in mine), key=lambda size: size[0] * size[1])
        return self.options.batch_size or before or devices.auto_batch_size(self.compute, *denoiser.memory(largest))

    def _compute(self, denoiser: Denoiser, mine: Sequence[Experiment], batch_size: int) -> None:
        engine = Engine(denoiser, self.compute, batch_size)
        before = self.evaluations

        def watch() -> None:
            self.evaluations = before + engine.tally.evaluations
            self.display.update(self._status())

        for finished in engine.run(mine, watch):
            with uninterrupted():
                self.run.save(finished.image, self._record(finished, batch_size))
                self.pending.remove(finished.experiment)
                self.finished += 1
            watch()

    def _status(self) -> Status:
        rate = self.evaluations / max(1e-6, time.monotonic() - self.started)
        fraction = min(1.0, self.evaluations / max(1, self.planned.evaluations))
        return Status(self.finished, self.total, "pictures", fraction, f"{rate:.0f} evaluations/s, {self._saved()}")

    def _saved(self) -> str:
        return f"{1 - self.planned.evaluations / max(1, self.planned.unshared):.0%} saved by sharing"

    def planned_words(self) -> str:
        return f"One by one it would have been {self.planned.unshared}: {self._saved()}."

    def _record(self, finished: Finished, batch_size: int) -> Record:
        e = finished.experiment
        own, shared = self.shares[e]
        return {
            "id": e.id,
            "title": title(e, self.titles),
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

    def _write_environment(self, asked: str, denoiser: Denoiser, batch_size: int, earlier: dict[str, Any]) -> None:
        """What the pictures were made with; refuses a model that is no longer what it was in this folder."""
        fingerprint = denoiser.fingerprint()
        known = earlier.get("models", {})
        before = next((m["fingerprint"] for m in known.values() if m["runs"] == denoiser.name), fingerprint)
        if before != fingerprint:
            raise UserError(
                "the model has changed since this run was made",
                where=denoiser.name,
                given=fingerprint,
                allowed=before,
                hint="name another folder with --out",
            )
        earlier.setdefault("models", {})[asked] = {"runs": denoiser.name, "fingerprint": fingerprint}
        libraries = ("cfgsweep", "torch", "diffusers", "transformers", "pillow")
        self.run.write_environment(
            {
                "command": shlex.join(["cfgsweep", *sys.argv[1:]]),
                "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
                "platform": platform.platform(),
                "device": self.compute.device,
                "device_name": devices.describe(self.compute),
                "dtype": self.compute.dtype_name,
                "batch_size": batch_size,
                "threads_per_batch": 1 if self.compute.device == "cpu" else None,
                "models": earlier["models"],
            }
        )


def _name_strangers(run: Run, experiments: Sequence[Experiment], display: Display) -> None:
    """Say what is in the folder and no longer belongs to its sweep. It is left alone."""
    others = run.records().keys() - {e.id for e in experiments}
    if others:
        some = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
        display.notice(f"{len(others)} pictures in {run.folder} are of an earlier sweep and are left alone: {some}")


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
