"""Guidance is continuous in its scale: no jump where fewer predictions are computed, or where an effect vanishes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.guidance import COND, GUIDERS, Guider
from tests.guidance.test_guiders_against_papers import SIGMA, predictions
from tests.support.guidance_steps import guided

# Numbers at which an effect vanishes, with the guider and its parameters.
VANISHES = [
    ("cfg", {}, {"scale": 1.0}),
    ("cfg_zero", {}, {"scale": 1.0}),
    ("apg", {"momentum": 0.0}, {"scale": 1.0}),
    ("tcfg", {}, {"scale": 1.0}),
    ("fdg", {"high_scale": 1.0}, {"scale": 1.0}),
    ("mambo_g", {}, {"scale": 1.0}),
    ("pag", {"pag_scale": 0.0}, {"scale": 1.0}),
    ("slg", {"slg_scale": 0.0}, {"scale": 1.0}),
    ("seg", {"seg_scale": 0.0}, {"scale": 1.0}),
    ("autoguidance", {}, {"scale": 1.0}),
    ("ep_cfg", {}, {"scale": 1.0}),
    ("beta_cfg", {"gamma": 0.0}, {"scale": 1.0}),
    ("perp_neg", {"neg_scale": 0.0}, {"scale": 1.0}),
    ("mahiro", {}, {"scale": 1.0}),
    ("mimic", {"mimic_scale": 1.0}, {"scale": 1.0}),
    *[("skimmed", {}, {"scale": s}) for s in (0.0, 1.0, 7.0)],
    *[("skimmed", {"full_negative": True}, {"scale": s}) for s in (0.0, 1.0, 7.0)],
    *[("skimmed", {"skimming": 0.0}, {"scale": s}) for s in (0.0, 1.0)],
    *[("skimmed", {"same_scale": True}, {"scale": s}) for s in (0.0, 1.0, 7.0)],
    ("tnorm", {}, {"scale": 0.0}),
    ("fullnorm", {}, {"scale": 0.0}),
    ("prednorm", {}, {"scale": 0.0}),
    ("cfg_pp", {}, {"scale": 0.0}),
    *[("pag", {}, {"scale": s, "pag_scale": 0.0}) for s in (0.0, 1.0, 7.5)],
    *[("slg", {}, {"scale": s, "slg_scale": 0.0}) for s in (0.0, 1.0, 7.5)],
    *[("sag", {}, {"scale": s, "sag_scale": 0.0}) for s in (0.0, 1.0, 7.5)],
    ("sag", {}, {"scale": 0.0}),
    *[("pag", {}, {"scale": s, "pag_scale": 3.0}) for s in (0.0, 1.0)],
    ("perp_neg", {}, {"scale": 4.0, "neg_scale": 0.0}),
    ("perp_neg", {}, {"scale": 0.0}),
    ("mambo_g", {}, {"scale": 7.5, "alpha": 0.0}),
]


def result(guider: Guider, some: dict[str, torch.Tensor], numbers: dict[str, float]) -> torch.Tensor:
    """The guided prediction, from the predictions alone that are computed with these numbers."""
    own = {name: values[0] for name, values in guider.parameter_values(1).items()}
    plain, others = guider.simplified({**own, **{name: v for name, v in numbers.items() if name != "scale"}})
    needed = plain.branches({**others, "scale": numbers["scale"]})
    if others["guidance_rescale"]:
        needed = (COND, *(branch for branch in needed if branch != COND))
    kept = {branch.name: some[branch.name] for branch in needed}
    if len(needed) == 1:
        return kept[needed[0].name]
    return guided(plain, kept, sigma=SIGMA, scale=numbers["scale"], **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "parameters", "numbers"), VANISHES)
@given(seed=st.integers(0, 1000), step=st.sampled_from([1e-6, -1e-6]))
@settings(max_examples=10)
def test_guidance_is_continuous_where_an_effect_vanishes(name, parameters, numbers, seed: int, step: float) -> None:
    """At such a number fewer predictions are computed than near it, and the result is the same."""
    guider, some = GUIDERS[name](**parameters), predictions(seed)

    there = result(guider, some, numbers)
    for moved in numbers:
        beside = max(0.0, numbers[moved] + step) if moved == "alpha" else numbers[moved] + step
        torch.testing.assert_close(result(guider, some, {**numbers, moved: beside}), there, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", GUIDERS)
@pytest.mark.parametrize("rescale", [0.0, 0.7])
def test_no_guider_jumps_at_a_scale_where_fewer_predictions_are_computed(name: str, rescale: float) -> None:
    """In particular at 0, where many schedules end. Mahiro is another on the other side of 0, as its author has it."""
    guider = GUIDERS[name](guidance_rescale=rescale)
    for seed in range(3):
        some = predictions(seed)
        for scale in {*guider.special_scales, 0.0, 1.0}:
            there = result(guider, some, {"scale": scale})
            sides = (1e-7,) if name == "mahiro" and scale == 0 else (1e-7, -1e-7)
            for side in sides:
                beside = result(guider, some, {"scale": scale + side})
                torch.testing.assert_close(beside, there, rtol=0, atol=1e-4)
