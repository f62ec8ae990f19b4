"""Facts about a model that a sweep needs before the model is loaded, from small files and without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.models.family import ANY_PIPELINE, known_family, known_pipeline_class, native_size
from cfgsweep.models.source import find_source, read_json
from cfgsweep.samplers import MOST_TRAINING_STEPS, STABLE_DIFFUSION_NOISE, noise_levels


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a model at the time when they were read.

    scheduler_config: the model's noise schedule, as diffusers' schedulers take it.
    negatives_apart: whether its pipeline may encode a negative prompt otherwise than a prompt.
    conditioned_on: 'prompt' or 'label'. native_size: width and height in pixels of pictures of no other size. Both are
        None where the model's files are not on this machine, as is pipeline, the class of its pipeline.
    """

    name: str
    scheduler_config: Mapping[str, Any]
    conditioned_on: str | None
    native_size: tuple[int, int] | None
    negatives_apart: bool = False
    pipeline: str | None = None
    _noise_levels: dict[tuple[str, int], tuple[float, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def is_recorded(self) -> bool:
        """Whether its pipeline is recorded, and not run by a denoiser of its own."""
        return self.negatives_apart

    @classmethod
    def read(cls, name: str, revision: str | None = None) -> ModelInfo:
        """Reads a model's files, without downloading any. Raises UserError where one is damaged.

        Where there is no scheduler configuration, the noise schedule is that of Stable Diffusion, which most models of
        texts have, since a plan may be made for another machine.
        """
        source = find_source(name, revision)
        family = known_family(source)
        configuration = source.configuration if source else None
        path = configuration.known_file("scheduler/scheduler_config.json") if configuration else None
        return cls(
            name,
            scheduler_config=_scheduler_config(path) if path else STABLE_DIFFUSION_NOISE,
            conditioned_on=family.conditioned_on if family else None,
            negatives_apart=family is ANY_PIPELINE,
            pipeline=known_pipeline_class(source),
            native_size=native_size(source, family) if source and family else None,
        )

    def noise_levels(self, sampler: str, steps: int) -> tuple[float, ...]:
        """sigma = sigma_t / alpha_t at every step, decreasing. The first call computes it, and imports torch.

        Raises UserError where the model cannot be sampled so.
        """
        key = sampler, steps
        if key not in self._noise_levels:
            self._noise_levels[key] = noise_levels(sampler, self.scheduler_config, steps)
        return self._noise_levels[key]


def _scheduler_config(path: Path) -> dict[str, Any]:
    """The noise schedule in a file. Raises UserError where it has more steps than any model, which takes memory."""
    config = read_json(path)
    steps = config.get("num_train_timesteps")
    if isinstance(steps, int | float) and steps > MOST_TRAINING_STEPS:
        where, allowed = f"{path}: num_train_timesteps", f"at most {MOST_TRAINING_STEPS}"
        raise UserError("too many steps", where=where, given=steps, allowed=allowed)
    return config


def model_infos(names: Iterable[str], revision: str | None = None) -> dict[str, ModelInfo]:
    """The facts about each of these models, by name."""
    return {name: ModelInfo.read(name, revision) for name in dict.fromkeys(names)}
