"""Every guider against its paper's formula, written again in float64 numpy for one sample, and against diffusers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.apply import guide, zero_init_prediction
from cfgsweep.guidance.schedules import SCHEDULES
from tests.support.guidance_steps import guided, step_context

SIGMA = 0.8
ALPHA = (1 - SIGMA**2) ** 0.5
NAMES = ("cond", "uncond", "perturbed", "empty")


def predictions(seed: int, rows: int = 1, shape: tuple[int, ...] = (4, 8, 6)) -> dict[str, torch.Tensor]:
    """Noise predictions of plausible sizes, float64."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(rows, *shape, generator=generator, dtype=torch.float64)
    made = {name: base + 0.3 * torch.randn(base.shape, generator=generator, dtype=torch.float64) for name in NAMES}
    return {**made, "blurred": made["perturbed"]}  # SAG's worse prediction has a name of its own


# Formulas ------------------------------------------------------------------------------------------------------
# Each takes arrays of one sample in the space of the paper: c, u (and w: perturbed, e: no text), the latents x.


def norm(a: np.ndarray) -> float:
    return float(np.sqrt((a**2).sum()))


def apg(c, u, s, eta=0.0, r=15.0):
    difference = c - u
    difference = difference * min(1.0, r / norm(difference))
    unit = c / norm(c)
    parallel = (difference * unit).sum() * unit
    return c + (s - 1) * (difference - parallel + eta * parallel)


def tcfg(c, u, s):
    _, _, basis = np.linalg.svd(np.stack([c.ravel(), u.ravel()]), full_matrices=False)
    shared = (basis[0] @ u.ravel() * basis[0]).reshape(u.shape)
    return shared + s * (c - shared)


def ep_cfg(c, u, s, low=45, high=55):
    def energy(a):
        squares = a**2
        inside = (squares >= np.percentile(squares, low)) & (squares <= np.percentile(squares, high))
        return squares[inside].sum()

    result = c + (s - 1) * (c - u)
    return result * np.sqrt(energy(c) / energy(result))


def imagen(c, u, s, p=99.5, floor=3.0):
    result = u + s * (c - u)
    limit = max(floor, np.percentile(np.abs(result), p))
    return np.clip(result, -limit, limit) / limit * floor


def mimic(c, u, s, target=7.0, p=100):
    out = np.empty_like(c)
    for k in range(len(c)):
        big, small = u[k] + s * (c[k] - u[k]), u[k] + target * (c[k] - u[k])
        centred = big - big.mean()
        reach = np.abs(small - small.mean()).max()
        limit = max(reach, np.percentile(np.abs(centred), p))
        out[k] = np.clip(centred, -limit, limit) / limit * reach + big.mean()
    return out


def mahiro(c, u, s):
    leap, result = c * s, u + s * (c - u)
    merge, away = (leap + result) / 2, u * s
    a, b = (np.sqrt(np.abs(v)) * np.sign(v) for v in (away, merge))
    alike = ((a * b).sum(0) / (np.sqrt((a**2).sum(0)) * np.sqrt((b**2).sum(0)))).mean()
    weight = 2 * (alike + 1)
    return (weight * result + (4 - weight) * leap) / 4


def zero_star(c, u, s):
    u = (c * u).sum() / (u * u).sum() * u
    return u + s * (c - u)


def mambo(c, u, s, alpha=8.0):
    return u + (1 + (s - 1) * math.exp(-alpha * norm(c - u) / norm(u))) * (c - u)


def perp_neg(c, u, e, s, w=1.0):
    pos, neg = c - e, u - e
    return e + s * (pos - w * (neg - (neg * pos).sum() / norm(pos) ** 2 * pos))


X0, VELOCITY = "x0", "v"
FORMULAS: dict[str, tuple[str, Callable]] = {
    "cfg": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u)),
    "pipeline": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u)),  # other formulas: tests/models/recorded
    "prednorm": ("epsilon", lambda c, u, w, e, x, s: (g := u + s * (c - u)) * norm(u) / norm(g)),
    "tnorm": ("epsilon", lambda c, u, w, e, x, s: u + s * norm(u) / norm(c - u) * (c - u)),
    "fullnorm": (
        "epsilon",
        lambda c, u, w, e, x, s: (g := u + s * norm(u) / norm(c - u) * (c - u)) * norm(u) / norm(g),
    ),
    "cfg_zero": (VELOCITY, lambda c, u, w, e, x, s: zero_star(c, u, s)),
    # One first-order step: the guided x0 at the next noise level, with the unconditional noise.
    "cfg_pp": ("epsilon", lambda c, u, w, e, x, s: u + s * 1 / (1 - 0.9) * (c - u)),
    "apg": (X0, lambda c, u, w, e, x, s: apg(c, u, s)),
    "apg_mix": (X0, lambda c, u, w, e, x, s: apg(c, u, 10.0, r=10.0)),
    "tcfg": ("epsilon", lambda c, u, w, e, x, s: tcfg(c, u, s)),
    "mambo_g": (VELOCITY, lambda c, u, w, e, x, s: mambo(c, u, s)),
    "pag": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u) + 3.0 * (c - w)),
    "slg": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u) + 2.8 * (c - w)),
    "seg": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u) + 3.0 * (c - w)),
    "sag": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u) + 0.75 * (u - w)),
    "autoguidance": ("epsilon", lambda c, u, w, e, x, s: w + s * (c - w)),
    "dynamic_threshold": (X0, lambda c, u, w, e, x, s: imagen(c, u, s)),
    "mimic": (X0, lambda c, u, w, e, x, s: mimic(c, u, s)),
    "beta_cfg": ("epsilon", lambda c, u, w, e, x, s: u + s * (c - u) / norm(c - u)),
    "ep_cfg": ("epsilon", lambda c, u, w, e, x, s: ep_cfg(c, u, s)),
    "perp_neg": ("epsilon", lambda c, u, w, e, x, s: perp_neg(c, u, e, s)),
    "mahiro": (X0, lambda c, u, w, e, x, s: mahiro(c, u, s)),
}
SCALES = {"cfg_pp": 0.6, "tnorm": 0.15, "fullnorm": 0.15}


def to_noise(space: str, value: np.ndarray, x: np.ndarray) -> np.ndarray:
    return {"epsilon": value, X0: (x - ALPHA * value) / SIGMA, VELOCITY: SIGMA * x + ALPHA * value}[space]


def from_noise(space: str, noise: np.ndarray, x: np.ndarray) -> np.ndarray:
    x0 = (x - SIGMA * noise) / ALPHA
    return {"epsilon": noise, X0: x0, VELOCITY: ALPHA * noise - SIGMA * x0}[space]


@pytest.mark.parametrize("name", FORMULAS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_a_guider_equals_its_formula(name: str, seed: int) -> None:
    given_predictions, scale = predictions(seed, rows=3), SCALES.get(name, 9.0)
    guider = GUIDERS[name]()
    ctx = step_context(guider, given_predictions, sigma=SIGMA, scale=scale)
    got = guide(guider, ctx, "epsilon")[0]
    space, formula = FORMULAS[name]
    for row in range(3):
        x = ctx.latents[row].numpy()
        c, u, w, e = (from_noise(space, given_predictions[branch][row].numpy(), x) for branch in NAMES)
        expected = to_noise(space, formula(c, u, w, e, x, scale), x)
        np.testing.assert_allclose(got[row].numpy(), expected, rtol=1e-9, atol=1e-9)


def test_every_guider_is_tested_against_its_formula() -> None:
    """Or against its authors' code: see test_guiders_against_authors.py."""
    assert GUIDERS.keys() - FORMULAS.keys() == {"fdg", "skimmed"}


def test_frequency_decoupled_guidance_scales_coarse_and_fine_differences() -> None:
    """Coarse differences get the scale, fine ones `high_scale`; any size; equal scales are CFG."""
    for shape in ((4, 16, 16), (4, 7, 11), (4, 8, 5)):
        some = predictions(3, shape=shape)
        coarse = some["uncond"] + 1.0  # a constant difference has no detail
        got = guided(GUIDERS["fdg"](high_scale=10.0), {**some, "cond": coarse}, scale=2.0)
        torch.testing.assert_close(got, some["uncond"] + 2.0)
        equal = guided(GUIDERS["fdg"](high_scale=4.0, levels=3), some, scale=4.0)
        torch.testing.assert_close(equal, some["uncond"] + 4 * (some["cond"] - some["uncond"]))
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(8)
    checkers = sign[:, None] * sign[None, :]
    some = predictions(3, shape=(4, 16, 16))
    fine = guided(GUIDERS["fdg"](high_scale=10.0), {**some, "cond": some["uncond"] + checkers}, scale=2.0)
    inner = (fine - some["uncond"])[..., 4:-4, 4:-4] / checkers[4:-4, 4:-4]
    assert (inner > 9.5).all()


@pytest.mark.parametrize("levels", [2, 3])
def test_the_pyramid_shifts_nothing(levels: int) -> None:
    """The centre of a wide spot, off the middle and guided coarsely, stays in its place."""
    side = torch.arange(32, dtype=torch.float64)
    spot = torch.exp(-((side[:, None] - 19) ** 2 + (side[None, :] - 12) ** 2) / 40).expand(1, 4, -1, -1)
    some = predictions(1, shape=(4, 32, 32))
    got = guided(GUIDERS["fdg"](high_scale=0.0, levels=levels), {**some, "cond": some["uncond"] + spot}, scale=1.0)
    weight = (got - some["uncond"])[0, 0]
    assert float((weight.sum(1) * side).sum() / weight.sum()) == pytest.approx(19, abs=0.1)
    assert float((weight.sum(0) * side).sum() / weight.sum()) == pytest.approx(12, abs=0.1)


# What holds for all guiders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GUIDERS)
@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0", "flow"])
def test_guidance_is_the_same_for_every_kind_of_prediction(name: str, prediction) -> None:
    guider = GUIDERS[name]()
    if guider.space == "model" and name in ("prednorm", "tnorm", "fullnorm"):
        pytest.skip("as in cf_guidance, its formula is about the model's own prediction")
    if prediction == "flow" and (guider.flow_space is not None or name == "skimmed"):
        pytest.skip("its formula is another for flow models: see test_guiders_against_authors.py")
    noise = predictions(11)
    ctx = step_context(guider, noise, sigma=SIGMA, scale=SCALES.get(name, 9.0))
    x = ctx.latents
    kinds = {"epsilon": lambda n: n, "v": lambda n: (n - SIGMA * x) / ALPHA}
    kinds |= {"x0": lambda n: (x - SIGMA * n) / ALPHA, "flow": lambda n: n - (x - SIGMA * n) / ALPHA}
    convert = kinds[prediction]
    other = step_context(
        guider, {branch: convert(n) for branch, n in noise.items()}, sigma=SIGMA, scale=SCALES.get(name, 9.0)
    )
    torch.testing.assert_close(guide(guider, other, prediction)[0], convert(guide(guider, ctx, "epsilon")[0]))


@pytest.mark.parametrize("name", GUIDERS)
def test_other_rows_of_the_batch_change_nothing(name: str) -> None:
    guider, some = GUIDERS[name](), {branch: p.float() for branch, p in predictions(5, rows=4).items()}
    scales = [SCALES.get(name, 9.0) * factor for factor in (1.0, 0.5, 0.0, 2.0)]
    together = guided(guider, some, scale=scales, guidance_rescale=[0.0, 0.7, 0.0, 1.0])
    others = {branch: torch.cat([p[:1], torch.randn(3, *p.shape[1:])]) for branch, p in some.items()}
    mixed = step_context(guider, others, scale=[scales[0], 3.0, 3.0, 3.0], guidance_rescale=0.0)
    mixed.latents[:] = step_context(guider, some).latents[:1]
    same_latents = step_context(guider, some, scale=scales, guidance_rescale=[0.0, 0.7, 0.0, 1.0])
    assert torch.equal(guide(guider, mixed, "epsilon")[0][0], guide(guider, same_latents, "epsilon")[0][0])
    assert torch.isfinite(together).all()


def test_momentum_is_carried_from_step_to_step() -> None:
    guider = GUIDERS["apg"](eta=1.0, norm_threshold=1e9, momentum=-0.5)
    running, memory = 0.0, None
    for seed in range(3):
        some = predictions(seed)
        ctx = step_context(guider, some, sigma=SIGMA, scale=4.0)
        if memory is not None:
            ctx = type(ctx)(**{**vars(ctx), "memory": memory})
        got, memory = guide(guider, ctx, "x0")
        running = some["cond"] - some["uncond"] - 0.5 * running
        torch.testing.assert_close(got, some["cond"] + 3.0 * running)


@given(amount=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_rescaling_reduces_the_standard_deviation(amount: float, seed: int) -> None:
    """Equal to diffusers' `rescale_noise_cfg`; at 1 the standard deviation is cond's."""
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

    some = predictions(seed, rows=2)
    got = guided(GUIDERS["cfg"](), some, scale=7.5, guidance_rescale=amount)
    plain = some["uncond"] + 7.5 * (some["cond"] - some["uncond"])
    torch.testing.assert_close(got, rescale_noise_cfg(plain, some["cond"], guidance_rescale=amount))


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0"])
def test_the_zero_init_prediction_leaves_the_latents_of_a_first_order_step(prediction) -> None:
    ctx = step_context(GUIDERS["cfg"](), predictions(1), sigma=SIGMA)
    x, predicted = ctx.latents, zero_init_prediction(ctx, prediction)
    noises = {"epsilon": predicted, "v": SIGMA * x + ALPHA * predicted, "x0": (x - ALPHA * predicted) / SIGMA}
    noise = noises[prediction]
    data = (x - SIGMA * noise) / ALPHA
    after = 1 / (1 + ctx.next_sigma**2) ** 0.5
    torch.testing.assert_close(after * data + ctx.next_sigma * after * noise, x)


# Against diffusers, where it is correct -------------------------------------------------------------------------


def diffusers_guider(name: str, **settings):
    import diffusers.guiders

    guider = getattr(diffusers.guiders, name)(**settings)
    guider.set_state(step=10, num_inference_steps=50, timestep=torch.tensor(500))
    return guider


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "settings"),
    [
        ("cfg", {}, "ClassifierFreeGuidance", {}),
        ("cfg", {"original_formulation": True}, "ClassifierFreeGuidance", {"use_original_formulation": True}),
        ("cfg", {"guidance_rescale": 0.7}, "ClassifierFreeGuidance", {"guidance_rescale": 0.7}),
        ("cfg_zero", {}, "ClassifierFreeZeroStarGuidance", {"zero_init_steps": 0}),
        ("tcfg", {}, "TangentialClassifierFreeGuidance", {}),
    ],
)
def test_a_guider_equals_that_of_diffusers(name: str, ours: dict, theirs: str, settings: dict) -> None:
    # In the model's own space, as diffusers has it.
    kind = {"cfg_zero": "v"}.get(name, "epsilon")
    some = predictions(2, rows=2)
    got = guided(GUIDERS[name](**ours), some, prediction=kind, scale=7.5)
    reference = diffusers_guider(theirs, guidance_scale=7.5, **settings)
    expected = reference.forward(some["cond"], some["uncond"]).pred
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)  # diffusers has some of it in float32


def test_perturbed_guidance_with_cfg_equals_that_of_diffusers() -> None:
    some = predictions(4)
    got = guided(GUIDERS["slg"](slg_scale=2.8), some, scale=7.5)
    theirs = diffusers_guider(
        "SkipLayerGuidance", guidance_scale=7.5, skip_layer_guidance_layers=[0], skip_layer_guidance_stop=1.0
    )
    torch.testing.assert_close(got, theirs.forward(some["cond"], some["uncond"], some["perturbed"]).pred)


def test_a_numeric_parameter_may_follow_a_schedule() -> None:
    guider = GUIDERS["pag"](pag_scale={"linear": {"max_val": 3.0, "min_val": 1.0}})
    assert guider.parameter_values(3)["pag_scale"] == [3.0, 2.0, 1.0]
    assert isinstance(guider.pag_scale, SCHEDULES["linear"])
    assert guider.spec() == {"pag": {"pag_scale": {"linear": {"max_val": 3.0, "min_val": 1.0}}}}
