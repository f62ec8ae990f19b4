"""What all pictures of a run folder are computed with."""

from __future__ import annotations

from collections.abc import Mapping

from cfgsweep.execution.model_sources import resolve_models
from cfgsweep.execution.options import Options
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.source import Source
from cfgsweep.storage.environment import Environment
from cfgsweep.storage.records import EnvironmentRecord
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display


class RunSettings:
    """Device, dtype, models and the batch size of each model. Nothing here has loaded a model.

    sources: the model that runs, by its name in the sweep.
    """

    def __init__(self, environment: Environment, compute: Compute, sources: Mapping[str, Source], options: Options):
        self.environment, self.compute, self.sources, self.options = environment, compute, sources, options
        self._batch_sizes: dict[str, int] = {}

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
            settings.batch_size(source.name)
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

    def batch_size(self, model: str) -> int | None:
        """The model's batch size, None where nothing has settled it yet.

        Raises UserError where --batch-size contradicts the folder.
        """
        if model not in self._batch_sizes:
            return self.environment.settle_batch_size(model, self.options.batch_size, self.compute)
        return self._batch_sizes[model]

    def note_batch_size(self, denoiser: Denoiser, batch_size: int) -> None:
        """Use this batch size for all further pictures of the model."""
        self._batch_sizes[denoiser.name] = batch_size
        names = [asked for asked, name in self.runs_as().items() if name == denoiser.name]
        self.environment.note_model(names, denoiser, batch_size)

    def as_json(self) -> dict[str, object]:
        """The content of environment.json."""
        return self.environment.as_json(self.compute)
