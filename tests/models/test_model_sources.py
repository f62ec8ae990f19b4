"""Where models come from, which are refused, and when the fallback runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline

from cfgsweep.errors import UserError
from cfgsweep.models import device, device_memory
from cfgsweep.models.load import load_model
from cfgsweep.models.single_file import CONFIGURATION_1
from cfgsweep.models.source import Source, bundled_names, why_not_here
from tests.support.single_file import in_hub_cache, write_single_file

SWEEP = """\
name: small
model: {model}
prompt: a cat
steps: 3
guider: cfg
value: 3.0
"""


def test_a_saved_pipeline_folder_runs(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    done = cli("run", sweep_file(SWEEP.format(model=tiny_model)), "--out", tmp_path / "r")
    assert done.code == 0
    (record,) = map(json.loads, (tmp_path / "r/experiments.jsonl").read_text().splitlines())
    assert (record["model"], record["width"], record["height"]) == (str(tiny_model), 16, 16)


def test_a_size_other_than_native(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(SWEEP.format(model=tiny_model) + "size: [24, 16]\n")
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    (record,) = map(json.loads, (tmp_path / "r/experiments.jsonl").read_text().splitlines())
    assert (record["width"], record["height"]) == (24, 16)


def test_without_an_accelerator_the_fallback_runs_and_says_so(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(SWEEP.format(model="prompthero/openjourney") + "fallback: emoji\n")
    done = cli("run", path, "--out", tmp_path / "r", "--device", "cpu")
    assert done.code == 0
    assert "NOTICE: prompthero/openjourney can't run here" in done.err
    assert "bundled model 'emoji' instead" in done.err
    (record,) = map(json.loads, (tmp_path / "r/experiments.jsonl").read_text().splitlines())
    assert record["model"] == "emoji"
    plan = cli("plan", path, "--out", tmp_path / "r", "--json")
    assert json.loads(plan.out)["pending"] == 0


def test_with_an_accelerator_the_fallback_runs_only_for_unreachable_weights(offline, tiny_model: Path) -> None:
    assert why_not_here(Source.of(str(tiny_model)), "cuda") is None
    assert why_not_here(Source.of("emoji"), "cpu") is None
    assert why_not_here(Source.of("a/b"), "cuda") == "its weights are neither cached nor downloadable"
    assert why_not_here(Source.of("a/b"), "cpu") == "there is no CUDA or MPS device to run it on"


@pytest.mark.slow
def test_a_fallback_for_several_models_zipped_and_excluded(cli, tmp_path: Path, sweep_file) -> None:
    """Cells are expanded with the models of the file; the fallback replaces them afterwards, each picture once."""
    text = SWEEP.format(model="[a/b, c/d]") + "fallback: emoji\nseed: [1, 2]\nzip: [model, seed]\n"
    path = sweep_file(text + "exclude: {model: c/d}\n")
    assert cli("run", path, "--out", tmp_path / "r", "--device", "cpu").code == 0
    plan = json.loads(cli("plan", path, "--out", tmp_path / "r", "--json").out)
    assert (plan["experiments"], plan["pending"]) == (1, 0)
    assert cli("run", path, "--out", tmp_path / "m", "--model", "emoji").code == 0


@pytest.mark.slow
def test_a_fingerprint_of_version_0_1_is_the_same_in_every_process(tiny_model: Path, tmp_path: Path) -> None:
    """diffusers lists the settings that a configuration left out in the order of a set, which varies."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    config = folder / "scheduler" / "scheduler_config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps({key: told[key] for key in ("_class_name", "beta_start", "beta_end")}))
    code = (
        "import sys; from cfgsweep.models import device; from cfgsweep.models.load import load_model; "
        "from cfgsweep.models.source import Source; "
        "print(load_model(Source.of(sys.argv[1]), device.choose('cpu')).sampled_fingerprint())"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(prints) == 1


def test_model_given_by_flag_never_falls_back(offline, cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(SWEEP.format(model="emoji") + "fallback: emoji\n")
    refused = cli("run", path, "--out", tmp_path / "r", "--model", "prompthero/openjourney")
    assert refused.code == 2
    assert "--model: its weights are neither cached nor downloadable" in refused.err
    assert "'prompthero/openjourney'" in refused.err
    assert not (tmp_path / "r").exists()


def test_a_fallback_is_a_bundled_model(cli, tmp_path: Path, sweep_file) -> None:
    refused = cli("run", sweep_file(SWEEP.format(model="emoji") + "fallback: emojy\n"), "--out", tmp_path / "r")
    assert refused.code == 2
    assert ": fallback: unknown bundled model 'emojy'" in refused.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("emojy", ["unknown model 'emojy'", "did you mean 'emoji'?"]),
        ("./nowhere", ["no such model folder or file"]),
        ("nowhere.safetensors", ["no such model folder or file"]),
    ],
)
def test_an_unknown_model_is_refused(cli, tmp_path: Path, sweep_file, name: str, words: list[str]) -> None:
    refused = cli("run", sweep_file(SWEEP.format(model=name)), "--out", tmp_path / "r")
    assert refused.code == 2
    for word in words:
        assert word in refused.err


def test_pickles_are_refused_until_allowed(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    pickled = Path(shutil.copytree(tiny_model, tmp_path / "pickled"))
    weights = pickled / "unet" / "diffusion_pytorch_model.safetensors"
    from safetensors.torch import load_file

    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    path = sweep_file(SWEEP.format(model=pickled))
    refused = cli("run", path, "--out", tmp_path / "r")
    assert refused.code == 2
    assert "--allow-pickle" in refused.err
    assert cli("run", path, "--out", tmp_path / "r", "--allow-pickle").code == 0


@pytest.mark.slow
def test_a_single_file_runs_and_is_the_same_model(offline, cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    """The configuration of Stable Diffusion 1.5 comes from the hub's cache, as for any user without a network.

    The first run is one of a process of its own, which reads where the cache is when it begins.
    """
    write_single_file(tiny_model, tmp_path / "tiny.safetensors")
    configuration = in_hub_cache(tiny_model, CONFIGURATION_1, tmp_path / "hub")
    path = sweep_file(SWEEP.format(model=tmp_path / "tiny.safetensors"))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    command = ["run", path, "--out", tmp_path / "file"]
    subprocess.run([sys.executable, "-m", "cfgsweep", *map(str, command)], check=True, env=environment)
    assert cli("run", path, "--out", tmp_path / "folder", "--model", tiny_model).code == 0
    one, other = (
        json.loads((tmp_path / name / "experiments.jsonl").read_text())["pixels_sha256"] for name in ("file", "folder")
    )
    assert one == other
    assert cli(*command).code == 0
    vae = configuration / "vae/config.json"
    vae.write_text(json.dumps({**json.loads(vae.read_text()), "scaling_factor": 0.5}))
    assert cli(*command).code == 0  # nothing is to be computed
    refused = cli(*command, "--set", "seed=77")
    assert refused.code == 2
    assert "the model has changed" in refused.err


def test_a_file_that_is_no_checkpoint_is_a_clear_error(offline, cli, tmp_path: Path, sweep_file) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    refused = cli("run", sweep_file(SWEEP.format(model=tmp_path / "model.safetensors")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "the model cannot be loaded" in refused.err
    assert not (tmp_path / "r" / "images").exists() or not list((tmp_path / "r" / "images").iterdir())


def test_a_pickled_single_file_is_refused(cli, tmp_path: Path, sweep_file) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04")
    refused = cli("run", sweep_file(SWEEP.format(model=tmp_path / "model.ckpt")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "not a .safetensors file" in refused.err


@pytest.mark.parametrize("damage", ["other family", "no index", "no weights", "half the weights", "half the text"])
def test_damaged_and_unknown_model_folders_are_refused(
    cli, tiny_model: Path, tmp_path: Path, sweep_file, damage: str
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    index = folder / "model_index.json"
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    match damage:
        case "other family":
            index.write_text(json.dumps({**json.loads(index.read_text()), "_class_name": "FluxPipeline"}))
        case "no index":
            index.unlink()
        case "no weights":
            weights.unlink()
        case "half the text":
            text = folder / "text_encoder" / "model.safetensors"
            text.write_bytes(text.read_bytes()[:1000])
        case "half the weights":
            weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    refused = cli("run", sweep_file(SWEEP.format(model=folder) + "fallback: null\n"), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "Traceback" not in refused.err
    assert str(folder) in refused.err


def test_a_model_that_changed_since_is_refused(cli, tiny_model: Path, tiny_v_model: Path, tmp_path, sweep_file) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    path = sweep_file(SWEEP.format(model=folder))
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    shutil.rmtree(folder)
    shutil.copytree(tiny_v_model, folder)
    refused = cli("run", path, "--out", tmp_path / "r", "--set", "value=4.0")
    assert refused.code == 2
    assert "the model has changed since this run was made" in refused.err


def test_every_bundled_model_loads_as_an_ordinary_pipeline() -> None:
    assert bundled_names() == ["digits", "emoji"]
    for name in bundled_names():
        pipeline = DiffusionPipeline.from_pretrained(Source.of(name).place, use_safetensors=True)
        native = load_model(Source.of(name), device.choose("cpu")).native_size
        if name == "emoji":
            assert pipeline("a cat", num_inference_steps=2).images[0].size == native
        else:  # diffusers has no pipeline that passes labels to such a U-Net
            noise = torch.randn(1, 1, *native)
            assert pipeline.unet(noise, 500, torch.tensor([3])).sample.shape == noise.shape


def test_bundled_weights_stay_small() -> None:
    files = [path for name in bundled_names() for path in Path(Source.of(name).place).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40 * 2**20
    assert max(path.stat().st_size for path in files) <= 16 * 2**20


@pytest.mark.parametrize("memory", [2**30, 8 * 2**30, 80 * 2**30])
def test_the_automatic_batch_depends_on_model_and_memory_alone(memory: int, monkeypatch) -> None:
    monkeypatch.setattr(device_memory, "memory_bytes", lambda compute: memory)
    cuda = device.Compute("cuda", "float16", 1)
    row = 170 * 2**20
    most = device_memory.default_batch_size(cuda, row)
    sizes = [device_memory.fitting_batch_size(cuda, most, weights, row) for weights in (0, 2**29, 2**31, 2**33)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size in device_memory.BATCH_SIZES for size in sizes)


@pytest.mark.parametrize(("flag", "given"), [("device", "tpu"), ("dtype", "float8"), ("device", "cuda:9")])
def test_unavailable_devices_and_dtypes_are_refused(flag: str, given: str) -> None:
    if given.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(UserError) as caught:
        device.choose(**{flag: given})
    assert given in str(caught.value)


@pytest.mark.parametrize(
    "name", ["x" * 400, "a/" + "b" * 300, "a/---", "~nobody-here/x", "./" + "y" * 400, "a/b\\0", "a\\0b", "con/../.."]
)
def test_impossible_model_names_are_refused(offline, cli, tmp_path: Path, sweep_file, name: str) -> None:
    path = sweep_file(SWEEP.format(model=f'"{name}"'))
    for command in ("plan", "run"):
        done = cli(command, path, "--out", tmp_path / "r")
        assert done.code in ((0, 2) if command == "plan" else (2,))
        assert "Traceback" not in done.err
