"""Perturbation hooks act on the named layers, in the calling thread, for one call; kinds equal their definitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch.nn import functional as F

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import MEAN, LayerPerturbation
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.perturbation_hooks import PerturbationHooks, blur_tokens
from cfgsweep.models.source import Source
from cfgsweep.models.transformer_blocks import named_blocks, select_blocks
from tests.conftest import DEVICE
from tests.support import tiny_models as tiny

KINDS = ["identity", "block", "attention", "attention_residual", "feed_forward", "blur"]


@pytest.fixture(scope="module")
def denoiser(tiny_model: Path):
    return load_model(Source("tiny", str(tiny_model)), device.choose(DEVICE, "float32"))


@pytest.fixture
def call(denoiser):
    """A function that predicts for the same four rows under a perturbation."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(4, 4, 8, 8, generator=generator).to(DEVICE)
    timesteps, condition = torch.full((4,), 500.0), denoiser.encode("a cat").expand(4, -1, -1)

    def predict(perturbation: LayerPerturbation | None = None) -> torch.Tensor:
        return denoiser.perturbed(perturbation).predict(latents, timesteps, condition)

    return predict


def perturbation(kind: str, *layers: str, blur_sigma: float = 1.5) -> LayerPerturbation:
    return LayerPerturbation(kind, layers or ("mid",), blur_sigma if kind == "blur" else 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", ["mid", "down.0", "up.1.attentions.0", "down"])
def test_a_perturbation_changes_the_prediction_of_one_call(call, kind: str, layer: str) -> None:
    plain = call()
    perturbed = call(perturbation(kind, layer))
    assert not torch.allclose(perturbed, plain, atol=1e-5)
    assert torch.equal(call(perturbation(kind, layer)), perturbed)
    assert torch.equal(call(), plain)


def test_kinds_and_layers_give_different_predictions(call) -> None:
    cases = [perturbation(kind, layer) for kind in KINDS for layer in ("mid", "down.0", "up.1")]
    cases += [perturbation("blur", "mid", blur_sigma=MEAN), perturbation("identity", "mid", "down.0")]
    results = [call(case) for case in cases]
    for i, one in enumerate(results):
        for other in results[:i]:
            assert not torch.equal(one, other)


def test_threads_do_not_disturb_each_other(call) -> None:
    cases = [
        None,
        perturbation("identity"),
        perturbation("block", "down.0"),
        perturbation("blur"),
        None,
        perturbation("attention"),
    ] * 8
    expected = {case: call(case) for case in set(cases)}
    with ThreadPoolExecutor(4) as pool:
        for case, got in zip(cases, pool.map(call, cases), strict=True):
            torch.testing.assert_close(got, expected[case], rtol=1e-4, atol=1e-5)


def test_an_exception_leaves_no_perturbation_behind(call, denoiser, monkeypatch) -> None:
    plain = call()
    with monkeypatch.context() as patched:
        patched.setattr(denoiser.pipeline.unet.mid_block.resnets[1], "forward", lambda *_: 1 / 0)
        with pytest.raises(UserError, match="division by zero"):
            call(perturbation("identity"))
    assert torch.equal(call(), plain)


def test_removed_hooks_leave_the_network_as_it_was(tiny_model: Path) -> None:
    unet = StableDiffusionPipeline.from_pretrained(tiny_model, safety_checker=None).unet
    processors = dict(unet.attn_processors)
    hooks = PerturbationHooks(unet)
    assert unet.attn_processors != processors
    hooks.remove()
    assert unet.attn_processors == processors
    assert not any(module._forward_hooks for module in unet.modules())


def test_an_unknown_layer_is_refused_with_the_layers_there_are(denoiser) -> None:
    with pytest.raises(UserError) as refused:
        denoiser.perturbed(perturbation("identity", "up.0"))
    text = str(refused.value)
    assert "unknown layer 'up.0'" in text
    for name in ("mid", "down.0", "down.0.attentions.0", "up.1", "up.1.attentions.1"):
        assert name in text


def test_blocks_of_a_dit_have_the_names_of_any_transformers() -> None:
    blocks = named_blocks(tiny.dit().transformer)
    one = select_blocks(blocks, ["1"])
    assert select_blocks(blocks, ["block.1"]) == select_blocks(blocks, ["transformer_blocks.1"]) == one
    assert select_blocks(blocks, ["block"]) == set(blocks.values()) > one
    with pytest.raises(UserError) as refused:
        select_blocks(blocks, ["mid"])
    assert refused.value.allowed == ", ".join(f"block.{i}" for i in range(len(blocks)))


def test_a_blur_of_zero_changes_nothing(call) -> None:
    torch.testing.assert_close(call(perturbation("blur", blur_sigma=0.0)), call(), rtol=1e-4, atol=1e-5)


def test_identity_attention_is_what_its_paper_says(call, tiny_model) -> None:
    """Against an attention processor with the identity as attention map, on diffusers' own network."""
    unet = StableDiffusionPipeline.from_pretrained(tiny_model, safety_checker=None).unet.to(DEVICE)

    class Identity:
        def __call__(self, attention, hidden_states, **_):
            value = attention.to_v(hidden_states)
            rows, tokens, _ = value.shape
            heads = value.view(rows, tokens, attention.heads, -1).transpose(1, 2)
            scores = torch.eye(tokens, device=value.device).expand(rows, attention.heads, -1, -1)
            return attention.to_out[0]((scores @ heads).transpose(1, 2).reshape(value.shape))

    unet.mid_block.attentions[0].transformer_blocks[0].attn1.set_processor(Identity())
    assert_equals(call(perturbation("identity")), unet, call)


def test_skipped_parts_equal_diffusers_layer_skip(call, tiny_model) -> None:
    """Against diffusers' layer skip, with the module path given, since it finds no blocks in a U-Net by itself."""
    from diffusers.hooks import LayerSkipConfig, apply_layer_skip

    for kind, case in (
        ("block", {}),
        ("attention", {"skip_ff": False}),
        ("feed_forward", {"skip_attention": False}),
        ("identity", {"skip_attention": False, "skip_attention_scores": True, "skip_ff": False}),
    ):
        unet = StableDiffusionPipeline.from_pretrained(tiny_model, safety_checker=None).unet.to(DEVICE)
        place = "mid_block.attentions.0.transformer_blocks"
        apply_layer_skip(unet, LayerSkipConfig(indices=[0], fqn=place, **case))
        assert_equals(call(perturbation(kind)), unet, call)


def assert_equals(got: torch.Tensor, unet, call) -> None:
    latents, timesteps, condition = (cell.cell_contents for cell in closure_of(call))
    with torch.inference_mode():
        expected = unet(latents, timesteps.to(DEVICE), condition, return_dict=False)[0]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def closure_of(call) -> list:
    names = call.__code__.co_freevars
    return [call.__closure__[names.index(name)] for name in ("latents", "timesteps", "condition")]


def test_tokens_are_blurred_over_height_and_width() -> None:
    """Against a Gaussian blur by torch's own convolution, on a picture that is not square."""
    tokens = torch.randn(2, 8 * 6, 5, generator=torch.Generator().manual_seed(1))
    sigma, reach = 0.5, 1
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    weights = weights / weights.sum()
    picture = F.pad(tokens.transpose(1, 2).reshape(2, 5, 8, 6), (reach,) * 4, mode="reflect")
    kernel = (weights[:, None] * weights[None, :]).expand(5, 1, -1, -1)
    expected = F.conv2d(picture, kernel, groups=5).flatten(2).transpose(1, 2)
    torch.testing.assert_close(blur_tokens(tokens, sigma, (32, 24)), expected)
    torch.testing.assert_close(blur_tokens(tokens, MEAN, (32, 24)), tokens.mean(1, keepdim=True).expand_as(tokens))
