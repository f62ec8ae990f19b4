"""All guiders of cfgsweep in one modular pipeline of diffusers, a tiny random SDXL."""

from __future__ import annotations

import itertools

import pytest
import torch
from diffusers.guiders import ClassifierFreeGuidance

from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from tests.support import modular_pipelines as modular
from tests.support.modular_guiders import ours

STEPS = 6


@pytest.fixture(scope="module")
def pipeline():
    return modular.build("sdxl")


def picture(pipeline, guider) -> torch.Tensor:
    return modular.latents(pipeline, "sdxl", guider, STEPS, height=32, width=32)


def test_cfg_equals_that_of_diffusers(pipeline) -> None:
    expected = picture(pipeline, ClassifierFreeGuidance(guidance_scale=5.0))
    torch.testing.assert_close(picture(pipeline, ours(pipeline, "cfg", value=5.0)), expected, rtol=1e-4, atol=1e-4)
    windowed = picture(pipeline, ClassifierFreeGuidance(guidance_scale=5.0, start=0.5))
    got = picture(pipeline, ours(pipeline, "cfg", value=5.0, start=0.5))
    torch.testing.assert_close(got, windowed, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(got, expected, atol=1e-2)


@pytest.mark.parametrize("name", sorted(GUIDERS.keys() - {"perp_neg", "sag"}))
def test_every_guider_works_in_a_modular_pipeline(pipeline, name: str) -> None:
    plain = picture(pipeline, ours(pipeline, "cfg", value=1.0))
    scale = {"cfg_pp": 0.3, "tnorm": 0.1, "fullnorm": 0.1}.get(name, 3.0)
    got = picture(pipeline, ours(pipeline, name, value=scale))
    assert torch.isfinite(got).all()
    assert not torch.allclose(got, plain, atol=1e-4)
    torch.testing.assert_close(picture(pipeline, ours(pipeline, "cfg", value=1.0)), plain)


def test_schedules_and_zero_init_steps_work_in_a_modular_pipeline(pipeline) -> None:
    falling = picture(pipeline, ours(pipeline, "cfg", SCHEDULES["linear"](), value=5.0))
    assert not torch.allclose(falling, picture(pipeline, ours(pipeline, "cfg", value=5.0)), atol=1e-3)
    zero_init = picture(pipeline, ours(pipeline, "cfg", value=5.0, zero_init_steps=2))
    assert torch.isfinite(zero_init).all()


def test_an_error_during_a_pass_leaves_the_network_unperturbed(pipeline, monkeypatch) -> None:
    plain = picture(pipeline, ClassifierFreeGuidance(guidance_scale=5.0))
    calls, late = itertools.count(), pipeline.unet.mid_block.resnets[1]
    processors = dict(pipeline.unet.attn_processors)

    def fail_in_the_perturbed_pass(*given):
        if next(calls) == 2:
            raise ZeroDivisionError
        return whole(*given)

    whole = late.forward
    with monkeypatch.context() as patched:
        patched.setattr(late, "forward", fail_in_the_perturbed_pass)
        with pytest.raises(ZeroDivisionError):
            picture(pipeline, ours(pipeline, "pag", value=3.0, layers=["mid"]))
    assert pipeline.unet.attn_processors == processors
    assert torch.equal(picture(pipeline, ClassifierFreeGuidance(guidance_scale=5.0)), plain)


def test_guiders_that_need_other_predictions_are_refused(pipeline) -> None:
    with pytest.raises(UserError, match="no prediction without text"):
        picture(pipeline, ours(pipeline, "perp_neg"))
    with pytest.raises(UserError, match="of other latents"):
        picture(pipeline, ours(pipeline, "sag"))
    with pytest.raises(UserError, match="by another model"):
        picture(pipeline, ours(pipeline, "autoguidance", model="emoji"))
    with pytest.raises(UserError, match="given to the pipeline itself"):
        ours(pipeline, "diffusers.ClassifierFreeGuidance")
    with pytest.raises(UserError, match="unknown layer"):
        picture(pipeline, ours(pipeline, "pag", layers=["up.9"]))
