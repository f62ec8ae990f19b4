"""What a guider is given at a step: the predictions that it names, and the numbers that they are combined with."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from cfgsweep.guidance.perturbations import Perturbation

if TYPE_CHECKING:
    from torch import Tensor

MIN_ALPHA_T = 1e-4  # flow models begin at pure noise, where alpha_t is 0 and x0 is undefined


class Branch(NamedTuple):
    """One prediction that a guider needs, under the name that its formula uses.

    condition: the prompt, the negative prompt, or no text at all.
    """

    name: str
    condition: Literal["prompt", "negative_prompt", "nothing"]
    perturbation: Perturbation | None = None


COND, UNCOND = Branch("cond", "prompt"), Branch("uncond", "negative_prompt")


@dataclass(frozen=True)
class StepContext:
    """The input of a guider at one step, for any number of rows.

    predictions: by branch name, [rows, channels, height, width], in the guider's space.
    numbers: `scale` and the guider's numeric parameters, one number per row, [rows, 1, 1, 1].
    latents: the denoiser's input, normalised: alpha_t x0 + sigma_t noise, with alpha_t² + sigma_t² = 1.
    sigma, next_sigma: the noise level sigma_t / alpha_t before and after the step (0 after the last step of most
        samplers), [rows, 1, 1, 1]. This is sigma as in EDM (Karras et al. 2022, arXiv 2206.00364).
    flow: whether the model is a flow model.
    own_formula: the name of the formula by which the model's own pipeline guides, see `own_formulas.py`.
    memory: where the guider is stateful, what `Guider.remember` returned: at this step while `combine` is called, at
        the last guided step while `remember` is called; zeros at the first.
    """

    predictions: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]
    latents: Tensor
    sigma: Tensor
    next_sigma: Tensor
    memory: Tensor | None = None
    flow: bool = False
    own_formula: str = "cfg"

    def first_rows(self, count: int) -> StepContext:
        """The context of these rows alone, without memory."""
        return replace(
            self,
            predictions={name: predicted[:count] for name, predicted in self.predictions.items()},
            numbers={name: column[:count] for name, column in self.numbers.items()},
            latents=self.latents[:count],
            sigma=self.sigma[:count],
            next_sigma=self.next_sigma[:count],
            memory=None,
        )

    @functools.cached_property
    def alpha_t(self) -> Tensor:
        """The factor of x0 in `latents`."""
        return ((1 + self.sigma**2) ** -0.5).clamp(min=MIN_ALPHA_T)

    @functools.cached_property
    def sigma_t(self) -> Tensor:
        """The factor of the noise in `latents`; 1 where sigma is infinite."""
        return (1 + self.sigma**-2) ** -0.5

    @property
    def noised_x0(self) -> Tensor:
        """The latents as x0 + sigma noise, or of flow models as (1 - t) x0 + t noise with t = sigma / (1 + sigma)."""
        return self.latents / (self.alpha_t + self.sigma_t if self.flow else self.alpha_t)

    @property
    def cond(self) -> Tensor:
        """The prediction for the prompt."""
        return self.predictions["cond"]

    @property
    def uncond(self) -> Tensor:
        """The prediction for the negative prompt."""
        return self.predictions["uncond"]

    @functools.cached_property
    def difference(self) -> Tensor:
        """The direction of guidance: cond - uncond."""
        return self.cond - self.uncond

    @functools.cached_property
    def cfg(self) -> Tensor:
        """Plain classifier-free guidance: uncond + scale (cond - uncond)."""
        return self.uncond + self.scale * self.difference

    @property
    def scale(self) -> Tensor:
        """The guidance scale, [rows, 1, 1, 1]."""
        return self.numbers["scale"]
