"""The guiders of cfgsweep in every family of diffusers' modular pipelines, tiny ones with random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import guiders, modular_pipelines
from diffusers.guiders import ClassifierFreeGuidance

from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.samplers import build_scheduler, config_of
from tests.support import modular_pipelines as modular
from tests.support import tiny_pipelines
from tests.support.modular_guiders import SCALE, ours
from tests.support.older_diffusers import IS_OLDER, skipped_where_missing

FAST = ("sd3", "qwenimage", "ltx")
FAMILIES = [pytest.param(each, marks=() if each in FAST else pytest.mark.slow) for each in modular.FAMILIES]
STEPS = 4


class CallByCall(ClassifierFreeGuidance):
    """diffusers' guider with a scale for every call of the network.

    Its own window is in steps, but is compared with the number of the call: with two calls per step it ends halfway.
    """

    def __init__(self, scales: list[float]):
        super().__init__()
        self.scales = scales

    def set_state(self, step: int, num_inference_steps: int, timestep: torch.Tensor) -> None:
        super().set_state(step, len(self.scales), timestep)
        self.guidance_scale = self.scales[step]


def made(pipeline: Any, family: str, guider: Any, steps: int = STEPS, **inputs: Any) -> torch.Tensor:
    return modular.latents(pipeline, family, guider, steps, **inputs)


@pytest.mark.parametrize("family", [each for each in FAMILIES if each.values != ("ltx2",)])
def test_cfg_equals_that_of_diffusers(family: str) -> None:
    pipeline = modular.build(family)
    expected = made(pipeline, family, ClassifierFreeGuidance(guidance_scale=SCALE))
    assert torch.equal(made(pipeline, family, ours(pipeline, "cfg")), expected)
    off = made(pipeline, family, ClassifierFreeGuidance(guidance_scale=1.0))
    assert not torch.allclose(expected, off, atol=1e-3)
    assert torch.equal(made(pipeline, family, ours(pipeline, "cfg", value=1.0)), off)


def test_every_family_of_diffusers_that_has_a_guider_is_tested() -> None:
    def folder(blocks: type) -> str:
        return blocks.__module__.split(".")[2]

    names = [name for exported in modular_pipelines._import_structure.values() for name in exported]
    blocks = [getattr(modular_pipelines, name) for name in names if name.endswith("Blocks")]
    guided = {folder(each) for each in blocks if any(part.name == "guider" for part in each().expected_components)}
    built = {family.blocks for family in modular.FAMILIES.values()}
    tested = {folder(getattr(modular_pipelines, each)) for each in built if each in names or not IS_OLDER}
    assert guided == tested


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd3", "qwenimage", "flux2_klein"])
def test_every_row_is_guided_by_itself(family: str) -> None:
    pipeline = modular.build(family)
    guider = ours(pipeline, "apg")
    noise = {"sd3": (4, 32, 48), "qwenimage": (384, 16), "flux2_klein": (16, 4, 6)}[family]
    both = torch.randn(2, *noise, generator=torch.Generator().manual_seed(2))
    together = made(pipeline, family, guider, latents=both, num_images_per_prompt=2)
    for row, latents in zip(together, both, strict=True):
        torch.testing.assert_close(made(pipeline, family, guider, latents=latents[None])[0], row, rtol=1e-4, atol=1e-4)


def test_a_noise_interval_is_that_of_the_scheduler() -> None:
    pipeline = modular.build("sd3")
    pipeline.scheduler.set_timesteps(STEPS)
    ratios = [t / (1 - t) if t < 1 else float("inf") for t in pipeline.scheduler.sigmas[:STEPS].tolist()]
    expected = made(pipeline, "sd3", CallByCall([SCALE if 0.5 <= ratio <= 10 else 1.0 for ratio in ratios]))
    assert torch.equal(made(pipeline, "sd3", ours(pipeline, "cfg", sigma=(0.5, 10.0))), expected)
    assert sum(0.5 <= ratio <= 10 for ratio in ratios) in range(1, STEPS)


@pytest.mark.slow
def test_video_and_sound_have_a_guider_each() -> None:
    """LTX-2, with the guider of its own, which is the same formula in x0."""
    with skipped_where_missing():
        its_own = guiders.LTX2Guidance
    pipeline, seed = modular.build("ltx2"), torch.Generator()

    def guided(video: Any, sound: Any, steps: int = STEPS) -> list[torch.Tensor]:
        pipeline.update_components(guider=video, audio_guider=sound)
        inputs = {**modular.FAMILIES["ltx2"].inputs(), "num_inference_steps": steps}
        state = pipeline(**inputs, generator=seed.manual_seed(0))
        return [state.get("latents"), state.get("audio_latents")]

    expected = guided(its_own(guidance_scale=SCALE), its_own(guidance_scale=2.0))
    one, two = (ours(pipeline, "cfg", value=value) for value in (SCALE, 2.0))
    for video, sound in (
        (one, two),
        (its_own(guidance_scale=SCALE), two),
        (one, its_own(guidance_scale=2.0)),
    ):
        torch.testing.assert_close(guided(video, sound), expected, rtol=1e-4, atol=1e-4)
    passes = []
    hook = pipeline.transformer.register_forward_pre_hook(lambda *_: passes.append(1))
    guided(one, its_own(guidance_scale=2.0))
    hook.remove()
    assert len(passes) == 2 * STEPS, "the guiders share the passes"
    for name in ("apg", "mahiro", "tcfg"):
        for latents, plain in zip(guided(ours(pipeline, name), ours(pipeline, name)), expected, strict=True):
            assert torch.isfinite(latents).all()
            assert not torch.allclose(latents, plain, atol=1e-3)
    with pytest.raises(UserError, match="one of pictures"):
        guided(one, ours(pipeline, "fdg"))
    with pytest.raises(UserError, match="cannot perturb layers"):
        guided(one, ours(pipeline, "pag", layers=["0"]))
    video, sound = guided(ours(pipeline, "pag", layers=["0"]), two, steps=1)
    plain_video, plain_sound = guided(one, two, steps=1)
    assert not torch.allclose(video, plain_video, atol=1e-3)
    torch.testing.assert_close(sound, plain_sound)  # its passes are not perturbed


@pytest.mark.parametrize("family", FAMILIES)
def test_other_guiders_run(family: str) -> None:
    pipeline = modular.build(family)
    cfg = made(pipeline, family, ours(pipeline, "cfg"))
    for name, value in (("apg", SCALE), ("tnorm", 0.2), ("fdg", SCALE), ("mimic", SCALE), ("mahiro", SCALE)):
        guider = ours(pipeline, name, value=value)
        if (family, name) == ("minimax_music", "fdg"):
            with pytest.raises(UserError, match="one of pictures"):
                made(pipeline, family, guider)
            continue
        got = made(pipeline, family, guider)
        assert torch.isfinite(got).all()
        assert not torch.equal(got, cfg)
        assert torch.equal(made(pipeline, family, guider), got), "the second run begins as the first"


UNPERTURBED = {
    "ltx_image": "tokens of given pictures come first",
    "minimax_music": "networks for sound",
    "wan_animate": "keys and values are kept",
    "qwenimage21": "keys and values are kept",
    "qwenimage21_image": "keys and values are kept",
}


@pytest.mark.parametrize(
    "family", [each if each == "sd3" else pytest.param(each, marks=pytest.mark.slow) for each in modular.FAMILIES]
)
def test_guiders_that_perturb_layers_run_or_are_refused(family: str) -> None:
    pipeline = modular.build(family)
    cond = made(pipeline, family, ours(pipeline, "cfg", value=1.0), steps=2)
    for name in ("pag", "seg"):
        guider = ours(pipeline, name, layers=["mid"] if family == "sdxl" else ["0"])
        if family in UNPERTURBED:
            with pytest.raises(UserError, match=UNPERTURBED[family]):
                made(pipeline, family, guider, steps=2)
        else:
            got = made(pipeline, family, guider, steps=2)
            assert torch.isfinite(got).all()
            assert not torch.allclose(got, cond, atol=1e-4)
        again = made(pipeline, family, ours(pipeline, "cfg", value=1.0), steps=2)
        assert torch.equal(again, cond), "nothing stays perturbed"


def _scheduler(pipeline: Any, name: str) -> Any:
    return build_scheduler(name, config_of(pipeline.scheduler))


HEUN = ("heun", [0, 0, 1, 1, 2, 2, 3])
PNDM = ("pndm", [0, 0, 1, 2, 3])


@pytest.mark.parametrize(
    ("family", "sampler", "steps_of_calls"),
    [("sd3", *HEUN), *(pytest.param(*each, marks=pytest.mark.slow) for each in (("sdxl", *HEUN), ("sdxl", *PNDM)))],
)
def test_schedules_have_one_value_per_step_of_several_calls(family: str, sampler: str, steps_of_calls: list) -> None:
    pipeline = modular.build(family)
    pipeline.update_components(scheduler=_scheduler(pipeline, sampler))
    schedule = SCHEDULES["linear"]()
    values = schedule.values(SCALE, STEPS)
    expected = made(pipeline, family, CallByCall([values[step] for step in steps_of_calls]))
    assert torch.equal(made(pipeline, family, ours(pipeline, "cfg", schedule)), expected)
    late = made(pipeline, family, CallByCall([SCALE if step >= 2 else 1.0 for step in steps_of_calls]))
    assert torch.equal(made(pipeline, family, ours(pipeline, "cfg", start=0.5)), late)
    assert torch.isfinite(made(pipeline, family, ours(pipeline, "apg"))).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd3", "qwenimage", "flux2_klein", "hunyuan_video", "krea2", "ltx", "wan"])
def test_multistep_schedulers_of_flow_models(family: str) -> None:
    pipeline = modular.build(family)
    pipeline.update_components(scheduler=_scheduler(pipeline, "unipc"))
    expected = made(pipeline, family, ClassifierFreeGuidance(guidance_scale=SCALE))
    assert torch.equal(made(pipeline, family, ours(pipeline, "cfg")), expected)
    assert torch.isfinite(made(pipeline, family, ours(pipeline, "apg"))).all()


@pytest.mark.slow
def test_two_networks_have_a_guider_each() -> None:
    pipeline = modular.build("wan22")
    guiders = [ClassifierFreeGuidance(guidance_scale=scale) for scale in (SCALE, 2.0)]
    pipeline.update_components(guider_2=guiders[1])
    expected = made(pipeline, "wan22", guiders[0])
    pipeline.update_components(guider_2=ours(pipeline, "cfg", value=2.0))
    assert torch.equal(made(pipeline, "wan22", ours(pipeline, "cfg")), expected)
    pipeline.update_components(guider_2=ours(pipeline, "apg"))
    once, twice = (made(pipeline, "wan22", ours(pipeline, "cfg")) for _ in range(2))
    assert torch.equal(once, twice), "the second guider forgets the run before"
    pipeline.scheduler.set_timesteps(4 * STEPS)
    late = int((pipeline.scheduler.timesteps >= 900).sum())  # where the second network begins
    expected = made(pipeline, "wan22", ours(pipeline, "cfg"), steps=4 * STEPS)
    made(pipeline, "wan22", ours(pipeline, "cfg"), steps=late)
    assert torch.equal(made(pipeline, "wan22", ours(pipeline, "cfg"), steps=4 * STEPS), expected)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["hunyuanimage", "hunyuanvideo15"])
def test_ordinary_pipelines_that_have_a_guider(family: str) -> None:
    pipeline = tiny_pipelines.build(family)

    def latents(guider: Any) -> torch.Tensor:
        pipeline.guider = guider
        return tiny_pipelines.call(pipeline, family, num_inference_steps=STEPS, output_type="latent")[0]

    expected = latents(ClassifierFreeGuidance(guidance_scale=SCALE))
    assert torch.equal(latents(ours(pipeline, "cfg")), expected)
    for name in ("apg", "fdg"):
        assert not torch.allclose(latents(ours(pipeline, name)), expected, atol=1e-3)


def test_steps_that_leave_the_latents_are_refused_where_every_prediction_is_scaled() -> None:
    pipeline = modular.build("qwenimage")
    with pytest.raises(UserError, match="none leaves the latents"):
        made(pipeline, "qwenimage", ours(pipeline, "cfg", zero_init_steps=1))


def test_zero_init_steps_of_flow_models_leave_the_latents() -> None:
    pipeline = modular.build("sd3")
    noise = torch.randn(1, 4, 32, 48, generator=torch.Generator().manual_seed(1))
    got = made(pipeline, "sd3", ours(pipeline, "cfg", zero_init_steps=2), steps=2, latents=noise)
    assert torch.equal(got, noise)


def test_a_guider_can_be_switched_off() -> None:
    pipeline = modular.build("sd3")
    guider = ours(pipeline, "tnorm")
    guider.disable()
    assert guider.num_conditions == 1
    off = made(pipeline, "sd3", guider, negative_prompt=None)
    assert torch.equal(off, made(pipeline, "sd3", ours(pipeline, "cfg", value=1.0)))


@pytest.mark.slow
def test_half_precision_keeps_its_type() -> None:
    pipeline = modular.build("sd3")
    pipeline.to(torch.bfloat16)
    expected = made(pipeline, "sd3", ClassifierFreeGuidance(guidance_scale=SCALE))
    got = made(pipeline, "sd3", ours(pipeline, "cfg"))
    assert got.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(got, expected, rtol=0.1, atol=0.2)
