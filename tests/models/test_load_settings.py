"""`load`: every setting reaches diffusers, tiny pipelines run with those that a CPU has, and wrong ones are refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.settings import apply_settings
from cfgsweep.models.source import Source
from cfgsweep.samplers import Lora
from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.records import parse_record
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from tests.support import tiny_pipelines as tiny
from tests.support.json_schemas import checker
from tests.support.older_diffusers import needs_group_offload
from tests.support.recorded_pipelines import checked, compute, tried
from tests.support.tiny_loras import save_lora

BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg"}


@pytest.fixture(autouse=True)
def attention_as_it_was() -> Iterator[None]:
    before, _ = _AttentionBackendRegistry.get_active_backend()
    yield
    _AttentionBackendRegistry.set_active_backend(before)


def denoiser_of(family: str, **settings: Any) -> RecordedPipeline:
    pipeline = tiny.build(family)
    apply_settings(pipeline, LoadSettings(**settings), compute())
    return checked(RecordedPipeline(family, pipeline, compute()), family)


def picture_of(denoiser: RecordedPipeline) -> tuple[torch.Tensor, Image.Image]:
    """The last latents of a prompt without guidance, and their picture."""
    latents, sampler = denoiser.start(tried(denoiser.name), torch.Generator().manual_seed(0))
    for call in range(4):
        row = denoiser.inputs("a cat", sampler, call)
        latents = sampler.step(denoiser.predict_rows(sampler.model_input(latents, call), [row]), latents, call)
    return latents, denoiser.decode(latents, sampler)


@needs_group_offload
@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_group_offload_changes_no_pixel(family: str) -> None:
    plain, offloaded = picture_of(denoiser_of(family)), picture_of(denoiser_of(family, offload="group"))
    assert torch.equal(plain[0], offloaded[0])
    assert plain[1] == offloaded[1]


@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_layerwise_casting_equals_diffusers_pipeline(family: str) -> None:
    denoiser = denoiser_of(family, layerwise_casting="fp8")
    networks = list(denoiser.recorder.networks.values())
    assert any(weight.dtype == torch.float8_e4m3fn for net in networks for weight in net.parameters())
    pipeline = tiny.build(family)
    for network in tiny.networks(pipeline).values():
        network.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    unguided = dict.fromkeys(tiny.TABLE[family].guided, 1.0)
    theirs = tiny.call(pipeline, family, num_inference_steps=4, output_type="latent", **unguided)[0]
    ours, _ = picture_of(denoiser)
    torch.testing.assert_close(ours, theirs, atol=1e-4 * theirs.abs().max(), rtol=0)
    assert (ours - picture_of(denoiser_of(family))[0]).abs().max() > 1e-3, "nothing was cast"


def test_calls_of_several_threads_do_not_disturb_weights_that_are_cast() -> None:
    denoiser = denoiser_of("flux", layerwise_casting="fp8")
    latents, sampler = denoiser.start(tried("flux"), torch.Generator().manual_seed(0))
    row, wanted, found = denoiser.inputs("a cat", sampler, 0), [], []
    wanted.append(denoiser.predict_rows(latents, [row]))
    calls = [threading.Thread(target=lambda: found.append(denoiser.predict_rows(latents, [row]))) for _ in range(8)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert len(found) == 8
    assert all(torch.equal(one, wanted[0]) for one in found)


def test_autoencoders_decode_in_tiles_and_slices() -> None:
    vae = denoiser_of("sdxl", vae_tiling=True, vae_slicing=True).recorder.pipeline.vae
    assert vae.use_tiling
    assert vae.use_slicing
    vae = denoiser_of("sdxl").recorder.pipeline.vae
    assert not vae.use_tiling


def test_another_autoencoder_decodes_in_the_same_way(tmp_path: Path) -> None:
    denoiser = denoiser_of("sdxl", vae_tiling=True)
    denoiser.recorder.pipeline.vae.save_pretrained(tmp_path)
    assert denoiser.with_vae(str(tmp_path)).vae.use_tiling
    assert not denoiser.with_vae(str(tmp_path)).vae.use_slicing


def test_the_attention_backend_is_set() -> None:
    denoiser = denoiser_of("flux", attention="_native_math")
    (network,) = denoiser.recorder.networks.values()
    backends = {block.attn.processor._attention_backend for block in network.transformer_blocks}
    assert backends == {AttentionBackendName._NATIVE_MATH}
    torch.testing.assert_close(picture_of(denoiser)[0], picture_of(denoiser_of("flux"))[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"attention": "nativ"}, "must be one of the following"),
        ({"attention": "flash"}, "refused by diffusers"),
    ],
)
def test_what_diffusers_or_the_machine_has_not_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        denoiser_of("flux", **settings)
    assert caught.value.where == "load.attention"


def test_attention_that_no_layer_takes_is_refused() -> None:
    with pytest.raises(UserError, match="no attention of this model"):
        denoiser_of("sdxl", attention="_native_math")


def test_a_quantization_that_is_not_there_is_refused(tmp_path: Path) -> None:
    tiny.save("flux", tmp_path)
    given = {"quantization": {"quant_backend": "bitsandbytes_4bits", "quant_kwargs": {"load_in_4bit": True}}}
    source = Source(str(tmp_path), str(tmp_path), settings=LoadSettings(**given))
    with pytest.raises(UserError, match="not a quantization that diffusers knows") as caught:
        load_model(source, device.choose("cpu", "float32"))
    assert caught.value.where == "load.quantization"


@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
def test_all_weights_are_loaded_in_the_dtype(family: str, tmp_path: Path) -> None:
    tiny.save(family, tmp_path)
    loaded: Any = load_model(Source(str(tmp_path), str(tmp_path)), device.Compute("cpu", "bfloat16", 1))
    parts = getattr(loaded, "recorder", loaded).pipeline.components.values()
    weights = [weight for part in parts if isinstance(part, torch.nn.Module) for weight in part.parameters()]
    assert {weight.dtype for weight in weights} == {torch.bfloat16}


def test_a_folder_is_loaded_with_its_settings(tmp_path: Path) -> None:
    tiny.save("flux", tmp_path)
    source = Source(str(tmp_path), str(tmp_path), settings=LoadSettings(layerwise_casting="fp8"))
    loaded: Any = load_model(source, device.choose("cpu", "float32"))
    assert any(one.dtype == torch.float8_e4m3fn for one in loaded.recorder.networks["transformer"].parameters())
    assert any(one.dtype == torch.float8_e4m3fn for one in _other(loaded, tmp_path).parameters())


def _other(loaded: Any, folder: Path) -> Any:
    return loaded.load_other(str(folder)).recorder.networks["transformer"]


def test_models_of_other_families_take_no_settings() -> None:
    source = replace(Source.bundled("emoji"), settings=LoadSettings(vae_tiling=True))
    with pytest.raises(UserError, match="takes no settings of loading"):
        load_model(source, device.choose("cpu", "float32"))


@needs_group_offload
def test_a_lora_is_refused_with_layerwise_casting(tmp_path: Path) -> None:
    loras = (Lora(str(save_lora("flux", tmp_path / "style.safetensors", 1))),)
    with pytest.raises(UserError, match="rounded to fp8"):
        denoiser_of("flux", layerwise_casting="fp8").check_sampling(tried("flux", loras=loras))
    denoiser_of("flux", offload="group").check_sampling(tried("flux", loras=loras))


# Sweep files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"vae_tilling": True}, "did you mean 'vae_tiling'"),
        ({"offload": "disk"}, "group"),
        ({"layerwise_casting": "fp4"}, "fp8"),
        ({"attention": "flash_hub"}, "code from the hub"),
        ({"quantization": {"quant_backend": "quanto", "quant_kwargs": {}, "components": ["unet"]}}, "components_to"),
        ({"vae_tiling": "yes"}, "vae_tiling"),
    ],
)
def test_wrong_settings_are_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError) as caught:
        Sweep(**BASE, load=given)
    assert problem in str(caught.value)
    if problem != "code from the hub":
        with pytest.raises(jsonschema.ValidationError):
            checker().validate({**BASE, "load": given})


def test_ids_have_what_can_change_pixels() -> None:
    def one(**load: Any) -> Any:
        (experiment,) = expand(Sweep(**BASE, load=load))
        return experiment

    plain = one()
    same = [one(offload="group"), one(vae_slicing=True), one(offload="none", vae_tiling=False)]
    quantized = {"quant_backend": "quanto", "quant_kwargs": {"weights_dtype": "int8"}}
    others = [one(vae_tiling=True), one(layerwise_casting="fp8"), one(attention="native"), one(quantization=quantized)]
    assert {e.id for e in same} == {plain.id}
    assert len({e.id for e in [plain, *others]}) == 5
    assert json.loads(dict(others[3].load)["quantization"]) == quantized


def test_settings_are_written_as_they_are_read() -> None:
    given = {"vae_tiling": True, "quantization": {"quant_backend": "quanto", "quant_kwargs": {"weights_dtype": "int8"}}}
    assert as_written(Sweep(**BASE, load=given))["load"] == given
    assert "load" not in as_written(Sweep(**BASE))


def test_a_record_gives_its_experiment_back() -> None:
    (e,) = expand(Sweep(**BASE, load={"vae_tiling": True}))
    fields = {"id": e.id, "status": "failed", "reason": "", "model": e.model, "prompt": e.prompt, "seed": e.seed}
    fields |= {"negative_prompt": "", "steps": e.steps, "sampler": e.sampler, "value": e.value}
    fields |= {"guider": e.guider.spec(), "schedule": e.schedule.spec(), "load": {"vae_tiling": True}}
    for load in ({"vae_tiling": True}, {"vae_tiling": 3}):
        record = parse_record(json.dumps({**fields, "load": load}))
        assert record is not None
        assert current_ids([record]) == {e.id: e.id}


def test_settings_without_names_are_refused() -> None:
    """YAML has mappings with any keys, which no id could have."""
    given = {"quantization": {"quant_backend": "quanto", "quant_kwargs": {"a": [{None: 1, "": 2}]}}}
    with pytest.raises(UserError, match="not the name of a setting"):
        Sweep(name="s", model="m", prompt="a cat", guider="cfg", load=given)
