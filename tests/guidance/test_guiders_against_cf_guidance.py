"""Guiders equal cf_guidance at batch size 1, and treat every sample by itself. Windows are counted in steps."""

from __future__ import annotations

import pytest
import torch
from cf_guidance.transforms import BaseNormGuidance, FullNormGuidance, GuidanceTfm, TNormGuidance
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from tests.support.guidance_steps import guided

REFERENCES = {"cfg": GuidanceTfm, "prednorm": BaseNormGuidance, "tnorm": TNormGuidance, "fullnorm": FullNormGuidance}

seeds = st.integers(0, 2**31)
scales = st.floats(-3, 15)


def cond_and_uncond(seed: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A conditional and an unconditional prediction of plausible sizes."""
    generator = torch.Generator().manual_seed(seed)
    uncond = torch.randn(rows, 4, 8, 8, generator=generator)
    return uncond + 0.3 * torch.randn(rows, 4, 8, 8, generator=generator), uncond


def combined(name: str, cond: torch.Tensor, uncond: torch.Tensor, scales: list[float]) -> torch.Tensor:
    return guided(GUIDERS[name](), {"cond": cond, "uncond": uncond}, scale=scales)


@pytest.mark.parametrize("name", REFERENCES)
@given(seed=seeds, scale=scales)
def test_guiders_equal_cf_guidance_at_batch_size_1(name: str, seed: int, scale: float) -> None:
    cond, uncond = cond_and_uncond(seed, 1)
    expected = REFERENCES[name]({"g": [scale]})(uncond, cond, 0)
    torch.testing.assert_close(combined(name, cond, uncond, [scale]), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", REFERENCES)
@given(seed=seeds, some=st.lists(scales, min_size=2, max_size=5))
def test_every_sample_is_treated_by_itself(name: str, seed: int, some: list[float]) -> None:
    cond, uncond = cond_and_uncond(seed, len(some))
    together = combined(name, cond, uncond, some)
    for row, scale in enumerate(some):
        separate = combined(name, cond[row : row + 1], uncond[row : row + 1], [scale])
        torch.testing.assert_close(together[row : row + 1], separate, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", REFERENCES)
def test_equal_predictions_are_returned_unchanged(name: str) -> None:
    cond, _ = cond_and_uncond(5, 2)
    torch.testing.assert_close(combined(name, cond, cond, [0.3, 7.5]), cond, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("start", "stop", "steps", "window"),
    [
        (0.0, 1.0, 50, range(50)),
        (0.2, 0.8, 50, range(10, 40)),
        (0.29, 0.57, 100, range(29, 57)),  # in floating point 0.29 * 100 is below 29, and 0.57 * 100 below 57
        (0.0, 0.5, 5, range(2)),
        (0.5, 1.0, 5, range(2, 5)),
    ],
)
def test_windows_count_steps_exactly(start: float, stop: float, steps: int, window: range) -> None:
    assert GUIDERS["cfg"](start=start, stop=stop).window(steps) == window


def test_a_window_without_a_step_is_refused() -> None:
    with pytest.raises(UserError, match="contains no step"):
        GUIDERS["cfg"](start=0.1, stop=0.15).window(10)
    with pytest.raises(ValueError, match="empty"):
        GUIDERS["cfg"](start=0.5, stop=0.5)
