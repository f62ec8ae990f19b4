"""Rows of a timestep and one encoded condition each, all of which fit into a batch with each other."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import Condition
from cfgsweep.models.denoiser import CacheSlot
from cfgsweep.samplers import Sampler, Sampling


@dataclass(frozen=True)
class EncodedRow:
    """The network's inputs for one row: a timestep, and an encoded condition [1, ...]. See `RowInputs`."""

    timestep: torch.Tensor
    condition: torch.Tensor
    key: ClassVar[Hashable] = None

    def cached(self, slot: CacheSlot) -> EncodedRow:
        raise NotImplementedError("no step caches: see `check_sampling`")


class EncodedRows(ABC):
    """The part of a denoiser that makes rows of timesteps and encoded conditions, and first latents of noise."""

    scheduler_config: Mapping[str, Any]
    native_size: tuple[int, int]
    own_formula = "cfg"
    restarts = True

    @abstractmethod
    def encode(self, condition: Condition) -> torch.Tensor:
        """The network's input for a condition, one row: [1, tokens, width] for a text, [1] for a label.

        Raises UserError where the model has no such label.
        """

    def encode_texts(self, texts: Iterable[tuple[Condition, Sampling]]) -> None:  # noqa: B027 (nothing to do)
        """Its encoders stay, and encode when they are asked."""

    @abstractmethod
    def noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """Standard normal noise [1, channels, height, width] for a picture of `size`, width and height in pixels."""

    @abstractmethod
    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """The network's prediction of every row, float32 [rows, channels, height, width].

        latents: [rows, channels, height, width]. timesteps: [rows]. conditions: encoded ones, [rows, ...].
        """

    def check_sampling(self, sampling: Sampling) -> None:
        Sampler.start(sampling.sampler, self.scheduler_config, sampling.steps, torch.Generator())
        if sampling.loras:
            raise UserError("a LoRA is taken by recorded pipelines alone", where="lora", given=sampling.loras[0].file)
        if sampling.cache:
            problem = "a step cache is taken by recorded pipelines alone"
            raise UserError(problem, where="cache", given=sampling.cache.name)
        if sampling.inputs:
            names = ", ".join(name for name, _ in sampling.inputs)
            raise UserError("this model has no inputs but its condition", where="call", given=names)

    def check_condition(self, condition: Condition) -> None:
        self._encode_once(condition)

    def start(self, sampling: Sampling, generator: torch.Generator) -> tuple[torch.Tensor, Sampler]:
        noise = self.noise(sampling.size or self.native_size, generator)
        sampler = Sampler.start(sampling.sampler, self.scheduler_config, sampling.steps, generator)
        return noise * sampler.initial_sigma, sampler

    def inputs(self, condition: Condition, sampler: Sampler, call: int) -> EncodedRow:
        return EncodedRow(sampler.timestep(call).float(), self._encode_once(condition))

    def predict_rows(self, latents: torch.Tensor, rows: Sequence[EncodedRow]) -> torch.Tensor:
        timesteps = torch.stack([row.timestep for row in rows])
        return self.predict(latents, timesteps, torch.cat([row.condition for row in rows]))

    def _encode_once(self, condition: Condition) -> torch.Tensor:
        if condition not in self._encoded:
            self._encoded[condition] = self.encode(condition)
        return self._encoded[condition]

    @functools.cached_property
    def _encoded(self) -> dict[Condition, torch.Tensor]:
        return {}
