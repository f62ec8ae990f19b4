"""What all pictures of a run folder are computed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cfgsweep.execution.fingerprints import fingerprint_by_name
from cfgsweep.execution.model_sources import resolve_models
from cfgsweep.execution.options import Options
from cfgsweep.models.device import Compute
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.machine import Machine
from cfgsweep.models.source import Source
from cfgsweep.storage.environment import Environment
from cfgsweep.storage.records import DoneRecord, EnvironmentRecord
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display


class RunSettings:
    """Device, dtype, models, and a batch size for every model and picture size. Nothing here has loaded a model.

    sources: the model that runs, by its name in the sweep. diagnostics, previews: as the sweep says.
    """

    def __init__(
        self,
        environment: Environment,
        compute: Compute,
        sources: Mapping[str, Source],
        options: Options,
        diagnostics: bool = True,
        previews: int = 0,
    ):
        self.environment, self.compute, self.sources, self.options = environment, compute, sources, options
        self.diagnostics, self.previews = diagnostics, previews
        self._batch_sizes: dict[tuple[str, tuple[int, int]], int] = {}
        self._row_bytes: dict[tuple[str, tuple[int, int]], int] = {}
        self._fingerprints: dict[str, str] = {}

    @classmethod
    def settle(
        cls,
        sweep: Sweep,
        found: EnvironmentRecord | None,
        options: Options,
        display: Display,
        machine: Machine | None = None,
    ) -> RunSettings:
        """The settings that the options give, and for what they leave open those of the folder or of the machine.

        found: environment.json of the folder, None in a new one. machine: that computes, if not this one. Raises
        UserError where an option contradicts the folder, or a model cannot run.
        """
        environment = Environment(found, display, options.command, options.shard, machine, options.mixed)
        compute = environment.settle_compute(options.device, options.dtype)
        sources = resolve_models(sweep, options, compute.device, display)
        settings = cls(environment, compute, sources, options, sweep.diagnostics, sweep.previews)
        settings._check_batch_sizes()
        return settings

    def settle_again(self, found: EnvironmentRecord | None, display: Display) -> None:
        """Take over what another process has settled for the folder in the meantime."""
        machine = self.environment.machine
        options = self.options
        self.environment = Environment(found, display, options.command, options.shard, machine, options.mixed)
        self.compute = self.environment.settle_compute(self.options.device, self.options.dtype)
        self._check_batch_sizes()

    def _check_batch_sizes(self) -> None:
        for source in self.sources.values():
            self.environment.check_batch_size(source.name, self.options.batch_size, self.compute)

    @property
    def kind(self) -> DeviceKind:
        """Of the device."""
        return self.environment.machine.kind(self.compute)

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

    def row_bytes(self, model: str, size: tuple[int, int]) -> int | None:
        """What a row of the model's pictures of this size takes on the device, None where it was not measured."""
        return self._row_bytes.get((model, size)) or self.environment.row_bytes(model, size, self.compute)

    def note_row_bytes(self, model: str, size: tuple[int, int], taken: int) -> None:
        """Count on this for all further rows of the model's pictures of this size."""
        self._row_bytes[model, size] = taken
        self.environment.note_row_bytes(model, size, taken)

    def note_model(self, model: str, sampled: Callable[[], str], fingerprint: str | None = None) -> None:
        """Note that the model predicts in this folder. Raises UserError where its files are not those of this folder.

        sampled: gives the model's fingerprint as version 0.1 has it, for a folder of that version. fingerprint: of the
        model, where its files are not on this machine.
        """
        names = [asked for asked, name in self.runs_as().items() if name == model] or [model]
        if fingerprint is not None:
            self._fingerprints[model] = fingerprint
        self.environment.note_model(names, model, self.fingerprint(model), sampled)

    def difference(self, record: DoneRecord, theirs: EnvironmentRecord | None) -> str | None:
        """How a picture of another folder was made otherwise than this folder's are.

        None where it was made alike, or nothing was known of this folder: then it is noted how the picture was made,
        and the others have to be like it. theirs: environment.json of the other folder.
        """
        given = self.options.batch_size
        if given not in (None, record.batch_size):
            return f"in batches of {record.batch_size} rows, here of {given}"
        reason = self.environment.difference(record, theirs, self.compute)
        if reason is None:
            self.environment.adopt(record, theirs, self.compute)
        return reason

    def fingerprint(self, model: str) -> str:
        """The fingerprint of a model of the sweep or of its guiders, of a LoRA, or of an autoencoder."""
        if model not in self._fingerprints:
            self._fingerprints[model] = fingerprint_by_name(model, self.sources.values())
        return self._fingerprints[model]

    def as_json(self) -> dict[str, object]:
        """The content of environment.json."""
        return self.environment.as_json(self.compute)
