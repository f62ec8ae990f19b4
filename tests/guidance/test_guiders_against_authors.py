"""Guiders against their authors' code, written again for one sample, in the space in which the authors have it.

Each reference names the repository and the commit that it was read at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cfgsweep.guidance import GUIDERS
from cfgsweep.samplers import PredictionKind
from tests.support.guidance_steps import guided

SHAPES = [(4, 8, 6), (4, 16, 16), (4, 7, 11), (3, 64, 64)]


def pair(shape: tuple[int, ...], seed: int = 5) -> dict[str, torch.Tensor]:
    """Two predictions of plausible sizes, float64, [1, *shape]."""
    generator = torch.Generator().manual_seed(seed)
    base, other = (torch.randn(1, *shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return {"cond": base + 0.3 * other, "uncond": base}


def inner(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum())


# Flow models: c, u are the network's own predictions, as the authors' pipelines have them ---------------------------


def zero_star(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """WeichenFan/CFG-Zero-star 3162be1, models/Cogview4/pipeline.py."""
    closest = inner(c, u) / (inner(u, u) + 1e-8) * u
    return closest + s * (c - closest)


def mambo_g(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """xiaomomy/MAMBO-G 9c54dd1, sd35_step.py, with the alpha of qwen_sample.py."""
    ratio = inner(c - u, c - u) ** 0.5 / inner(u, u) ** 0.5
    return u + (1 + (s - 1) * np.exp(-8.0 * ratio)) * (c - u)


def energy_preserving(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """Kai-46/minFM, utils_fm/sampler.py, by the first author of EP-CFG."""
    result = c + (s - 1) * (c - u)
    return result * (inner(c, c) / inner(result, result)) ** 0.5


def projected(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """HunyuanImage 2.1 (diffusers 0.42, AdaptiveProjectedMixGuidance) from its change to APG on: the first step."""
    difference = c - u
    difference = difference * min(1.0, 10.0 / inner(difference, difference) ** 0.5)
    return c + (10.0 - 1) * (difference - inner(difference, c) / inner(c, c) * c)


def tangential(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """Kwon et al., listing 1; so has diffusers 0.42 it, and ComfyUI's nodes_tcfg.py, whose x - x0 is the flow by t."""
    _, _, basis = np.linalg.svd(np.stack([c.ravel(), u.ravel()]), full_matrices=False)
    shared = (basis[0] @ u.ravel() * basis[0]).reshape(u.shape)
    return shared + s * (c - shared)


ON_FLOW: dict[str, tuple[dict, Callable]] = {
    "cfg_zero": ({}, zero_star),
    "mambo_g": ({}, mambo_g),
    "ep_cfg": ({"low": 0.0, "high": 1.0}, energy_preserving),
    "apg_mix": ({"share": 1.0}, projected),
    "tcfg": ({}, tangential),
}


@pytest.mark.parametrize("name", ON_FLOW)
@pytest.mark.parametrize("t", [0.05, 0.3, 0.5, 0.9, 0.999])
def test_on_flow_models_a_guider_is_what_its_authors_have(name: str, t: float) -> None:
    parameters, reference = ON_FLOW[name]
    for shape in SHAPES:
        some = pair(shape)
        c, u = (some[branch][0].numpy() for branch in ("cond", "uncond"))
        got = guided(GUIDERS[name](**parameters), some, "flow", sigma=t / np.hypot(t, 1 - t), scale=6.0)
        np.testing.assert_allclose(got[0].numpy(), reference(c, u, 6.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ON_FLOW)
def test_on_flow_models_pure_noise_is_no_exception(name: str) -> None:
    parameters, reference = ON_FLOW[name]
    some = pair((4, 8, 6))
    got = guided(GUIDERS[name](**parameters), some, "flow", sigma=1.0, scale=6.0)
    c, u = (some[branch][0].numpy() for branch in ("cond", "uncond"))
    np.testing.assert_allclose(got[0].numpy(), reference(c, u, 6.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", GUIDERS)
@pytest.mark.parametrize("prediction", ["flow", "v", "x0"])
def test_no_guider_fails_at_pure_noise(name: str, prediction: PredictionKind) -> None:
    """There sigma / alpha is infinite, at the first step of flow models and with zero terminal SNR."""
    some = pair((4, 8, 6))
    some |= dict.fromkeys(("perturbed", "blurred", "empty"), some["cond"] + 0.1 * some["uncond"])
    guider = GUIDERS[name]()
    assert guided(guider, some, prediction, sigma=1.0, scale=guider.default_scale).isfinite().all()
