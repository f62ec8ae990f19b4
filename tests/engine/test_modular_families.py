"""The guiders of cfgsweep in every family of diffusers' modular pipelines, tiny ones with random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.guiders import ClassifierFreeGuidance, LTX2Guidance

from cfgsweep.engine.diffusers_modular import ModularGuider
from cfgsweep.engine.modular_latents import NetworkInput
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.models.forward_pass import bound
from cfgsweep.samplers import build_scheduler, config_of
from tests.support import modular_pipelines as modular
from tests.support import tiny_pipelines

FAST = ("sd3", "qwenimage", "ltx")
NAMES = [each for each in modular.FAMILIES if each not in ("wan", "wan22", "wan_image", "helios")]
FAMILIES = [pytest.param(each, marks=() if each in FAST else pytest.mark.slow) for each in NAMES]
STEPS = 4
SCALE = 4.0


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


def ours(pipeline: Any, name: str, schedule: Any = None, value: float | None = SCALE, **parameters: Any) -> Any:
    return ModularGuider(GUIDERS[name](**parameters), pipeline.scheduler, schedule, value)


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


@pytest.mark.slow
def test_video_and_sound_have_a_guider_each() -> None:
    """LTX-2, with the guider of its own, which is the same formula in x0."""
    pipeline, seed = modular.build("ltx2"), torch.Generator()

    def guided(video: Any, sound: Any) -> list[torch.Tensor]:
        pipeline.update_components(guider=video, audio_guider=sound)
        inputs = {**modular.FAMILIES["ltx2"].inputs(), "num_inference_steps": STEPS}
        state = pipeline(**inputs, generator=seed.manual_seed(0))
        return [state.get("latents"), state.get("audio_latents")]

    expected = guided(LTX2Guidance(guidance_scale=SCALE), LTX2Guidance(guidance_scale=2.0))
    one, two = (ours(pipeline, "cfg", value=value) for value in (SCALE, 2.0))
    for video, sound in (
        (one, two),
        (LTX2Guidance(guidance_scale=SCALE), two),
        (one, LTX2Guidance(guidance_scale=2.0)),
    ):
        torch.testing.assert_close(guided(video, sound), expected, rtol=1e-4, atol=1e-4)
    passes = []
    hook = pipeline.transformer.register_forward_pre_hook(lambda *_: passes.append(1))
    guided(one, LTX2Guidance(guidance_scale=2.0))
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
    perturbed = guided(ours(pipeline, "pag", layers=["0"]), two)
    assert not torch.allclose(perturbed[0], expected[0], atol=1e-3)


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
    "family", [each if each == "sd3" else pytest.param(each, marks=pytest.mark.slow) for each in NAMES]
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


def _recorded(pipeline: Any, family: str) -> tuple[NetworkInput, Any, torch.Tensor]:
    """The last input of the network, the arguments and the result of the scheduler's last step, and the output."""
    inputs, steps, step = [], [], pipeline.scheduler.step

    def keep_step(*args: Any, **kwargs: Any) -> Any:
        steps.append((args, step(*args, **kwargs)))
        return steps[-1][1]

    hook = pipeline.transformer.register_forward_pre_hook(lambda *call: inputs.append(call), with_kwargs=True)
    pipeline.scheduler.step = keep_step
    output = made(pipeline, family, ClassifierFreeGuidance(guidance_scale=SCALE))
    hook.remove()
    network, args, kwargs = inputs[-1]
    return NetworkInput(network, bound(network, args, kwargs)), steps[-1], output


PACKED = ("flux2_klein", "flux3", "krea2", "qwenimage", "qwenimage_layered", "qwenimage21", "ltx", "ernie")
WITH_OTHERS = ("flux2_klein_image", "qwenimage_edit", "qwenimage21_image")


@pytest.mark.parametrize(
    "family", [each if each in FAST else pytest.param(each, marks=pytest.mark.slow) for each in (*PACKED, *WITH_OTHERS)]
)
def test_tokens_are_the_picture_that_the_pipeline_makes_of_them(family: str) -> None:
    network_input, ((_, _, before), (after, *_)), output = _recorded(modular.build(family), family)
    if family.startswith(("flux", "ernie")):
        output = torch.nn.functional.pixel_shuffle(output, 2)  # these have one more patching, which the decoder undoes
    picture = network_input.picture(after)
    assert torch.equal(picture, output.view_as(picture))
    assert torch.equal(network_input.like(picture), network_input.picture(before))
    assert torch.equal(network_input.as_predicted(picture, after), after)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "own"), [("qwenimage_edit", slice(0, 24)), ("ltx_image", slice(12, 36))])
def test_norms_are_those_of_the_picture_alone(family: str, own: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network also takes tokens of a given picture: after the picture's own, or of the first frame."""
    pipeline = modular.build(family)
    guider, seen = ours(pipeline, "tnorm", value=0.2), []

    def forward(**predictions: torch.Tensor) -> Any:
        seen.append((predictions, ModularGuider.forward(guider, **predictions).pred))
        return ModularGuider.forward(guider, **predictions)

    monkeypatch.setattr(guider, "forward", forward)
    made(pipeline, family, guider)
    for predictions, got in seen:
        uncond, cond = predictions["uncond"], predictions["cond"]
        difference = (cond - uncond)[:, own]
        expected = cond.clone()
        expected[:, own] = uncond[:, own] + 0.2 * difference / difference.norm() * uncond[:, own].norm()
        torch.testing.assert_close(got, expected)


@pytest.mark.slow
def test_x0_where_the_time_goes_from_noise_to_x0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Music: latents are (1 - t) noise + t x0, and the network predicts x0 - noise."""
    pipeline = modular.build("minimax_music")
    guider, seen = ours(pipeline, "dynamic_threshold", percentile=0.9, floor=0.1), []
    pipeline.transformer.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append([kwargs["hidden_states"], kwargs["timestep"]]), with_kwargs=True
    )

    def forward(**predictions: torch.Tensor) -> Any:
        seen[-1] += [predictions, ModularGuider.forward(guider, **predictions)]
        return seen[-1][-1]

    monkeypatch.setattr(guider, "forward", forward)
    made(pipeline, "minimax_music", guider)
    for latents, t, predictions, got in (each for each in seen if len(each) == 4):
        cond, uncond = (latents + (1 - t) * predictions[name] for name in ("cond", "uncond"))
        x0 = (uncond + SCALE * (cond - uncond)).double()
        limit = x0.abs().quantile(0.9).clamp(min=0.1)
        expected = (x0.clamp(-limit, limit) * 0.1 / limit - latents) / (1 - t)
        torch.testing.assert_close(got.pred, expected.float(), rtol=1e-3, atol=1e-2)


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


def test_predictions_of_a_single_video_get_a_batch() -> None:
    """As Wan Animate 2 has them: the latents in a list, and predictions without a batch dimension."""
    video = torch.randn(4, 3, 2, 2)
    network_input = NetworkInput(torch.nn.Identity(), {"hidden_states": [video]})
    assert torch.equal(network_input.picture(video), video[None])
    assert torch.equal(network_input.like(video[None]), video[None])
    assert network_input.as_predicted(video[None], video).shape == video.shape


def test_tokens_of_an_unknown_network_are_refused() -> None:
    with pytest.raises(UserError, match="cannot be read as a picture"):
        NetworkInput(torch.nn.Identity(), {"hidden_states": torch.randn(1, 24, 16)})


def test_steps_that_leave_the_latents_are_refused_where_every_prediction_is_scaled() -> None:
    pipeline = modular.build("qwenimage")
    with pytest.raises(UserError, match="none leaves the latents"):
        made(pipeline, "qwenimage", ours(pipeline, "cfg", zero_init_steps=1))


def test_zero_init_steps_of_flow_models_leave_the_latents() -> None:
    pipeline = modular.build("sd3")
    noise = torch.randn(1, 4, 32, 48, generator=torch.Generator().manual_seed(1))
    got = made(pipeline, "sd3", ours(pipeline, "cfg", zero_init_steps=2), steps=2, latents=noise)
    assert torch.equal(got, noise)


@pytest.mark.slow
def test_half_precision_keeps_its_type() -> None:
    pipeline = modular.build("sd3")
    pipeline.to(torch.bfloat16)
    expected = made(pipeline, "sd3", ClassifierFreeGuidance(guidance_scale=SCALE))
    got = made(pipeline, "sd3", ours(pipeline, "cfg"))
    assert got.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(got, expected, rtol=0.1, atol=0.2)
