"""Layer perturbations of transformers of every family: what they change, what they leave, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from diffusers import FirstBlockCacheConfig
from diffusers.hooks import apply_group_offloading
from torch import Tensor, nn

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import LayerPerturbation
from cfgsweep.models import transformer_perturbations
from cfgsweep.models.perturbation_hooks import PerturbationHooks
from cfgsweep.models.transformer_blocks import block_stacks
from cfgsweep.models.transformer_perturbations import TransformerHooks, layer_hooks, require_effect
from tests.support.older_diffusers import needs_group_offload
from tests.support.tiny_models import stable_diffusion
from tests.support.tiny_transformers import FAMILIES, TinyTransformer, tiny
from tests.support.tiny_transformers.inputs import ROWS

KINDS = ["identity", "block", "attention", "attention_residual", "feed_forward", "blur"]
FAST = ["sd3", "flux", "wan", "lumina2", "hidream"]


def families(but: str = "") -> pytest.MarkDecorator:
    """Every family but one; those that are not FAST are slow tests."""
    names = [name for name in FAMILIES if name != but]
    marks = {name: [] if name in FAST else [pytest.mark.slow] for name in names}
    return pytest.mark.parametrize("family", [pytest.param(name, marks=marks[name]) for name in names])


TEXT_ALONE = set(KINDS) - {"block"}  # what is refused where a block has no tokens of the picture
REFUSED = {  # by the name of the blocks; no others
    **{name: {"single": {"feed_forward"}} for name in ("flux", "flux_kontext", "chroma", "bria")},
    **{name: {"single": {"feed_forward"}} for name in ("hunyuanvideo", "hunyuanvideo_i2v", "hunyuanimage")},
    "flux3": {"txt_mode_blocks": TEXT_ALONE, "mode_blocks.image_cond": TEXT_ALONE},
    "flux2": {"single": {"feed_forward", "attention", "attention_residual"}},
    "lumina2": {"context_refiner": TEXT_ALONE},
    "z_image": {"context_refiner": TEXT_ALONE},
    "kandinsky5": {"text_transformer_blocks": TEXT_ALONE},
    **{name: {"block": {"blur"}} for name in ("sana", "sana_video")},
    "prx": {"block": {"feed_forward"}},
}


def perturbation(kind: str, *layers: str, blur_sigma: float = 1.0) -> LayerPerturbation:
    return LayerPerturbation(kind, layers, blur_sigma if kind == "blur" else 0.0)  # type: ignore[arg-type]


def perturbed(made: TinyTransformer, hooks: Any, kind: str, *layers: str) -> Tensor:
    with hooks.applied(perturbation(kind, *layers), made.shape):
        return made.predict()


@families()
def test_every_kind_has_an_effect_or_is_refused_in_words(family: str) -> None:
    made = tiny(family)
    plain, hooks = made.predict(), layer_hooks(made.network)
    results = [plain]
    for stack in block_stacks(made.network):
        for kind in KINDS:
            if kind in REFUSED.get(family, {}).get(stack, ()):
                with pytest.raises(UserError, match=f"layer '{stack}.0' cannot be perturbed in this way"):
                    perturbed(made, hooks, kind, f"{stack}.0")
                continue
            require_effect(hooks, perturbation(kind, f"{stack}.0"), made.shape, made.predict)
            results.append(perturbed(made, hooks, kind, f"{stack}.0"))
            assert torch.equal(results[-1], perturbed(made, hooks, kind, f"{stack}.0"))
    for i, one in enumerate(results):
        assert one.isfinite().all()
        assert not any(torch.equal(one, other) for other in results[:i])
    assert torch.equal(made.predict(), plain)


@families()
def test_a_skipped_block_is_a_network_without_it(family: str) -> None:
    """Bit by bit; text and picture of equal lengths would be exchanged unnoticed otherwise."""
    made = tiny(family)
    hooks = layer_hooks(made.network)
    for name, stack in block_stacks(made.network).items():
        for layer, numbers in [(name, range(len(stack))), *((f"{name}.{i}", [i]) for i in range(len(stack)))]:
            without = tiny(family)
            remove(family, block_stacks(without.network)[name], numbers)
            assert torch.equal(perturbed(made, hooks, "block", layer), without.predict()), layer


BY_NUMBER = {"chroma", "dit", "hidream", "hunyuandit"}  # their networks look blocks up by number, or need one


def remove(family: str, stack: nn.ModuleList, numbers: Iterable[int]) -> None:
    for i in sorted(numbers, reverse=True):
        if family in BY_NUMBER:
            stack[i] = Skipped(stack[i], family)
        else:
            del stack[i]


class Skipped(nn.Module):
    """A block that returns what it is given, by hand for each family."""

    def __init__(self, block: Any, family: str):
        super().__init__()
        self.norm1, self.family = getattr(block, "norm1", None), family
        self.double = "SingleTransformerBlock" not in repr(block)

    def forward(self, hidden_states: Tensor, *_: Any, encoder_hidden_states: Tensor | None = None, **__: Any) -> Any:
        if self.family == "chroma" and self.double:
            return encoder_hidden_states, hidden_states
        if self.family == "hidream" and self.double:
            return hidden_states, encoder_hidden_states
        return hidden_states


@families(but="kandinsky5")  # which takes one row
def test_a_row_is_perturbed_as_it_is_alone(family: str) -> None:
    """Rows have texts of unequal lengths, so that the picture's tokens may be at other places in each."""
    made = tiny(family)
    hooks = layer_hooks(made.network)
    for name in block_stacks(made.network):
        for kind in set(KINDS) - REFUSED.get(family, {}).get(name, set()):
            together = perturbed(made, hooks, kind, name)
            for row in range(ROWS):
                alone = TinyTransformer(made.network, rows_of(made.arguments, row), made.shape)
                expected = perturbed(alone, hooks, kind, name)[0]
                torch.testing.assert_close(together[row], expected, rtol=1e-4, atol=1e-5)


def rows_of(arguments: Any, row: int, name: str = "") -> Any:
    """The arguments of one row. Rows are the first dimension, or a list's members; HiDream's Llama: the second."""
    match arguments:
        case dict():
            return {key: rows_of(value, row, key) for key, value in arguments.items()}
        case list() if len(arguments) == ROWS:
            return [arguments[row]]
        case Tensor() if name == "encoder_hidden_states_llama3":
            return arguments[:, row : row + 1]
        case Tensor() if len(arguments) == ROWS:
            return arguments[row : row + 1]
    return arguments


@families(but="ltx2")  # whose sound attends to the picture within the block
def test_within_a_block_the_pictures_tokens_alone_are_perturbed(family: str) -> None:
    made = tiny(family)
    hooks = layer_hooks(made.network)
    for name, stack in block_stacks(made.network).items():
        kinds = set(KINDS) - {"block"} - REFUSED.get(family, {}).get(name, set())
        place, starts = PICTURES.get(family, {}).get(name, (0, (0, 0)))
        outputs: list[Any] = []
        handle = stack[0].register_forward_hook(lambda *given, into=outputs: into.append(given[-1]))
        made.predict()
        for kind in kinds:
            perturbed(made, hooks, kind, f"{name}.0")
            plain, changed = (members(output) for output in (outputs[0], outputs[-1]))
            for i, (before, after) in enumerate(zip(plain, changed, strict=True)):
                where = ((after - before).abs() > 1e-6).any(dim=-1).flatten(1)
                tokens = torch.arange(where.shape[1]) - torch.tensor(starts)[: len(where), None]
                assert torch.equal(where, (tokens >= 0) & (tokens < 16) & (i == place)), (name, kind, i)
        handle.remove()


PICTURES = {  # the place in what a block returns, and the first of 16 tokens in each row; elsewhere a block has no text
    **{name: {"block": (1, (0, 0))} for name in ("sd3", "sd35_medium", "qwenimage")},
    **{name: {"double": (1, (0, 0)), "single": (1, (0, 0))} for name in ("flux", "flux_kontext", "bria")},
    "flux3": {"single": (1, (0, 0))},
    **{name: {"double": (1, (0, 0)), "single": (0, (16, 16))} for name in ("flux2", "chroma")},
    "auraflow": {"double": (1, (0, 0)), "single": (0, (24, 24))},  # with 8 tokens of the network's own before the text
    "krea2": {"block": (0, (16, 16))},
    "lumina2": {"block": (0, (9, 16))},
}


def members(output: Any) -> list[Tensor]:
    return [one for one in (output if isinstance(output, tuple) else (output,)) if one is not None]


def test_threads_do_not_disturb_each_other() -> None:
    made = tiny("flux")
    hooks = layer_hooks(made.network)
    cases = [("block", "single.0"), None, ("identity", "double"), ("feed_forward", "1"), None, ("blur", "single")] * 6

    def predict(case: tuple[str, str] | None) -> Tensor:
        return perturbed(made, hooks, *case) if case else made.predict()

    expected = {case: predict(case) for case in cases}
    with ThreadPoolExecutor(4) as pool:
        for case, got in zip(cases, pool.map(predict, cases), strict=True):
            torch.testing.assert_close(got, expected[case], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("when", ["while the tokens are found", "while the layer is perturbed"])
def test_an_exception_leaves_no_perturbation_behind(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny("flux")
    plain, hooks = made.predict(), layer_hooks(made.network)
    if when == "while the layer is perturbed":
        before = perturbed(made, hooks, "identity", "1")
    with monkeypatch.context() as patched:
        patched.setattr(made.network.transformer_blocks[1].ff, "forward", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            perturbed(made, hooks, "identity", "1")
    assert torch._C._len_torch_function_stack() == 0
    assert torch.equal(made.predict(), plain)
    if when == "while the layer is perturbed":
        assert torch.equal(perturbed(made, hooks, "identity", "1"), before)


def test_tokens_are_found_once_for_a_layout() -> None:
    made = tiny("lumina2")
    hooks, passes = layer_hooks(made.network), []
    made.network.x_embedder.register_forward_hook(lambda *_: passes.append(1))
    for kind in KINDS:
        perturbed(made, hooks, kind, "0")
    assert len(passes) == 1 + len(KINDS)
    made.arguments["encoder_attention_mask"] = torch.arange(16) < torch.tensor([[4], [16]])
    other = perturbed(made, hooks, "blur", "0")
    assert len(passes) == 3 + len(KINDS)
    assert torch.equal(other, perturbed(made, layer_hooks(made.network), "blur", "0"))


def test_few_layouts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer_perturbations, "LAYOUTS", 1)
    made = tiny("wan")
    hooks = TransformerHooks(made.network)
    texts = [made.arguments["encoder_hidden_states"][:, :tokens] for tokens in (16, 5)]
    results = []
    for text in texts * 2:
        made.arguments["encoder_hidden_states"] = text
        results.append(perturbed(made, hooks, "identity", "0"))
        assert len(hooks._origins) == 1
    assert torch.equal(results[0], results[2])
    assert torch.equal(results[1], results[3])


def test_an_unknown_layer_is_refused_with_the_layers_there_are() -> None:
    hooks = layer_hooks(tiny("flux").network)
    with pytest.raises(UserError) as refused:
        hooks.check(perturbation("identity", "singel.1"))
    text = str(refused.value)
    for part in (
        "unknown layer 'singel.1'",
        "double (with double.0 to double.1)",
        "single.1",
        "did you mean 'single.1'",
    ):
        assert part in text
    for layer in ("2", "double.2", "mid", "sing"):
        with pytest.raises(UserError, match="unknown layer"):
            hooks.check(perturbation("identity", layer))


def test_a_part_that_a_block_does_not_have_is_refused_without_a_call() -> None:
    for family, kind in (("flux", "feed_forward"), ("flux2", "attention")):
        hooks = layer_hooks(tiny(family).network)
        hooks.check(perturbation(kind, "double"))
        with pytest.raises(UserError, match=r"layer 'single\.0' cannot be perturbed in this way"):
            hooks.check(perturbation(kind, "double", "single"))


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("sd3", ["block"]),
        ("flux", ["double", "single"]),
        ("auraflow", ["double", "single"]),
        ("hidream", ["double", "single"]),
        ("z_image", ["noise_refiner", "context_refiner", "block"]),
        ("kandinsky5", ["text_transformer_blocks", "block"]),
    ],
)
def test_a_number_is_a_block_of_the_main_sequence(family: str, names: list[str]) -> None:
    made = tiny(family)
    hooks = layer_hooks(made.network)
    assert list(block_stacks(made.network)) == names
    main = "double" if "double" in names else "block"
    assert torch.equal(perturbed(made, hooks, "block", "1"), perturbed(made, hooks, "block", f"{main}.1"))


def test_a_perturbation_without_an_effect_is_refused() -> None:
    made = tiny("sd3")
    with pytest.raises(UserError, match="does not change the prediction"):
        require_effect(layer_hooks(made.network), LayerPerturbation("blur", ("1",), 0.0), made.shape, made.predict)


def test_a_shape_that_is_not_the_latents_is_refused() -> None:
    made = tiny("sd3")
    with (
        pytest.raises(UserError, match="cannot tell the shape"),
        layer_hooks(made.network).applied(perturbation("identity", "0"), (12, 8)),
    ):
        made.predict()


def test_attention_that_is_not_torchs_is_refused() -> None:
    """It mixes tokens unseen, so that a skipped block could exchange a text and a picture of equal lengths."""

    def by_hand(attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        tokens = torch.cat([attn.to_v(hidden_states), attn.add_v_proj(encoder_hidden_states)], dim=1)
        mean = tokens.mean(dim=1, keepdim=True).expand_as(tokens)
        return attn.to_out[0](mean[:, :16]), attn.to_add_out(mean[:, 16:])

    made = tiny("flux")
    for block in made.network.transformer_blocks:
        block.attn.set_processor(by_hand)
    hooks = layer_hooks(made.network)
    for kind in ("identity", "blur", "block"):
        with pytest.raises(UserError, match="cannot be perturbed"):
            perturbed(made, hooks, kind, "double.0")


def test_a_cache_of_diffusers_is_refused() -> None:
    made = tiny("flux")
    made.network.enable_cache(FirstBlockCacheConfig(threshold=0.1))
    with pytest.raises(UserError, match="cache"):
        layer_hooks(made.network).check(perturbation("block", "0"))


@needs_group_offload
def test_a_network_whose_weights_come_and_go_is_perturbed_alike() -> None:
    """diffusers replaces the `forward` of an offloaded network and of its blocks."""
    made, offloaded = tiny("flux"), tiny("flux")
    cpu = torch.device("cpu")
    apply_group_offloading(offloaded.network, cpu, cpu, offload_type="block_level", num_blocks_per_group=1)
    hooks, others = layer_hooks(made.network), layer_hooks(offloaded.network)
    for kind in KINDS:
        assert torch.equal(perturbed(offloaded, others, kind, "0"), perturbed(made, hooks, kind, "0")), kind


def test_removed_hooks_leave_the_network_as_it_was() -> None:
    network = tiny("flux").network
    hooks = layer_hooks(network)
    assert any(module._forward_hooks for module in network.modules())
    hooks.remove()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_u_nets_keep_their_own_hooks() -> None:
    assert isinstance(layer_hooks(stable_diffusion().unet), PerturbationHooks)
    assert isinstance(layer_hooks(tiny("dit").network), TransformerHooks)
