"""`load: {free_encoders: true}` and `load: {offload: model}`: the same pictures, and encoders that are gone."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import NegativePrompt
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.models.recorded.encoders import text_encoders
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.settings import apply_settings
from cfgsweep.samplers import Lora, Loras
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny
from tests.support.pipeline_sweeps import sweep_of
from tests.support.recorded_pipelines import every, tried
from tests.support.run_state import records_of
from tests.support.tiny_loras import save_lora

TEXTS = ("a cat", NegativePrompt("bad"))


def denoiser_of(family: str, **settings: Any) -> RecordedPipeline:
    pipeline, chosen = tiny.build(family), LoadSettings(**settings)
    apply_settings(pipeline, chosen, recorded.compute())
    found = RecordedPipeline(family, pipeline, recorded.compute(), chosen.free_encoders)
    return recorded.checked(found, family)


def picture_of(denoiser: RecordedPipeline, loras: Loras = ()) -> tuple[torch.Tensor, Any]:
    """Latents and picture of a prompt minus a negative prompt."""
    latents, sampler = denoiser.start(tried(denoiser.name, loras=loras), torch.Generator().manual_seed(0))
    for call in range(recorded.STEPS):
        cond, uncond = (
            denoiser.predict_rows(sampler.model_input(latents, call), [denoiser.inputs(text, sampler, call)])
            for text in TEXTS
        )
        latents = sampler.step(uncond + 2 * (cond - uncond), latents, call)
    return latents, denoiser.decode(latents, sampler)


def weights_of_encoders(denoiser: RecordedPipeline) -> list[weakref.ref]:
    parts = text_encoders(denoiser.recorder.pipeline).values()
    return [weakref.ref(tensor) for part in parts for tensor in [part, *part.parameters()]]


def encode(denoiser: RecordedPipeline, loras: Loras = ()) -> None:
    denoiser.encode_texts((text, tried(denoiser.name, loras=loras)) for text in TEXTS)


@pytest.mark.parametrize("family", every(("sdxl", "sd3", "flux")))
def test_encoders_are_gone_and_pictures_are_the_same(family: str) -> None:
    denoiser = denoiser_of(family, free_encoders=True)
    weights = weights_of_encoders(denoiser)
    assert len(weights) > 4
    encode(denoiser)
    gc.collect()
    assert not any(weight() is not None for weight in weights)
    latents, picture = picture_of(denoiser)
    wanted, wanted_picture = picture_of(recorded.denoiser(family))
    assert torch.equal(latents, wanted)
    assert picture == wanted_picture


def test_a_text_that_comes_later_is_refused() -> None:
    denoiser = denoiser_of("flux", free_encoders=True)
    encode(denoiser)
    _, sampler = denoiser.start(tried("flux"), torch.Generator().manual_seed(0))
    with pytest.raises(UserError, match="not known when the text encoders were let go of"):
        denoiser.inputs("a dog", sampler, 0)


def test_encoders_stay_where_nobody_asked() -> None:
    denoiser = denoiser_of("flux")
    encode(denoiser)
    assert text_encoders(denoiser.recorder.pipeline)


def test_a_lora_of_a_text_encoder_goes_on_without_it(tmp_path: Path) -> None:
    file = save_lora("sdxl", tmp_path / "style.safetensors", 1, text_encoder=True)
    loras = (Lora(str(file), 0.7),)
    plain, freed = denoiser_of("sdxl"), denoiser_of("sdxl", free_encoders=True)
    freed.check_sampling(tried("sdxl", loras=loras))
    encode(freed, loras)
    wanted = picture_of(plain, loras)[0]
    assert torch.equal(picture_of(freed, loras)[0], wanted)
    assert not torch.equal(picture_of(plain)[0], wanted)
    assert not text_encoders(freed.recorder.pipeline)


@pytest.mark.parametrize("freed", [False, True])
@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_offload_of_whole_networks_changes_no_pixel(family: str, freed: bool) -> None:
    """Twice: the hooks are taken off and put on again when a recording is over."""
    denoiser = denoiser_of(family, offload="model", free_encoders=freed)
    assert all(hasattr(network, "_hf_hook") for network in denoiser.recorder.networks.values())
    weights = weights_of_encoders(denoiser)
    encode(denoiser)
    gc.collect()
    assert all((weight() is None) == freed for weight in weights)
    wanted, wanted_picture = picture_of(recorded.denoiser(family))
    for _ in range(2):
        latents, picture = picture_of(denoiser)
        assert torch.equal(latents, wanted)
        assert picture == wanted_picture
    assert all(hasattr(network, "_hf_hook") for network in denoiser.recorder.networks.values())


def test_decoding_waits_for_calls_while_networks_are_moved() -> None:
    """At its end, a pipeline moves all of its parts."""
    denoiser = denoiser_of("flux", offload="model")
    latents, sampler = denoiser.start(tried("flux"), torch.Generator().manual_seed(0))
    moved, free = threading.Event(), denoiser.recorder.pipeline.maybe_free_model_hooks
    vars(denoiser.recorder.pipeline)["maybe_free_model_hooks"] = lambda: (moved.set(), free())
    with denoiser.recorder.calling(()):
        decoding = threading.Thread(target=denoiser.decode, args=(latents, sampler))
        decoding.start()
        assert not moved.wait(0.5)
    decoding.join()
    assert moved.is_set()


@pytest.mark.slow
def test_a_run_without_encoders(cli, saved, tmp_path: Path, sweep_file) -> None:
    model = saved(tiny.build("flux"))
    settings = {"call": {"max_sequence_length": 16}, "prompt": ["a cat", "a dog"], "negative_prompt": ["", "bad"]}
    pixels = []
    for load in ({}, {"free_encoders": True}):
        out = tmp_path / str(len(pixels))
        done = cli("run", sweep_file(sweep_of(model, **settings, load=load)), "--out", out, "--device", "cpu")
        assert done.code == 0, done.err
        pixels.append({record["id"]: record["pixels_sha256"] for record in records_of(out)})
    assert len(pixels[0]) == 4
    assert pixels[0] == pixels[1]


def test_networks_are_not_moved_on_a_cpu(cli, saved, tmp_path: Path, sweep_file) -> None:
    """It would copy weights from where their file was mapped; with another alignment, the last bits are others."""
    text = sweep_of(saved(tiny.build("flux")), load={"offload": "model"})
    refused = cli("run", sweep_file(text), "--out", tmp_path / "run", "--device", "cpu")
    assert refused.code == 2
    assert "on a CPU there is nothing to move networks to" in refused.err
