"""LoRA adapters of recorded pipelines: equal to diffusers', exactly reversible, and refused where files are hostile."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import OtherModel
from cfgsweep.models import device
from cfgsweep.models.recorded.lora_file import METADATA, checked_lora_file
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.samplers import OWN_SAMPLER, Lora, Loras, Sampling
from cfgsweep.sweep.call_inputs import frozen_inputs
from tests.support import tiny_pipelines as tiny
from tests.support.pickles import Payload
from tests.support.tiny_loras import save_lora

STEPS = 3


@pytest.fixture(scope="module", params=["sdxl", "flux"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def files(family: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two LoRA files, the first of which also changes a text encoder, and is of twice the strength."""
    folder = tmp_path_factory.mktemp(family)
    first = save_lora(family, folder / "first.safetensors", 1, text_encoder=True, alpha=8)
    return str(first), str(save_lora(family, folder / "second.safetensors", 2))


def denoiser_of(family: str) -> RecordedPipeline:
    made = RecordedPipeline(family, tiny.build(family), device.choose("cpu", "float32"))
    made.check_sampling(sampling_of(family))
    return made


def sampling_of(family: str, loras: Loras = ()) -> Sampling:
    inputs = dict(tiny.INPUTS[family])
    size = inputs.pop("width"), inputs.pop("height")
    return Sampling(OWN_SAMPLER, STEPS, size, frozen_inputs(inputs), loras)


def latents_of(denoiser: RecordedPipeline, loras: Loras = ()) -> torch.Tensor:
    """The last latents of a prompt without guidance."""
    latents, sampler = denoiser.start(sampling_of(denoiser.name, loras), torch.Generator().manual_seed(0))
    for call in range(STEPS):
        row = denoiser.inputs("a cat", sampler, call)
        latents = sampler.step(denoiser.predict_rows(sampler.model_input(latents, call), [row]), latents, call)
    return latents


def latents_alone(family: str, loras: Loras) -> torch.Tensor:
    """The same by diffusers' pipeline."""
    pipeline = tiny.build(family)
    for number, lora in enumerate(loras):
        pipeline.load_lora_weights(lora.file, adapter_name=f"a{number}")
    pipeline.set_adapters([f"a{number}" for number in range(len(loras))], [lora.scale for lora in loras])
    unguided = dict.fromkeys(tiny.TABLE[family].guided, 1.0)
    return tiny.call(pipeline, family, num_inference_steps=STEPS, output_type="latent", **unguided)[0]


def test_one_lora_and_two_at_once_equal_diffusers_pipeline(family: str, files: tuple[str, str]) -> None:
    first, second = files
    denoiser = denoiser_of(family)
    for loras in ((Lora(first, 0.7), Lora(second, -0.4)), (Lora(second, 1.0),), (Lora(first, 0.7),)):
        theirs = latents_alone(family, loras)
        torch.testing.assert_close(latents_of(denoiser, loras), theirs, atol=1e-4 * theirs.abs().max(), rtol=0)


def test_none_among_others_is_bit_equal_to_a_pipeline_without_lora(family: str, files: tuple[str, str]) -> None:
    plain, denoiser = latents_of(denoiser_of(family)), denoiser_of(family)
    loras = Lora(files[0], 0.7), Lora(files[1], -0.4)
    with_both = latents_of(denoiser, loras)
    assert torch.equal(latents_of(denoiser), plain)
    assert torch.equal(latents_of(denoiser, loras), with_both), "not the same after none"
    assert (with_both - plain).abs().max() > 1e-2


def test_rows_of_other_loras_have_other_keys_and_texts(family: str, files: tuple[str, str]) -> None:
    denoiser = denoiser_of(family)
    rows = []
    for loras in ((), (Lora(files[0]),), (Lora(files[0], 0.5),), (Lora(files[1]),)):
        _, sampler = denoiser.start(sampling_of(family, loras), torch.Generator())
        rows.append(denoiser.inputs("a cat", sampler, 0))
    assert len({row.key for row in rows}) == 4
    pooled = [row.arguments.get("pooled_projections", row.arguments.get("encoder_hidden_states")) for row in rows]
    assert not torch.equal(pooled[0], pooled[1])  # the text encoder is changed by the first file
    assert not torch.equal(pooled[1], pooled[2])
    assert torch.equal(pooled[0], pooled[3])


def test_calls_of_several_threads_are_those_of_one(family: str, files: tuple[str, str]) -> None:
    denoiser = denoiser_of(family)
    choices: list[Loras] = [(), (Lora(files[0]),), (Lora(files[1], 0.5),), (Lora(files[0], 0.2), Lora(files[1]))]
    wanted, calls = [], []
    for loras in choices:
        latents, sampler = denoiser.start(sampling_of(family, loras), torch.Generator().manual_seed(0))
        row, shown = denoiser.inputs("a cat", sampler, 0), sampler.model_input(latents, 0)
        calls.append((shown, row))
        wanted.append(denoiser.predict_rows(shown, [row]))
    differing: list[int] = []

    def predict(number: int) -> None:
        for _ in range(10):
            if not torch.equal(denoiser.predict_rows(calls[number][0], [calls[number][1]]), wanted[number]):
                differing.append(number)

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(len(choices)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert differing == []


def test_another_model_predicts_without_the_lora(family: str, files: tuple[str, str]) -> None:
    denoiser, plain = denoiser_of(family), denoiser_of(family)
    denoiser.load_other = lambda _: plain
    other = denoiser.perturbed(OtherModel("other"))
    latents, sampler = denoiser.start(sampling_of(family, (Lora(files[0]),)), torch.Generator().manual_seed(0))
    shown = sampler.model_input(latents, 0)
    own, others = (one.predict_rows(shown, [one.inputs("a cat", sampler, 0)]) for one in (denoiser, other))
    _, without = plain.start(sampling_of(family), torch.Generator().manual_seed(0))
    assert torch.equal(others, plain.predict_rows(shown, [plain.inputs("a cat", without, 0)]))
    assert not torch.equal(others, own)


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lora_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_lora("flux", tmp_path_factory.mktemp("flux") / "style.safetensors", 1)


def refusal(file: Path, denoiser: RecordedPipeline) -> str:
    with pytest.raises(UserError) as caught:
        denoiser.check_sampling(sampling_of(denoiser.name, (Lora(str(file)),)))
    assert str(file) in str(caught.value)
    return caught.value.problem


def changed(file: Path, to: Path, metadata: dict[str, Any] | None = None, **tensors: torch.Tensor) -> Path:
    save_file({**load_file(file), **tensors}, to, metadata={METADATA: json.dumps(metadata)} if metadata else None)
    return to


def test_files_that_are_no_lora_of_the_model_are_refused(tmp_path: Path, lora_file: Path) -> None:
    denoiser = denoiser_of("flux")
    plain = latents_of(denoiser)
    missing, pickled, cut, other = (tmp_path / f"{name}.safetensors" for name in ("missing", "pickle", "cut", "other"))
    assert refusal(missing, denoiser) == "no such model folder or file"
    torch.save({"transformer.a.lora_A.weight": Payload(tmp_path / "code-was-run")}, pickled)
    assert refusal(pickled, denoiser).startswith("damaged")
    assert not (tmp_path / "code-was-run").exists()
    cut.write_bytes(lora_file.read_bytes()[:-9])
    assert refusal(cut, denoiser).startswith("damaged")
    save_file({"transformer.x_embedder.weight": torch.zeros(2, 2)}, other)
    assert "replace those of the model" in refusal(other, denoiser)
    whole = changed(lora_file, tmp_path / "norm.safetensors", **{"transformer.norm_q.weight": torch.ones(4)})
    assert "replace those of the model" in refusal(whole, denoiser)
    save_file({"transformer.nothing.lora_A.weight": torch.zeros(4, 8)}, other)
    assert refusal(other, denoiser).startswith("not a LoRA of this model")
    numbers = changed(
        lora_file, tmp_path / "int.safetensors", **{"a.lora_A.weight": torch.ones(2, 2, dtype=torch.int8)}
    )
    assert refusal(numbers, denoiser) == "its numbers are no floats"
    of_sdxl = save_lora("sdxl", tmp_path / "sdxl.safetensors", 1)
    assert refusal(of_sdxl, denoiser).startswith("not a LoRA of this model")
    assert torch.equal(latents_of(denoiser), plain), "a refused file has left something behind"


def test_a_file_whose_shapes_do_not_fit_is_refused(tmp_path: Path, lora_file: Path) -> None:
    wider = {
        key: torch.zeros(one.shape[0], 3 * one.shape[1]) for key, one in load_file(lora_file).items() if "_A" in key
    }
    denoiser = denoiser_of("flux")
    assert refusal(changed(lora_file, tmp_path / "wide.safetensors", **wider), denoiser).startswith("not a LoRA of")
    latents_of(denoiser, (Lora(str(lora_file)),))  # another one is taken after it


def test_a_control_lora_that_widens_the_models_input_is_refused(tmp_path: Path, lora_file: Path) -> None:
    denoiser = denoiser_of("flux")
    plain = latents_of(denoiser)
    embedder = denoiser.recorder.pipeline.transformer.x_embedder
    wide = {
        "transformer.x_embedder.lora_A.weight": torch.ones(4, 2 * embedder.in_features),
        "transformer.x_embedder.lora_B.weight": torch.ones(embedder.out_features, 4),
    }
    file = changed(lora_file, tmp_path / "control.safetensors", **wide)
    assert refusal(file, denoiser).startswith("not a LoRA of this model")
    assert torch.equal(latents_of(denoiser), plain)


@pytest.mark.parametrize(
    "setting",
    [
        {"megatron_config": {}, "megatron_core": "os"},
        {"init_lora_weights": "pissa"},
        {"modules_to_save": ["proj_out"]},
        {"no_such_setting": 1},
    ],
)
def test_a_configuration_that_does_more_than_add_is_refused(
    tmp_path: Path, lora_file: Path, setting: dict[str, Any]
) -> None:
    metadata = {f"transformer.{key}": value for key, value in setting.items()}
    file = changed(lora_file, tmp_path / "hostile.safetensors", metadata or None)
    with pytest.raises(UserError, match="its configuration does more than add to weights"):
        checked_lora_file(str(file))


def test_a_pipeline_without_lora_refuses_it(lora_file: Path) -> None:
    denoiser = denoiser_of("pixart_sigma")
    assert "takes no LoRA" in refusal(lora_file, denoiser)


def test_without_peft_its_extra_is_named(lora_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfgsweep.models.recorded.adapters.find_spec", lambda _: None)
    with pytest.raises(UserError) as caught:
        denoiser_of("flux").check_sampling(replace(sampling_of("flux"), loras=(Lora(str(lora_file)),)))
    assert caught.value.hint == "pip install 'cfgsweep[lora]'"
