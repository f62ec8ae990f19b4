"""Perturbed attention and feed-forward layers of transformers, against the same by hand and by diffusers' PAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cfgsweep.guidance.perturbations import MEAN, LayerPerturbation
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


def test_identity_attention_beside_a_text_is_diffusers_pag_of_sd3() -> None:
    from diffusers.models.attention_processor import PAGJointAttnProcessor2_0

    made, reference = tiny("sd3"), tiny("sd3")
    got = perturbed(made, "identity", "1")
    reference.network.transformer_blocks[1].attn.set_processor(PAGJointAttnProcessor2_0())
    twice = {name: torch.cat([value, value]) for name, value in reference.arguments.items()}
    expected = TinyTransformer(reference.network, twice, reference.shape).predict()[ROWS:]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)


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


def test_skipped_attention_and_feed_forward_return_what_they_are_given() -> None:
    """Against hooks by hand on the parts of SD3's second block."""
    made, by_hand = tiny("sd3"), tiny("sd3")
    block = by_hand.network.transformer_blocks[1]

    def attention(value: Callable[[Tensor], Tensor]) -> Any:
        return block.attn.register_forward_hook(
            lambda _, args, given, output: (value(given["hidden_states"]), output[1]), with_kwargs=True
        )

    cases = {
        "attention": lambda: attention(lambda given: given),
        "attention_residual": lambda: attention(torch.zeros_like),
        "feed_forward": lambda: block.ff.register_forward_hook(lambda _, args, output: args[0]),
    }
    for kind, hook in cases.items():
        handle = hook()
        assert torch.equal(perturbed(made, kind, "1"), by_hand.predict()), kind
        handle.remove()
