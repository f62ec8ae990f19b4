"""What all pictures of a run folder are computed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cfgsweep.execution.model_sources import resolve_models
from cfgsweep.execution.options import Options
from cfgsweep.models.device import Compute
from cfgsweep.models.fingerprint import fingerprint
from cfgsweep.models.source import Source
from cfgsweep.storage.environment import Environment
from cfgsweep.storage.records import EnvironmentRecord
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display


class RunSettings:
    """Device, dtype, models, and a batch size for every model and picture size. Nothing here has loaded a model.

    sources: the model that runs, by its name in the sweep.
    """

    def __init__(self, environment: Environment, compute: Compute, sources: Mapping[str, Source], options: Options):
        self.environment, self.compute, self.sources, self.options = environment, compute, sources, options
        self._batch_sizes: dict[tuple[str, tuple[int, int]], int] = {}
        self._fingerprints: dict[str, str] = {}

    @classmethod
    def settle(cls, sweep: Sweep, found: EnvironmentRecord | None, options: Options, display: Display) -> RunSettings:
        """The settings that the options give, and for what they leave open those of the folder or of the machine.

        found: environment.json of the folder, None in a new one. Raises UserError where an option contradicts it, or a
        model cannot run.
        """
        environment = Environment(found, display, options.command)
        compute = environment.settle_compute(options.device, options.dtype)
        settings = cls(environment, compute, resolve_models(sweep, options, compute.device, display), options)
        for source in settings.sources.values():
            environment.check_batch_size(source.name, options.batch_size, compute)
        return settings

    def settle_again(self, found: EnvironmentRecord | None, display: Display) -> None:
        """Take over what another process has settled for the folder in the meantime."""
        self.environment = Environment(found, display, self.options.command)
        self.compute = self.environment.settle_compute(self.options.device, self.options.dtype)

    def source(self, name: str) -> Source:
        """The model of that name, as records have it."""
        return next(source for source in self.sources.values() if source.name == name)

    def runs_as(self) -> dict[str, str]:
        """The name of the model that runs, by its name in the sweep."""
        return {asked: source.name for asked, source in self.sources.items()}

    def batch_size(self, model: str, size: tuple[int, int]) -> int | None:
        """The batch size for the model's pictures of this size, None where nothing has settled it yet."""
        if (model, size) not in self._batch_sizes:
            return self.options.batch_size or self.environment.batch_size(model, size, self.compute)
        return self._batch_sizes[model, size]

    def note_batch_size(self, model: str, size: tuple[int, int], batch_size: int) -> None:
        """Use this batch size for all further pictures of the model that have this size."""
        self._batch_sizes[model, size] = batch_size
        self.environment.note_batch_size(model, size, batch_size)

    def note_model(self, model: str, sampled: Callable[[], str]) -> None:
        """Note that the model predicts in this folder. Raises UserError where its files are not those of this folder.

        sampled: gives the model's fingerprint as version 0.1 has it, for a folder of that version.
        """
        names = [asked for asked, name in self.runs_as().items() if name == model] or [model]
        self.environment.note_model(names, model, self.fingerprint(model), sampled)

    def fingerprint(self, model: str) -> str:
        """The fingerprint of a model of the sweep, or of another one that predicts for its guiders."""
        if model not in self._fingerprints:
            known = {source.name: source for source in self.sources.values()}
            self._fingerprints[model] = fingerprint(known.get(model) or Source.of(model))
        return self._fingerprints[model]

    def as_json(self) -> dict[str, object]:
        """The content of environment.json."""
        return self.environment.as_json(self.compute)
