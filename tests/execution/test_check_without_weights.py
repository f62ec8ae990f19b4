"""`cfgsweep check --dry`: from the configurations alone, the same is found out as with weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import CLIPTextConfig, T5Config

from cfgsweep.errors import UserError
from cfgsweep.execution.model_report import report
from cfgsweep.models.load import load_model
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.task import tasks_of
from cfgsweep.models.source import Source
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines

NEED_VALUES = ("hidream", "hunyuanimage", "hunyuanvideo15", "mochi")  # of weights, for their outputs' shapes
NOT_LOADED = ("kolors",)  # without the package sentencepiece
DRY = [name for name in recorded.NAMES if name not in (*NEED_VALUES, *NOT_LOADED, "stable_diffusion")]


def without_weights(folder: Path) -> Path:
    for file in [*folder.rglob("*.safetensors"), *folder.rglob("*.bin"), *folder.rglob("*.index.json")]:
        file.unlink()
    return folder


@pytest.fixture
def saved_without(tmp_path: Path):
    def save(name: str) -> Path:
        tiny_pipelines.save(name, tmp_path / name)
        return without_weights(tmp_path / name)

    return save


def dry(folder: Path) -> RecordedPipeline:
    compute = replace(recorded.compute(), device="meta")
    return load_model(replace(Source.of(str(folder)), without_weights=True), compute)


@pytest.mark.parametrize("name", [name if name in ("sdxl", "flux") else recorded.slow(name) for name in DRY])
def test_the_same_is_learnt_without_weights(name: str, saved_without) -> None:
    denoiser, full = recorded.checked(dry(saved_without(name)), name), recorded.denoiser(name)
    assert denoiser.learnt.places == full.learnt.places
    assert (denoiser.learnt.input, denoiser.learnt.output) == (full.learnt.input, full.learnt.output)
    assert denoiser.learnt.axes._axes == full.learnt.axes._axes
    proof, full_proof = (found.proofs[recorded.tried(name)] for found in (denoiser, full))
    assert proof.formula == full_proof.formula
    assert proof.difference <= 1e-5
    assert all(p.is_meta for network in denoiser.recorder.networks.values() for p in network.parameters())


def test_rows_change_with_their_texts_alone(saved_without) -> None:
    """Or the proof would prove nothing: swapped rows are refused."""
    denoiser = dry(saved_without("sd3"))
    denoiser.tried = recorded.tried("sd3")
    places = denoiser.learnt.places
    places["cond"], places["uncond"] = places["uncond"], places["cond"]
    with pytest.raises(UserError, match="its own guidance is not reproduced"):
        denoiser.check_sampling(recorded.tried("sd3"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sdxl", "flux"])
def test_the_report_is_that_of_the_whole_model(name: str, cli, tmp_path: Path) -> None:
    tiny_pipelines.save(name, tmp_path / name)
    full = json.loads(cli("check", tmp_path / name, "--device", "cpu", "--json").out)
    found = json.loads(cli("check", without_weights(tmp_path / name), "--dry", "--json").out)
    assert full.pop("not_proved") == []
    assert any("no file of weights was read" in line for line in found.pop("not_proved"))
    assert found == full


@pytest.mark.parametrize("model", ["tiny_model", "labelled"])
def test_models_with_a_denoiser_of_their_own(model: str, request, tmp_path: Path) -> None:
    folder = request.getfixturevalue(model)
    full = report(load_model(Source.of(str(folder)), recorded.compute()))
    shutil.copytree(folder, tmp_path / "model")
    found = report(dry(without_weights(tmp_path / "model")))
    assert replace(found, name=full.name) == full
    assert found.tasks == (["image-to-image", "inpainting"] if model == "tiny_model" else [])


@pytest.mark.parametrize(
    ("pipeline", "tasks"),
    [
        ("FluxPipeline", ["image-to-image", "inpainting"]),
        ("StableDiffusionXLPipeline", ["image-to-image", "inpainting"]),
        ("ChromaPipeline", ["image-to-image", "inpainting"]),
        ("Flux2KleinPipeline", ["image-to-image", "inpainting"]),
        ("WanPipeline", []),
        ("SanaPipeline", []),
    ],
)
def test_tasks_are_those_of_diffusers_pipelines(pipeline: str, tasks: list[str]) -> None:
    assert tasks_of(pipeline) == tasks


def test_what_is_not_proved_is_told(cli, labelled: Path) -> None:
    shown = cli("check", labelled, "--dry")
    assert shown.code == 0
    assert "not proved" in shown.out
    assert "no file of weights was read" in shown.out


def test_a_network_that_needs_its_weights_is_refused_in_words(saved_without) -> None:
    with pytest.raises(UserError, match="depends on values that its weights give") as refused:
        recorded.checked(dry(saved_without("mochi")), "mochi")
    assert "without --dry" in str(refused.value)


def test_a_part_of_another_library_is_refused(cli, saved_without) -> None:
    folder = saved_without("flux")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "vae": ["subprocess", "Popen"]}))
    refused = cli("check", folder, "--dry")
    assert refused.code == 1
    assert "not a part that diffusers or transformers has" in refused.err


def test_a_single_file_is_refused(cli, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    refused = cli("check", tmp_path / "model.safetensors", "--dry")
    assert refused.code == 1
    assert "a single file has its configuration in its weights" in refused.err


CLIP = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
T5 = T5Config(d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, vocab_size=32128)
LARGEST_MEMORY = 2_500_000  # kB; the weights would be 67 GB
# The peak of this process alone: `ru_maxrss` is at least that of the process that started it.
PEAK = """
import pathlib, re, sys
from cfgsweep.cli import run_command
code = run_command(["check", sys.argv[1], "--dry", "--json"])
print(re.search(r"VmHWM:\\s*(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_flux_of_real_size_takes_little_memory(saved_without) -> None:
    """FLUX.1-dev: 12 billion parameters, and a text encoder of 5 billion."""
    folder = saved_without("flux")
    config = {"_class_name": "FluxTransformer2DModel", "guidance_embeds": True}  # the defaults are its own
    (folder / "transformer/config.json").write_text(json.dumps(config))
    CLIP.save_pretrained(folder / "text_encoder")
    T5.save_pretrained(folder / "text_encoder_2")
    done = subprocess.run([sys.executable, "-c", PEAK, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["layers"] == ["double (0 to 18)", "single (0 to 37)"]
    assert found["difference"] <= 1e-6
    assert int(done.stderr.split()[-1]) < LARGEST_MEMORY


def test_rows_of_an_encoders_stand_in_do_not_depend_on_others(saved_without) -> None:
    encoder = dry(saved_without("flux")).recorder.pipeline.text_encoder_2
    a, b = torch.tensor([[3, 4, 5]]), torch.tensor([[3, 4, 6]])
    both = encoder(torch.cat([a, b]))[0]
    assert both.shape == (2, 3, encoder.config.d_model)
    torch.testing.assert_close(both, torch.cat([encoder(a)[0], encoder(b)[0]]), rtol=0, atol=0)
    assert not torch.equal(both[0], both[1])
