"""A run folder with its models, settled: device, dtype, batch shapes, and who is at work in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.observer import EngineObserver
from cfgsweep.engine.plan import Plan
from cfgsweep.errors import RunFailed, UserError, error_context, error_key
from cfgsweep.execution.options import Options
from cfgsweep.models import device as devices
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source, reachable, why_not_here
from cfgsweep.storage.environment import Environment
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.verify import repair
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.fields import Size
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display
from cfgsweep.system.locks import held


class RunSession:
    """A run folder and its models, ready to compute experiments; the model last used stays loaded."""

    def __init__(
        self,
        run: RunFolder,
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
        folder: Path,
        options: Options,
        display: Display,
        like: RunFolder | None = None,
    ) -> RunSession:
        """Settle what runs, where and in which batch shape. Writes nothing yet, and loads no model.

        like: a run whose pictures a new folder begins with, so that the others have to be made as they were.
        """
        run = RunFolder(folder)
        environment = Environment(run.environment() or (like.environment() if like else None), display, options.command)
        compute = environment.settle_compute(options.device, options.dtype)
        sources = _resolve_models(sweep, options, compute, display)
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
                self.environment = Environment(self.run.environment(), self.display, self.options.command)
                self.compute_on = self.environment.settle_compute(self.options.device, self.options.dtype)
            repair(self.run, self.display)
            try:
                yield
            except FileNotFoundError as error:
                if self.run.folder.exists():
                    raise
                raise RunFailed("the folder is gone: moved, or removed", where=str(self.run.folder)) from error

    def expand(self, sweep: Sweep) -> list[Experiment]:
        """The sweep's experiments, by the models that run."""
        return expand(sweep, runs_as={asked: source.name for asked, source in self.sources.items()})

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
            self._loaded = load_model(source, self.compute_on)
        return self._loaded

    def room(self, e: Experiment) -> int:
        """How many pictures like this one it takes to keep every worker's batch full."""
        rows_a_step = max(1, round(cost([e]).evaluations / e.steps))
        return max(2, self.batch_size(e.model, [e.size]) * self.compute_on.workers // rows_a_step)

    def trace(self, experiments: Sequence[Experiment]) -> dict[Experiment, list[torch.Tensor]]:
        """For each, the picture (x0, in latents) that it was heading for at every call. Saves nothing."""
        traces = StepTraces(experiments)
        for name in dict.fromkeys(e.model for e in experiments):
            mine = [e for e in experiments if e.model == name]
            for _ in self.engine(self.denoiser(name), [e.size for e in mine]).run(Plan(mine), traces):
                pass
        return traces.x0

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


class StepTraces(EngineObserver):
    """Keeps, for every experiment, the x0 of every guided prediction, in the order of the calls."""

    traces_steps = True

    def __init__(self, experiments: Sequence[Experiment]):
        self.x0: dict[Experiment, list[torch.Tensor]] = {e: [] for e in experiments}

    def step_guided(self, experiments: Sequence[Experiment], call: int, x0: torch.Tensor) -> None:
        for e in experiments:
            self.x0[e].append(x0)


def _largest(sizes: Iterable[Size], denoiser: Denoiser) -> tuple[int, int]:
    return max((size or denoiser.native_size for size in sizes), key=lambda size: size[0] * size[1])


def _resolve_models(sweep: Sweep, options: Options, compute: devices.Compute, display: Display) -> dict[str, Source]:
    """For every model asked for, the one that runs. `--model` overrides the sweep's and never falls back."""
    fallback = None
    if sweep.fallback and options.model is None:
        with error_key("fallback"):
            fallback = Source.bundled(sweep.fallback)
    sources = {}
    for name in sweep.model:
        with error_context("--model") if options.model else error_key("model"):
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
