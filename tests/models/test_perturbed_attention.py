"""Perturbed attention and feed-forward layers of transformers, against the same by hand and by diffusers' PAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cfgsweep.guidance.perturbations import MEAN, LayerPerturbation
from cfgsweep.models import image_attention
from cfgsweep.models.transformer_perturbations import layer_hooks
from tests.support.tiny_transformers import TinyTransformer, tiny
from tests.support.tiny_transformers.inputs import ROWS


def perturbed(made: TinyTransformer, kind: str, layer: str, blur_sigma: float = 0.0) -> Tensor:
    perturbation = LayerPerturbation(kind, (layer,), blur_sigma)  # type: ignore[arg-type]
    hooks = layer_hooks(made.network)
    with hooks.applied(perturbation, made.shape):
        prediction = made.predict()
    hooks.remove()
    return prediction


def attention_calls(change: Callable[..., dict[str, Any]], call: int) -> Any:
    """Changes the arguments of one of a network's calls of attention, counted from 0."""

    class Changing(torch.overrides.TorchFunctionMode):
        calls = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = kwargs or {}
            if func is nn.functional.scaled_dot_product_attention:
                kwargs = {**dict(zip(("query", "key", "value"), args, strict=False)), **given}
                kwargs = change(**kwargs) if self.calls == call else kwargs
                self.calls += 1
                return func(**kwargs)
            return func(*args, **given)

    return Changing()


@pytest.mark.parametrize("at_once", [image_attention.QUERIES_AT_ONCE, 5])
def test_identity_attention_beside_a_text_is_diffusers_pag_of_sd3(at_once: int, monkeypatch) -> None:
    from diffusers.models.attention_processor import PAGJointAttnProcessor2_0

    monkeypatch.setattr(image_attention, "QUERIES_AT_ONCE", at_once)
    made, reference = tiny("sd3"), tiny("sd3")
    got = perturbed(made, "identity", "1")
    reference.network.transformer_blocks[1].attn.set_processor(PAGJointAttnProcessor2_0())
    torch.testing.assert_close(got, second_half(reference), rtol=1e-4, atol=1e-6)


def test_identity_attention_of_sana_is_diffusers_pag_of_sana() -> None:
    from diffusers.models.attention_processor import PAGIdentitySanaLinearAttnProcessor2_0

    made, reference = tiny("sana"), tiny("sana")
    got = perturbed(made, "identity", "1")
    reference.network.transformer_blocks[1].attn1.set_processor(PAGIdentitySanaLinearAttnProcessor2_0())
    torch.testing.assert_close(got, second_half(reference), rtol=1e-4, atol=1e-6)


def second_half(made: TinyTransformer) -> Tensor:
    """What is predicted for the second of two equal halves of a batch, the one that diffusers' PAG perturbs."""
    twice = {name: torch.cat([value, value]) for name, value in made.arguments.items()}
    return TinyTransformer(made.network, twice, made.shape).predict()[ROWS:]


@pytest.mark.parametrize("family", ["chroma", "qwenimage"])
def test_identity_attention_keeps_the_networks_own_mask(family: str) -> None:
    """Padding of a text, of which one row has none, is attended to as little as without perturbation."""
    made = tiny(family)
    got = perturbed(made, "identity", "double.0" if family == "chroma" else "0")

    def by_hand(query: Tensor, attn_mask: Tensor, **others: Any) -> dict[str, Any]:
        picture = torch.arange(32) >= 16
        allowed = ~(picture[:, None] & picture) | torch.eye(32, dtype=torch.bool)
        return {"query": query, "attn_mask": attn_mask & allowed, **others}

    with attention_calls(by_hand, 0):
        torch.testing.assert_close(got, made.predict(), rtol=1e-4, atol=1e-6)


def test_identity_attention_of_a_picture_alone_is_its_values() -> None:
    made = tiny("wan")  # two attentions a block, the second to the text, which is as long as the picture

    def by_hand(query: Tensor, **others: Any) -> dict[str, Any]:
        return {"query": query, **others, "attn_mask": torch.eye(16, dtype=torch.bool)}

    got = perturbed(made, "identity", "1")
    with attention_calls(by_hand, 2):
        torch.testing.assert_close(got, made.predict(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.8, MEAN])
@pytest.mark.parametrize(("family", "call", "start"), [("sd3", 1, 0), ("flux", 1, 16), ("wan", 2, 0)])
def test_queries_are_blurred_over_height_and_width(family: str, call: int, start: int, sigma: float) -> None:
    made = tiny(family)
    grid = (2, 4, 2) if family == "wan" else (1, 4, 4)

    def by_hand(query: Tensor, **others: Any) -> dict[str, Any]:
        frames = query[:, :, start : start + 16].unflatten(2, grid).permute(0, 1, 5, 2, 3, 4).double()
        if sigma == MEAN:
            blurred = frames.mean(dim=(-2, -1), keepdim=True).expand_as(frames)
        else:
            blurred = blurred_by_torch(frames, sigma)
        blurred = blurred.permute(0, 1, 3, 4, 5, 2).flatten(2, 4).float()
        return {"query": torch.cat([query[:, :, :start], blurred, query[:, :, start + 16 :]], dim=2), **others}

    got = perturbed(made, "blur", "1", sigma)
    with attention_calls(by_hand, call):
        torch.testing.assert_close(got, made.predict(), rtol=1e-4, atol=1e-6)


def blurred_by_torch(pictures: Tensor, sigma: float) -> Tensor:
    """A Gaussian that reaches three standard deviations, and at most half of a side. [..., height, width]."""
    kernels = []
    for side in pictures.shape[-2:]:
        reach = min(round(3 * sigma), side // 2)
        weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).double() / sigma) ** 2)
        kernels.append(weights / weights.sum())
    high, wide = (len(kernel) // 2 for kernel in kernels)
    padded = nn.functional.pad(pictures.flatten(0, -3)[:, None], (wide, wide, high, high), mode="reflect")
    kernel = torch.outer(*kernels)[None, None]
    return nn.functional.conv2d(padded, kernel).view(pictures.shape)


def given(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """The first argument of a module."""
    return args[0] if args else kwargs["hidden_states"]


def nothing(*of: Any) -> Tensor:
    return torch.zeros_like(given(*of))


@pytest.mark.parametrize(
    ("family", "kind", "part", "value"),
    [
        ("sd3", "attention", "attn", given),
        ("sd3", "attention_residual", "attn", nothing),
        ("sd3", "feed_forward", "ff", given),
        ("wan", "attention", "attn1", given),
        ("wan", "attention_residual", "attn1", nothing),
        ("wan", "feed_forward", "ffn", given),
        ("flux", "attention", "attn", given),
    ],
)
def test_skipped_parts_return_what_they_are_given(family: str, kind: str, part: str, value: Any) -> None:
    """Against hooks by hand; the attention to a text that Wan has besides stays, and so do the streams of texts."""
    made, by_hand = tiny(family), tiny(family)
    stack = by_hand.network.blocks if family == "wan" else by_hand.network.transformer_blocks

    def changed(*of: Any) -> Any:
        *call, output = of
        return (value(*call), *output[1:]) if isinstance(output, tuple) else value(*call)

    getattr(stack[1], part).register_forward_hook(changed, with_kwargs=True)
    assert torch.equal(perturbed(made, kind, "1"), by_hand.predict())
