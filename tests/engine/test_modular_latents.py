"""What guiders get of the latents and the predictions of modular pipelines: pictures, whatever the network takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.guiders import ClassifierFreeGuidance

from cfgsweep.engine.diffusers_modular import ModularGuider
from cfgsweep.engine.modular_latents import NetworkInput
from cfgsweep.errors import UserError
from cfgsweep.models.forward_pass import bound
from tests.support import modular_pipelines as modular
from tests.support.modular_guiders import SCALE, ours
from tests.support.tiny_transformers import tiny

STEPS = 3


def _recorded(pipeline: Any, family: str) -> tuple[NetworkInput, Any, torch.Tensor]:
    """The last input of the network, the arguments and the result of the scheduler's last step, and the output."""
    inputs, steps, step = [], [], pipeline.scheduler.step

    def keep_step(*args: Any, **kwargs: Any) -> Any:
        steps.append((args, step(*args, **kwargs)))
        return steps[-1][1]

    hook = pipeline.transformer.register_forward_pre_hook(lambda *call: inputs.append(call), with_kwargs=True)
    pipeline.scheduler.step = keep_step
    output = modular.latents(pipeline, family, ClassifierFreeGuidance(guidance_scale=SCALE), STEPS)
    hook.remove()
    network, args, kwargs = inputs[-1]
    return NetworkInput(network, bound(network, args, kwargs)), steps[-1], output


PACKED = ("flux2_klein", "flux3", "krea2", "qwenimage", "qwenimage_layered", "qwenimage21", "ltx", "ernie")
WITH_OTHERS = ("flux2_klein_image", "qwenimage_edit", "qwenimage21_image")


@pytest.mark.parametrize(
    "family",
    [
        each if each in ("qwenimage", "ltx") else pytest.param(each, marks=pytest.mark.slow)
        for each in (*PACKED, *WITH_OTHERS)
    ],
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
    modular.latents(pipeline, family, guider, STEPS)
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
    modular.latents(pipeline, "minimax_music", guider, STEPS)
    for latents, t, predictions, got in (each for each in seen if len(each) == 4):
        cond, uncond = (latents + (1 - t) * predictions[name] for name in ("cond", "uncond"))
        x0 = (uncond + SCALE * (cond - uncond)).double()
        limit = x0.abs().quantile(0.9).clamp(min=0.1)
        expected = (x0.clamp(-limit, limit) * 0.1 / limit - latents) / (1 - t)
        torch.testing.assert_close(got.pred, expected.float(), rtol=1e-3, atol=1e-2)


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


def test_frames_that_are_given_elsewhere_than_at_the_beginning_are_refused() -> None:
    """Their tokens have the timestep 0."""
    network, times = tiny("ltx").network, torch.full((1, 3, 4), 500.0)
    call = {"hidden_states": torch.randn(1, 12, 4), "num_frames": 3, "height": 2, "width": 2}
    times[:, 0] = 0
    assert NetworkInput(network, {**call, "timestep": times.flatten(1)}).grid.shape == (2, 2, 2)
    times[:, 2] = 0
    with pytest.raises(UserError, match="cannot tell the given frames"):
        NetworkInput(network, {**call, "timestep": times.flatten(1)})
