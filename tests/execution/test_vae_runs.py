"""`vae`: pictures equal those of diffusers' pipeline with the same autoencoder, and cost no further evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models import device
from cfgsweep.models.families.stable_diffusion import StableDiffusion
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.vae import load_vae, vae_folder
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying
from tests.support import tiny_models
from tests.support import tiny_pipelines as tiny
from tests.support.pickles import Payload
from tests.support.pipeline_sweeps import sweep_of
from tests.support.recorded_pipelines import recorded, tried
from tests.support.run_state import records_of

CPU = ("--device", "cpu", "--batch-size", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny SDXL, and another autoencoder with another scaling factor."""
    folder = tmp_path_factory.mktemp("vae")
    tiny.save("sdxl", folder / "sdxl")
    pipeline = tiny.build("sdxl")
    torch.manual_seed(5)
    other = type(pipeline.vae).from_config(pipeline.vae.config, scaling_factor=0.7)
    other.save_pretrained(folder / "other")
    return folder


@pytest.fixture(scope="module")
def sdxl() -> RecordedPipeline:
    return recorded(tiny.build("sdxl"), "sdxl")


def sweep(folder: Path, **settings: Any) -> str:
    return sweep_of(folder / "sdxl", **{"negative_prompt": "bad", "value": 4.0, **settings})


@pytest.mark.slow
def test_an_axis_of_autoencoders_equals_the_pipelines_with_them(cli, folder: Path, tmp_path: Path, sweep_file) -> None:
    other, run = str(folder / "other"), tmp_path / "run"
    done = cli("run", sweep_file(sweep(folder, vae=[None, other])), "--out", run, *CPU)
    assert done.code == 0, done.err
    own, theirs = records_of(run)
    assert "vae" not in own
    assert theirs["vae"] == other
    assert own["fingerprints"].keys() == {str(folder / "sdxl")}
    assert theirs["fingerprints"].keys() == {str(folder / "sdxl"), f"vae:{other}"}
    assert own["evaluations"] == theirs["evaluations"] == {"own": 0, "shared": 4}
    for record, parts in ((own, {}), (theirs, {"vae": load_vae(other, torch.float32, "cpu")})):
        pipeline = DiffusionPipeline.from_pretrained(folder / "sdxl", **parts)
        pipeline.set_progress_bar_config(disable=True)
        alone = np.asarray(tiny.call(pipeline, "sdxl", output_type="np")[0])[0]
        difference = np.abs(np.asarray(Image.open(run / record["image"])) - alone * 255).max()
        assert difference <= 1.5, "more than one level"


@pytest.mark.slow
def test_changed_weights_are_noticed_at_a_resume(cli, folder: Path, tmp_path: Path, sweep_file) -> None:
    vae, run = tmp_path / "vae", tmp_path / "run"
    load_vae(str(folder / "other"), torch.float32, "cpu").save_pretrained(vae)
    arguments = ("run", sweep_file(sweep(folder, vae=str(vae), seed=[1, 2])), "--out", run, *CPU)
    assert cli(*arguments, "--limit", 1).code == 0
    config = json.loads((vae / "config.json").read_text())
    (vae / "config.json").write_text(json.dumps({**config, "scaling_factor": 0.9}))
    changed = cli(*arguments)
    assert changed.code == 2
    assert f"vae:{vae}" in changed.err
    assert "changed since this run was made" in changed.err


def test_stable_diffusion_decodes_with_it(tmp_path: Path) -> None:
    other = tiny_models.autoencoder(scaling_factor=0.5)
    other.save_pretrained(tmp_path)
    denoiser = StableDiffusion("tiny", tiny_models.stable_diffusion(), device.choose("cpu", "float32"))
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = other.decode(latents / 0.5).sample[0].permute(1, 2, 0) / 2 + 0.5
    found = denoiser.with_vae(str(tmp_path)).decode(latents)
    assert np.abs(np.asarray(found) - wanted.clamp(0, 1).numpy() * 255).max() <= 1
    assert found != denoiser.decode(latents)
    assert denoiser.with_vae(str(tmp_path)) is denoiser.with_vae(str(tmp_path)), "loaded twice"


def test_a_recorded_pipeline_keeps_its_own(sdxl: RecordedPipeline, folder: Path) -> None:
    latents, sampler = sdxl.start(tried("sdxl"), torch.Generator().manual_seed(0))
    before, other = sdxl.decode(latents, sampler), sdxl.with_vae(str(folder / "other")).decode(latents, sampler)
    assert sdxl.decode(latents, sampler) == before != other


def refusal(sdxl: RecordedPipeline, vae: Path) -> str:
    with pytest.raises(UserError) as caught:
        sdxl.with_vae(str(vae))
    assert str(vae) in str(caught.value)
    return caught.value.problem


def test_what_does_not_fit_is_refused(sdxl: RecordedPipeline, folder: Path, tmp_path: Path) -> None:
    assert "no autoencoder's folder" in refusal(sdxl, tmp_path / "missing")
    tiny_models.autoencoder(latent_channels=8).save_pretrained(tmp_path / "channels")
    assert "cannot be decoded" in refusal(sdxl, tmp_path / "channels")
    factor = 2 ** (len(sdxl.recorder.pipeline.vae.config.block_out_channels) - 1)
    tiny_models.autoencoder(2 * factor).save_pretrained(tmp_path / "factor")
    assert refusal(sdxl, tmp_path / "factor") == "its pictures have another size"
    sdxl.recorder.pipeline.unet.save_pretrained(tmp_path / "unet")
    assert "not an autoencoder" in refusal(sdxl, tmp_path / "unet")


def test_hostile_folders_are_refused(sdxl: RecordedPipeline, folder: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    config = json.loads((folder / "other/config.json").read_text())
    (pickled / "config.json").write_text(json.dumps(config))
    torch.save(Payload(tmp_path / "code-was-run"), pickled / "diffusion_pytorch_model.bin")
    assert "cannot be loaded" in refusal(sdxl, pickled)
    assert not (tmp_path / "code-was-run").exists()
    index = {"weight_map": {"decoder.conv_in.weight": "../elsewhere.safetensors"}}
    (pickled / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="leads out of its folder"):
        sdxl.with_vae(str(pickled))
    for name in ("os.system", "torch", "DDIMScheduler"):
        (pickled / "config.json").write_text(json.dumps({**config, "_class_name": name}))
        assert "not an autoencoder" in refusal(sdxl, pickled)


def test_a_hub_id_is_found_in_the_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--some--vae"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text("0" * 40)
    load_vae(str(folder / "other"), torch.float32, "cpu").save_pretrained(kept / "snapshots" / ("0" * 40))
    assert vae_folder("some/vae") == kept / "snapshots" / ("0" * 40)
    with pytest.raises(UserError, match="neither cached nor downloadable"):
        vae_folder("some/other")


def test_ids_titles_and_files() -> None:
    base = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg"}
    plain, own, other = (expand(Sweep(**base, **settings))[0] for settings in ({}, {"vae": None}, {"vae": "a/fixed"}))
    assert plain.id == own.id != other.id
    axis = expand(Sweep(**base, vae=[None, "a/fixed"]))
    assert [title(e, varying(axis)) for e in axis] == ["vae of the model", "vae a/fixed"]
    assert as_written(Sweep(**base, vae=[None, "a/fixed"]))["vae"] == [None, "a/fixed"]
    assert "vae" not in as_written(Sweep(**base))


@pytest.mark.slow
def test_a_run_with_settings_of_loading_has_them_in_its_records(cli, folder: Path, tmp_path: Path, sweep_file) -> None:
    load = {"layerwise_casting": "fp8", "offload": "group", "vae_tiling": True}
    for name, settings in (("plain", {}), ("loaded", {"load": load})):
        done = cli("run", sweep_file(sweep(folder, **settings)), "--out", tmp_path / name, *CPU)
        assert done.code == 0, done.err
    (plain,), (loaded,) = (records_of(tmp_path / name) for name in ("plain", "loaded"))
    assert loaded["load"] == {"layerwise_casting": "fp8", "vae_tiling": True}
    assert "load" not in plain
    assert plain["id"] != loaded["id"]
    assert plain["pixels_sha256"] != loaded["pixels_sha256"]
