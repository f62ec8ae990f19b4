"""What a sweep has to know of a model before it is loaded, read from the model's small files. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cfgsweep.models.family import conditioned_on
from cfgsweep.models.source import find_source, read_json
from cfgsweep.samplers import STABLE_DIFFUSION_NOISE, noise_levels


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a model as they were when they were read.

    scheduler_config: the model's noise schedule, as diffusers' schedulers take it.
    conditioned_on: 'prompt' or 'label'; None where the model's files are not on this machine.
    """

    name: str
    scheduler_config: Mapping[str, Any]
    conditioned_on: str | None
    _noise_levels: dict[tuple[str, int], tuple[float, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def read(cls, name: str, revision: str | None = None) -> ModelInfo:
        """Read a model's files, without downloading any. Raises UserError where one is damaged.

        Where there is no scheduler configuration, the noise schedule is that of Stable Diffusion, which most models of
        texts have: what is planned here may run on another machine.
        """
        wanted, source = conditioned_on(name, revision), find_source(name, revision)
        path = source.known_file("scheduler/scheduler_config.json") if source else None
        return cls(name, read_json(path) if path else STABLE_DIFFUSION_NOISE, wanted)

    def noise_levels(self, sampler: str, steps: int) -> tuple[float, ...]:
        """sigma / alpha at every step, falling. Computed at the first call, which imports torch.

        Raises UserError where the sampler does not go with the model.
        """
        key = sampler, steps
        if key not in self._noise_levels:
            self._noise_levels[key] = noise_levels(sampler, self.scheduler_config, steps)
        return self._noise_levels[key]


def model_infos(names: Iterable[str], revision: str | None = None) -> dict[str, ModelInfo]:
    """The facts about each of these models, by name."""
    return {name: ModelInfo.read(name, revision) for name in dict.fromkeys(names)}
