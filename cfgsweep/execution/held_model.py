"""What an executor asks a loaded model before its pictures are computed.

The model may be loaded in another process: `Held` is what an executor knows, `HeldModel` answers where the model is.
All that is given and returned can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.errors import UserError
from cfgsweep.execution.fingerprints import fingerprint_by_name
from cfgsweep.execution.model_checks import check_guiders, check_with_model
from cfgsweep.guidance.perturbations import OtherModel
from cfgsweep.models import device_memory
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.models.device import Compute
from cfgsweep.models.row_memory import is_in_doubt, measured_row_bytes
from cfgsweep.models.source import Source
from cfgsweep.models.threads import one_thread_per_operation
from cfgsweep.sweep.experiment import Experiment

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


@dataclass(frozen=True)
class Memory:
    """What a model takes on its device, for pictures of one size.

    weights: bytes. row: estimated bytes of a row. measured: bytes of a row that were measured where that may decide on
    the batch, else None. default_batch: rows of a batch on any machine with memory enough.
    """

    weights: int
    row: int
    measured: int | None
    default_batch: int

    @property
    def row_bytes(self) -> int:
        return self.row if self.measured is None else self.measured


class Held(Protocol):
    """A loaded model."""

    def native_size(self) -> tuple[int, int]:
        """Width and height of its pictures where nothing is said."""
        ...

    def check(self, experiments: Sequence[Experiment]) -> list[str]:
        """See `check_with_model`; returns the notices."""
        ...

    def refusal(self, experiment: Experiment) -> str | None:
        """Why the model cannot be guided by the experiment's guider; None where it can."""
        ...

    def fingerprints(self, models: Sequence[str], files: Sequence[str], sources: Sequence[Source]) -> Mapping[str, str]:
        """Of models that predict, which are loaded, and so downloaded; and of other files.

        sources: of the sweep's models.
        """
        ...

    def sampled_fingerprint(self, name: str) -> str:
        """Of a model that predicts, as version 0.1 has it."""
        ...

    def memory(self, like: Experiment, known: int | None) -> Memory:
        """For pictures like this one. known: what a row was measured to take before."""
        ...

    def fitting_batch(self, most: int, weights: int, row: int) -> int:
        """See `fitting_batch_size`."""
        ...

    def encode_picture(self, image: Image.Image) -> Tensor:
        """See `Denoiser`; on the CPU, as is that of `features`."""
        ...

    def features(self, image: Image.Image) -> Tensor: ...


class HeldModel:
    """A model that is loaded in this process."""

    def __init__(self, source: Source, compute: Compute, denoiser: Denoiser):
        self.source, self.compute, self.denoiser = source, compute, denoiser

    def native_size(self) -> tuple[int, int]:
        return self.denoiser.native_size

    def check(self, experiments: Sequence[Experiment]) -> list[str]:
        notices: list[str] = []
        check_with_model(Plan(experiments), self.denoiser, notices.append)
        return notices

    def refusal(self, experiment: Experiment) -> str | None:
        try:
            check_guiders(Plan([experiment]), self.denoiser)
        except UserError as error:
            return error.problem
        return None

    def fingerprints(self, models: Sequence[str], files: Sequence[str], sources: Sequence[Source]) -> dict[str, str]:
        for name in models:
            self._predicting(name)
        return {name: fingerprint_by_name(name, sources) for name in (*models, *files)}

    def sampled_fingerprint(self, name: str) -> str:
        return self._predicting(name).sampled_fingerprint()

    def _predicting(self, name: str) -> Denoiser:
        return self.denoiser.perturbed(None if name == self.source.name else OtherModel(name))

    def memory(self, like: Experiment, known: int | None) -> Memory:
        weights, row = self.denoiser.memory(like.size or like.native_size or self.native_size())
        if known is None and is_in_doubt(self.compute, weights, row):
            sampling, condition = StartKey.of(like).sampling, like.conditions[0]
            known = measured_row_bytes(self.denoiser, self.compute, sampling, condition, row)
        return Memory(weights, row, known, device_memory.default_batch_size(self.compute, row))

    def fitting_batch(self, most: int, weights: int, row: int) -> int:
        return device_memory.fitting_batch_size(self.compute, most, weights, row)

    def encode_picture(self, image: Image.Image) -> Tensor:
        with one_thread_per_operation(self.compute):  # so that the bits do not depend on the number of cores
            return self.denoiser.encode_picture(image).cpu()

    def features(self, image: Image.Image) -> Tensor:
        with one_thread_per_operation(self.compute):
            return self.denoiser.features(image).cpu()
