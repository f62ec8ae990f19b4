"""Guiders against their authors' code, written again for one sample, in the space in which the authors have it.

Each reference names the repository and the commit that it was read at.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.apply import guide
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.models.perturbation_hooks import blur_tokens
from cfgsweep.samplers import PredictionKind
from tests.support.guidance_steps import guided, step_context

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


def normalised(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """As gmum/beta-CFG, whose code is for models that predict noise, would have it for a flow model."""
    return u + s * (c - u) / inner(c - u, c - u) ** 0.5


ON_FLOW: dict[str, tuple[dict, Callable]] = {
    "cfg_zero": ({}, zero_star),
    "mambo_g": ({}, mambo_g),
    "ep_cfg": ({"low": 0.0, "high": 1.0}, energy_preserving),
    "apg_mix": ({"share": 1.0}, projected),
    "tcfg": ({}, tangential),
    "beta_cfg": ({}, normalised),
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


# x0: c, u are x0, and x are the latents as the authors' samplers have them -------------------------------------------


def skim(one: np.ndarray, other: np.ndarray, x: np.ndarray, scale: float, low: float) -> np.ndarray:
    high = other + scale * (one - other)
    outwards = (np.sign(one - other) == np.sign(one)) & (np.sign(one) == np.sign(high))
    outwards &= np.sign(high) == np.sign(high - x)
    return np.where(outwards, one - (high - other - low * (one - other)) / scale, one)


def skimmed(c: np.ndarray, u: np.ndarray, x: np.ndarray, s: float, k: float, negative: bool, same: bool) -> np.ndarray:
    """Extraltodeus/Skimmed_CFG 2712803, skimmed_CFG.py; same: before 30042aa (October 2024)."""
    u = skim(u, c, x, s, 0.0 if negative else k)
    c = skim(c, u, x, s if same else s - 1, k)
    return u + s * (c - u)


def to_x0(kind: str, predicted: np.ndarray, latents: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
    """x0, of latents = alpha x0 + sigma noise."""
    return {
        "x0": lambda: predicted,
        "epsilon": lambda: (latents - sigma * predicted) / alpha,
        "v": lambda: alpha * latents - sigma * predicted,
        "flow": lambda: (latents - sigma * predicted) / (alpha + sigma),
    }[kind]()


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "flow"])
@pytest.mark.parametrize("parameters", [{}, {"full_negative": True}, {"same_scale": True}, {"skimming": 3.0}])
@pytest.mark.parametrize("scale", [8.0, 15.0])
def test_skimmed_is_its_authors_of_today(prediction: PredictionKind, parameters: dict, scale: float) -> None:
    sigma, alpha = 0.6, 0.8
    for shape in SHAPES:
        some, guider = pair(shape), GUIDERS["skimmed"](**parameters)
        ctx = step_context(guider, some, sigma=sigma, scale=scale)
        latents = ctx.latents[0].numpy()
        c, u = (to_x0(prediction, some[branch][0].numpy(), latents, alpha, sigma) for branch in ("cond", "uncond"))
        x = latents / (alpha + sigma if prediction == "flow" else alpha)
        flags = [bool(parameters.get(flag)) for flag in ("full_negative", "same_scale")]
        expected = skimmed(c, u, x, scale, parameters.get("skimming", 7.0), *flags)
        got = to_x0(prediction, guide(guider, ctx, prediction)[0][0].numpy(), latents, alpha, sigma)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 3.0, 7.0])
def test_unlike_its_authors_skimmed_raises_no_scale(scale: float) -> None:
    some = pair((4, 8, 6))
    got = guided(GUIDERS["skimmed"](), some, "x0", scale=scale)
    torch.testing.assert_close(got, some["uncond"] + scale * (some["cond"] - some["uncond"]))


def mahiro(c: np.ndarray, u: np.ndarray, s: float) -> np.ndarray:
    """ComfyUI 076bee6, comfy_extras/nodes_mahiro.py."""
    leap, result = c * s, u + s * (c - u)
    a, b = (np.sqrt(np.abs(v)) * np.sign(v) for v in (u * s, (leap + result) / 2))
    alike = ((a * b).sum(0) / (np.sqrt((a**2).sum(0)) * np.sqrt((b**2).sum(0)))).mean()
    weight = 2 * (alike + 1)
    return (weight * result + (4 - weight) * leap) / 4


@pytest.mark.parametrize("scale", [-3.0, -1e-3, 1e-3, 0.5, 1.0, 7.0])
def test_mahiro_is_its_authors(scale: float) -> None:
    for shape in SHAPES:
        some = pair(shape)
        got = guided(GUIDERS["mahiro"](), some, "x0", scale=scale)[0].numpy()
        expected = mahiro(some["cond"][0].numpy(), some["uncond"][0].numpy(), scale)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


# Of any space, since they are linear -------------------------------------------------------------------------------


def kernel_2d(x: np.ndarray) -> np.ndarray:
    """kornia 0.8, filter2d with the 5 x 5 binomial kernel and border_type="reflect", over the last two axes."""
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    return np.einsum("cyxij,ij->cyx", windows, weights)


def pyrdown(x: np.ndarray) -> np.ndarray:
    """Filtered, and bilinear at half the size: the mean of two by two positions."""
    channels, height, width = x.shape
    return kernel_2d(x).reshape(channels, height // 2, 2, width // 2, 2).mean((2, 4))


def pyrup(x: np.ndarray) -> np.ndarray:
    """Bilinear at twice the size with align_corners=False, and filtered."""
    for axis in (1, 2):
        x = np.moveaxis(x, axis, 0)
        before, after = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
        twice = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=1).reshape(-1, *x.shape[1:])
        x = np.moveaxis(twice, 0, axis)
    return kernel_2d(x)


def frequency_decoupled(c: np.ndarray, u: np.ndarray, scales: list[float]) -> np.ndarray:
    """Sadat et al., algorithm 2, with build_laplacian_pyramid and pyrup of kornia; scales from fine to coarse."""

    def pyramid(x: np.ndarray) -> list[np.ndarray]:
        levels = [x]
        for _ in scales[1:]:
            levels.append(pyrdown(levels[-1]))
        return [fine - pyrup(coarse) for fine, coarse in itertools.pairwise(levels)] + levels[-1:]

    guided = [c + (s - 1) * (c - u) for c, u, s in zip(pyramid(c), pyramid(u), scales, strict=True)]
    result = guided[-1]
    for finer in reversed(guided[:-1]):
        result = pyrup(result) + finer
    return result


@pytest.mark.parametrize("shape", [(4, 16, 16), (4, 8, 8), (4, 32, 48), (3, 64, 64)])
@pytest.mark.parametrize("scales", [[10.0, 5.0], [12.0, 1.5], [9.0, 6.0, 3.0]])
@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "flow"])
def test_fdg_is_the_listing_of_its_paper(shape: tuple[int, ...], scales: list[float], prediction) -> None:
    if shape[1] < 2 ** len(scales) * 2:
        pytest.skip("the listing needs three positions at the coarsest level")
    some = pair(shape)
    got = guided(GUIDERS["fdg"](high_scale=scales[0], levels=len(scales)), some, prediction, scale=scales[-1])
    expected = frequency_decoupled(some["cond"][0].numpy(), some["uncond"][0].numpy(), scales)
    np.testing.assert_allclose(got[0].numpy(), expected, rtol=1e-9, atol=1e-9)


def beta_geometric(c: np.ndarray, u: np.ndarray, s: float, density: float) -> np.ndarray:
    """gmum/beta-CFG c17edf5, latent_diffusion.py, ddim_geo_beta with the gamma of examples/text_to_img.py."""
    return u + s * (c - u) / inner(c - u, c - u) ** 0.5 * density


def test_beta_cfg_with_its_schedule_is_its_authors() -> None:
    scales = SCHEDULES["beta"](a=2.0, b=3.0).values(7.5, 50)
    for step in (0, 1, 20, 49):
        some, u = pair((4, 16, 16)), step / 49
        c, n = (some[branch][0].numpy() for branch in ("cond", "uncond"))
        expected = beta_geometric(c, n, 7.5, 12 * u * (1 - u) ** 2)
        np.testing.assert_allclose(guided(GUIDERS["beta_cfg"](), some, scale=scales[step])[0].numpy(), expected)


def blurred_queries(queries: torch.Tensor, sigma: float) -> torch.Tensor:
    """SusungHong/SEG-SDXL cf8256d, pipeline_seg.py. queries: [channels, side, side]."""
    side, size = queries.shape[-1], math.ceil(6 * sigma) + 1 - math.ceil(6 * sigma) % 2
    half = (min(size, side - (side % 2 - 1)) - 1) // 2
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    padded = np.pad(queries.numpy(), ((0, 0), (half, half), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape, axis=(1, 2))
    return torch.from_numpy(np.einsum("cyxij,ij->cyx", windows, weights))


@pytest.mark.parametrize("side", [3, 4, 7, 8, 16])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 10.0, 100.0])
def test_the_blur_of_seg_is_its_authors(side: int, sigma: float) -> None:
    queries = torch.randn(5, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    got = blur_tokens(queries.flatten(1).T[None], sigma, (side, side))
    torch.testing.assert_close(got[0].T.unflatten(1, (side, side)), blurred_queries(queries, sigma))


# Pure noise ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GUIDERS)
@pytest.mark.parametrize("prediction", ["flow", "v", "x0"])
def test_no_guider_fails_at_pure_noise(name: str, prediction: PredictionKind) -> None:
    """There sigma / alpha is infinite, at the first step of flow models and with zero terminal SNR."""
    some = pair((4, 8, 6))
    some |= dict.fromkeys(("perturbed", "blurred", "empty"), some["cond"] + 0.1 * some["uncond"])
    guider = GUIDERS[name]()
    assert guided(guider, some, prediction, sigma=1.0, scale=guider.default_scale).isfinite().all()
