"""What denoisers have in common that predict under perturbations."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import OtherModel, Perturbation


class Perturbable(ABC):
    """The part of a denoiser that has one perturbed denoiser for every perturbation.

    load_other: loads another model by its name onto the same device, for perturbations by another model.
    """

    name: str
    load_other: Callable[[str], Any] | None = None

    def perturbed(self, perturbation: Perturbation | None) -> Self:
        if perturbation is None:
            return self
        if perturbation not in self._perturbed:
            self._perturbed[perturbation] = self._make_perturbed(perturbation)
        return self._perturbed[perturbation]

    @functools.cached_property
    def _perturbed(self) -> dict[Perturbation, Self]:
        return {}

    @abstractmethod
    def _make_perturbed(self, perturbation: Perturbation) -> Self: ...

    @property
    @abstractmethod
    def _kind(self) -> str:
        """What two models must have in common for one to predict in place of the other; it includes the family."""

    def _other_model(self, perturbation: OtherModel) -> Self:
        """Another model that takes the same latents and conditions. Raises UserError where it does not."""
        if self.load_other is None:
            raise UserError("no other model can be loaded for this one", where=self.name, given=perturbation.name)
        other = self.load_other(perturbation.name)
        if self._kind != other._kind:
            problem = "not a model of the same kind"
            raise UserError(problem, where=perturbation.name, given=other._kind, allowed=self._kind)
        assert isinstance(other, type(self))
        return other
