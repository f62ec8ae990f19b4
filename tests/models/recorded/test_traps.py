"""Each way in which some pipeline of diffusers differs from the others is learnt of it.

| trap | families |
| --- | --- |
| rows on another axis than the first | HiDream |
| lists with one element per row | Z-Image, QwenImage |
| latents as the first channels of something longer, on any axis | HunyuanVideo 1.5, Kandinsky 5 |
| the next latents are written into those that the network was given | Kandinsky 5 |
| latents are scaled for the network, or not | Stable Diffusion XL, Stable Diffusion 3 |
| a negated output | Lumina 2, HiDream, Z-Image |
| an output with a learned variance | PixArt |
| a negative prompt that is left out is not "" | Stable Diffusion XL |
| there is no guidance without a negative prompt | QwenImage, Flux |
| no negative prompt at all | FLUX.2, FLUX.2 Klein |
| guidance by a component | HunyuanImage, HunyuanVideo 1.5 |
| two networks | Wan 2.2 |
| a timestep for every token | Wan 2.2 5B |
| a template that the prompt alone gets | Sana, Lumina 2 |
| half precision | all |
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import AdaptiveProjectedMixGuidance, ClassifierFreeGuidance

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import Condition, NegativePrompt
from cfgsweep.models.denoiser import Unsupported
from cfgsweep.models.recorded import stand_in
from cfgsweep.models.recorded.arguments import equal
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT
from cfgsweep.models.recorded.maps import find_input
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.rows import RecordedRow
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny

LONG = "some small dogs in a field"


def rows(name: str, *conditions: Condition, call: int = 0) -> list[RecordedRow]:
    denoiser = recorded.denoiser(name)
    _, sampler = denoiser.start(recorded.tried(name), torch.Generator().manual_seed(0))
    return [denoiser.inputs(condition, sampler, call) for condition in conditions]


def joined(name: str, some: list[RecordedRow]) -> dict[str, Any]:
    return recorded.denoiser(name).learnt.axes.joined([row.arguments for row in some])


@pytest.mark.slow
def test_rows_of_another_axis_than_the_first() -> None:
    some = rows("hidream", "a cat", LONG)
    llama = joined("hidream", some)["encoder_hidden_states_llama3"]
    assert llama.shape[1] == 2
    assert not torch.equal(llama[:, 0], llama[:, 1])
    for place, row in enumerate(some):
        assert torch.equal(llama[:, place], row.arguments["encoder_hidden_states_llama3"][:, 0])


@pytest.mark.slow
def test_lists_with_one_element_per_row() -> None:
    assert recorded.denoiser("zimage").learnt.input.listed
    some = rows("zimage", "a cat", "a dog")
    texts = joined("zimage", some)["cap_feats"]
    assert [len(row.arguments["cap_feats"]) for row in some] == [1, 1]
    assert all(map(torch.equal, texts, [row.arguments["cap_feats"][0] for row in some]))
    shapes = joined("qwenimage", rows("qwenimage", "a cat", "a dog"))["img_shapes"]
    assert len(shapes) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "axis"), [("hunyuanvideo15", 1), ("kandinsky5", 4)])
def test_latents_as_the_first_channels_of_something_longer(name: str, axis: int) -> None:
    placed = recorded.denoiser(name).learnt.input
    assert (placed.way, placed.axis) == ("first", axis)
    (row,) = rows(name, "a cat")
    latents, _ = recorded.denoiser(name).start(recorded.tried(name), torch.Generator().manual_seed(1))
    channels = latents.shape[axis]
    before, filled = row.arguments[placed.name], placed.filled(row.arguments, latents)[placed.name]
    assert filled.shape == before.shape
    assert filled.shape[axis] > channels
    first, rest = filled.split([channels, filled.shape[axis] - channels], dim=axis)
    assert torch.equal(first, latents)
    assert torch.equal(rest, before.narrow(axis, channels, rest.shape[axis]))


@pytest.mark.slow
def test_latents_that_are_written_into_are_copied() -> None:
    """Without copies, all steps of a recording would have the last latents."""
    recorder = recorded.denoiser("kandinsky5").recorder

    def recording(copies: bool) -> Any:
        latents = stand_in.random_latents()
        return recorder.record(PROMPT, NEGATIVE, recorded.tried("kandinsky5"), advance=latents, copies=copies)

    assert find_input(recording(copies=True)) == recorded.denoiser("kandinsky5").learnt.input
    with pytest.raises(Unsupported, match="its latents are in no argument"):
        find_input(recording(copies=False))


@pytest.mark.parametrize(("name", "scaled"), [("sdxl", True), ("sd3", False), ("flux", False)])
def test_scaling_of_latents(name: str, scaled: bool) -> None:
    assert recorded.denoiser(name).learnt.input.scaled == scaled


@pytest.mark.slow
def test_signs_of_outputs() -> None:
    """Of Mochi, too: its scheduler is given x0 - epsilon."""
    negated = {name for name in recorded.NAMES if recorded.denoiser(name).learnt.output.sign < 0}
    assert negated == {"lumina2", "hidream", "zimage", "mochi"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pixart_alpha", "pixart_sigma"])
def test_a_learned_variance_is_left_out(name: str) -> None:
    denoiser = recorded.denoiser(name)
    latents, _ = denoiser.start(recorded.tried(name), torch.Generator().manual_seed(0))
    (row,) = rows(name, "a cat")
    with torch.no_grad():
        output = denoiser.recorder.networks["transformer"](**denoiser.learnt.input.filled(row.arguments, latents))[0]
    assert output.shape[1] == 2 * latents.shape[1]
    assert torch.equal(denoiser.predict_rows(latents, [row]), output[:, : latents.shape[1]])


def test_a_negative_prompt_that_is_left_out_is_not_an_empty_one() -> None:
    """SDXL zeroes the embeddings of one that is left out; so does our run, and it equals the pipeline."""
    denoiser = recorded.denoiser("sdxl")
    left_out, empty = rows("sdxl", NegativePrompt(None), NegativePrompt(""))
    assert not left_out.arguments["encoder_hidden_states"].any()
    assert empty.arguments["encoder_hidden_states"].any()
    denoiser.check_condition(NegativePrompt(None))
    some = [recorded.experiment("sdxl", negative_prompt=negative) for negative in (None, "")]
    results = list(Engine(recorded.LatentsAlone(denoiser), recorded.compute(), 4).run(Plan(some)))
    latents = {one.experiment.negative_prompt: recorded.latents_of(one.image) for one in results}
    assert recorded.relative_difference(latents[None], latents[""]) > 1e-3
    theirs = recorded.alone(tiny.build("sdxl"), "sdxl", some[0]).latents
    assert recorded.relative_difference(latents[None], theirs) <= 1e-5


@pytest.mark.parametrize("name", ["flux", "qwenimage"])
def test_where_there_is_no_guidance_without_a_negative_prompt_it_has_to_be_given(name: str) -> None:
    with pytest.raises(UserError, match="does not guide where the negative prompt is left out"):
        recorded.denoiser(name).check_condition(NegativePrompt(None))
    recorded.denoiser(name).check_condition(NegativePrompt(""))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flux2", "flux2_klein"])
def test_the_row_of_a_negative_prompt_is_that_of_a_prompt_where_the_pipeline_takes_none(name: str) -> None:
    assert not recorded.denoiser(name).takes_negative
    negative, prompt, other = rows(name, NegativePrompt("bad"), "bad", "a cat")
    assert equal(negative.arguments, prompt.arguments)
    assert not equal(negative.arguments, other.arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "guider"), [("hunyuanimage", AdaptiveProjectedMixGuidance), ("hunyuanvideo15", ClassifierFreeGuidance)]
)
def test_guidance_by_a_component(name: str, guider: type) -> None:
    """Whatever guider it is, CFG takes its place. HunyuanImage has another one for prompts with quoted text."""
    assert type(tiny.build(name).guider) is guider
    assert type(recorded.denoiser(name).recorder.pipeline.guider) is ClassifierFreeGuidance
    plain, quoted, negative = rows(name, "a cat", 'a sign that says "good"', NegativePrompt("bad"), call=3)
    assert not equal(plain.arguments, quoted.arguments)
    assert not equal(plain.arguments, negative.arguments)


@pytest.mark.slow
def test_two_networks_take_turns() -> None:
    names = [rows("wan22", "a cat", call=call)[0].network for call in range(recorded.STEPS)]
    assert names == sorted(names)
    assert set(names) == {"transformer", "transformer_2"}
    assert rows("wan22", "a cat")[0].key != rows("wan22", "a cat", call=recorded.STEPS - 1)[0].key
    assert {row.network for row in rows("wan", "a cat", LONG)} == {"transformer"}


@pytest.mark.slow
def test_a_timestep_for_every_token() -> None:
    (row,) = rows("wan5b", "a cat")
    assert row.arguments["timestep"].ndim == 2
    assert joined("wan5b", [row, row])["timestep"].shape[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "template"), [("sana", True), ("lumina2", True), ("sd3", False), ("sdxl", False)])
def test_templates_that_the_prompt_alone_gets(name: str, template: bool) -> None:
    negative, prompt = rows(name, NegativePrompt("a cat"), "a cat")
    assert equal(negative.arguments, prompt.arguments) == (not template)


HALF = ("sdxl", "sd3", "flux", "qwenimage", "wan", "zimage", "lumina2", "sana", "wan5b", "hidream")


@pytest.mark.slow
@pytest.mark.parametrize("name", HALF)
def test_the_same_is_learnt_in_half_precision(name: str) -> None:
    """At little noise, scaled latents equal unscaled ones in bfloat16: all steps are looked at."""
    pipeline = tiny.build(name).to(torch.bfloat16)
    half = recorded.checked(RecordedPipeline(name, pipeline, recorded.compute("bfloat16")), name)
    full = recorded.denoiser(name)
    assert (half.learnt.input, half.learnt.output) == (full.learnt.input, full.learnt.output)
    assert half.learnt.places == full.learnt.places
    assert half.own_formula == full.own_formula
    e = recorded.experiment(name, negative_prompt="bad")
    (result,) = Engine(recorded.LatentsAlone(half), recorded.compute("bfloat16"), 2).run(Plan([e]))
    assert recorded.latents_of(result.image).isfinite().all()
