"""Hostile model folders: their code is not run, no file outside them is read, false headers allocate no memory."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import tiny_models as tiny
from tests.support.pickles import Payload

SWEEP = "name: h\nmodel: {model}\nlabel: 1\nsteps: 2\nguider: cfg\nvalue: 2\nmetrics: {metrics}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.labelled_unet().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "code-was-run"


@pytest.fixture
def hub(monkeypatch, tmp_path: Path) -> Path:
    """The snapshot folder of hostile/model in the hub's cache; the hub itself cannot be reached."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    kept = tmp_path / "hub/models--hostile--model"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text("0" * 40)
    return kept / "snapshots" / ("0" * 40)


def weights_of(folder: Path) -> Path:
    return folder / "unet/diffusion_pytorch_model.safetensors"


def refused(cli, folder: Path, sweep_file, metrics: str = "[]") -> str:
    done = cli("run", sweep_file(SWEEP.format(model=folder, metrics=metrics)), "--out", folder.parent / "r")
    assert done.code == 2
    assert "Traceback" not in done.err
    return done.err


def test_the_payload_runs_when_it_is_unpickled(mark: Path) -> None:
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "diffusion_pytorch_model.safetensors"])
def test_pickled_weights_are_not_loaded_under_any_name(cli, folder: Path, mark: Path, sweep_file, name: str) -> None:
    weights_of(folder).unlink()
    (folder / "unet" / name).write_bytes(pickle.dumps(Payload(mark)))
    assert "the model cannot be loaded" in refused(cli, folder, sweep_file)
    assert not mark.exists()


def test_a_pickled_classifier_is_not_loaded(cli, folder: Path, mark: Path, sweep_file) -> None:
    (folder / "classifier").mkdir()
    (folder / "classifier/config.json").write_text(json.dumps({"model_type": "convnext"}))
    (folder / "classifier/pytorch_model.bin").write_bytes(pickle.dumps(Payload(mark)))
    assert "takes a model with a classifier" in refused(cli, folder, sweep_file, "adherence")
    assert not mark.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"unet": ["evil", "Evil"]},
        {"_class_name": ["evil", "Evil"]},
        {"_class_name": "Evil"},
        {"_class_name": "DDPMPipeline", "evil": ["evil", "Evil"]},
    ],
)
def test_code_in_a_model_folder_is_not_run(cli, folder: Path, mark: Path, sweep_file, change: dict) -> None:
    code = f"import os\nos.mkdir({str(mark)!r})\nclass Evil:\n    pass\n"
    for place in (folder / "evil.py", folder / "unet/evil.py", folder / "pipeline.py"):
        place.write_text(code)
    (folder / "evil").mkdir()
    (folder / "evil/evil.py").write_text(code)
    index = folder / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **change}))
    done = cli("run", sweep_file(SWEEP.format(model=folder, metrics="[]")), "--out", folder.parent / "r")
    assert done.code in (0, 2)  # files that are not read do no harm
    assert "Traceback" not in done.err
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../../outside.safetensors", "/etc/outside.safetensors", "a/b.safetensors"])
def test_a_weight_index_cannot_name_files_outside_its_folder(
    cli, folder: Path, tmp_path: Path, sweep_file, hub: Path, name: str
) -> None:
    shutil.move(weights_of(folder), tmp_path / "outside.safetensors")
    index = {"metadata": {}, "weight_map": {"conv_in.weight": name}}
    weights_of(folder).with_suffix(".safetensors.index.json").write_text(json.dumps(index))
    shutil.copytree(folder, hub)
    for model in (folder, "hostile/model"):
        done = cli("run", sweep_file(SWEEP.format(model=model, metrics="[]")), "--out", tmp_path / "r")
        assert done.code == 2
        assert "leads out of its folder" in done.err
        assert name in done.err


def test_an_ordinary_model_runs_from_the_hub(cli, folder: Path, tmp_path: Path, sweep_file, hub: Path) -> None:
    shutil.copytree(folder, hub)
    text = SWEEP.format(model="hostile/model", metrics="[]")
    assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 50) + b" " * 50,
        struct.pack("<Q", 2) + b"{}",
        b"",
        struct.pack("<Q", 90)
        + b'{"x": {"dtype": "F32", "shape": [4611686018427387904], "data_offsets": [0, 16]}}'.ljust(90),
    ],
)
def test_false_safetensors_headers_are_refused(cli, folder: Path, sweep_file, content: bytes) -> None:
    weights_of(folder).write_bytes(content)
    assert "the model cannot be loaded" in refused(cli, folder, sweep_file)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"_class_name": 3}', "[" * 100_000, "\x00"])
def test_a_damaged_model_index_is_refused(cli, folder: Path, sweep_file, text: str) -> None:
    (folder / "model_index.json").write_text(text)
    refused(cli, folder, sweep_file)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("tokenizer/tokenizer_config.json", {"model_max_length": 0}),
        ("tokenizer/tokenizer_config.json", {"model_max_length": "abc"}),
        ("tokenizer/tokenizer_config.json", {"pad_token": "<new>"}),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 0}),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 1}),
        ("vae/config.json", {"scaling_factor": "x"}),
        ("vae/config.json", {"scaling_factor": 0}),
    ],
)
def test_parts_that_load_and_do_not_fit_together_are_refused(
    cli, tmp_path: Path, sweep_file, file: str, change: dict
) -> None:
    tiny.stable_diffusion().save_pretrained(tmp_path / "sd")
    place = tmp_path / "sd" / file
    place.write_text(json.dumps({**json.loads(place.read_text()), **change}))
    sweep = f"name: h\nmodel: {tmp_path}/sd\nprompt: a cat\nsteps: 3\nguider: cfg\nvalue: 2\n"
    done = cli("run", sweep_file(sweep), "--out", tmp_path / "r")
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, "\x00", '{"prediction_type": 3}', '{"beta_start": "x"}'])
def test_a_damaged_scheduler_config_is_refused(cli, folder: Path, sweep_file, command: str, text: str) -> None:
    (folder / "scheduler/scheduler_config.json").write_text(text)
    sweep = SWEEP.format(model=folder, metrics="[]") + "sampler: ddim\n"
    done = cli(command, sweep_file(sweep), "--out", folder.parent / "r")
    assert done.code == 2 or (
        command == "plan" and done.code == 0 and ":" in text
    )  # a plan reads no numbers of the schedule
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "change",
    [{"beta_schedule": "x"}, {"num_train_timesteps": "x"}, {"beta_start": None}, {"trained_betas": [2.0, "a"]}],
)
def test_a_plan_that_reads_noise_levels_refuses_impossible_ones(cli, folder: Path, sweep_file, change: dict) -> None:
    config = folder / "scheduler/scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    sweep = {**yaml.safe_load(SWEEP.format(model=folder, metrics="[]")), "guider": {"cfg": {"sigma": [0.3, 2]}}}
    planned = cli("plan", sweep_file(yaml.safe_dump({**sweep, "sampler": "ddim"})))
    assert planned.code == 2
    assert "cannot be sampled" in planned.err
    assert "Traceback" not in planned.err


@pytest.mark.parametrize(
    "change",
    [{"block_out_channels": [10**9, 10**9]}, {"num_class_embeds": 10**12}, {"sample_size": -1}, {"in_channels": "x"}],
)
def test_impossible_unet_configurations_are_refused(cli, folder: Path, sweep_file, change: dict) -> None:
    config = folder / "unet/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    refused(cli, folder, sweep_file)


WITHIN = """
import resource, sys, torch, diffusers
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, resource.RLIM_INFINITY))
from cfgsweep.cli import run_command
sys.exit(run_command(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", [["plan"], ["run"]])
def test_a_noise_schedule_of_two_billion_steps_takes_no_memory(labelled: Path, tmp_path: Path, words) -> None:
    """It is refused before an array of so many numbers is made."""
    folder = Path(shutil.copytree(labelled, tmp_path / "model"))
    path = folder / "scheduler/scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_train_timesteps": 2 * 10**9}))
    (tmp_path / "s.yaml").write_text(f"name: s\nmodel: {folder}\nlabel: 0\nsteps: 2\nguider: cfg\nvalue: 3\n")
    given = [*words, str(tmp_path / "s.yaml"), "--out", str(tmp_path / "r")]
    done = subprocess.run([sys.executable, "-c", WITHIN, *given], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "num_train_timesteps: too many steps" in done.stderr
    assert "at most 100000" in done.stderr
