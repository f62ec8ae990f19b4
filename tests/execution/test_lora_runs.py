"""Runs with `lora`: none is bit-equal to no LoRA, files are compared at a resume, ids come from records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.run_folder import RunFolder
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of
from tests.support.tiny_loras import save_lora

CPU = ("--device", "cpu", "--batch-size", 2)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(save_lora("flux", tmp_path / f"{name}.safetensors", seed)) for name, seed in (("a", 1), ("b", 2))]


def sweep(flux: Path, **settings: Any) -> str:
    return sweep_of(flux, call={"max_sequence_length": 16}, **settings)


def pixels(run: Path) -> dict[str, str]:
    return {record["id"]: record["pixels_sha256"] for record in records_of(run)}


@pytest.mark.slow
def test_an_axis_of_loras_in_one_run(cli, flux: Path, files: list[str], tmp_path: Path, sweep_file) -> None:
    a, b = files
    axis = ["none", {"file": a, "scale": [0.5, 1.0]}, [{"file": a}, {"file": b, "scale": 0.3}]]
    runs = {"all": {"lora": axis, "seed": [1, 2]}, "without": {"seed": [1, 2]}, "last": {"lora": axis[2:]}}
    runs["last"]["seed"] = 2
    for name, settings in runs.items():
        done = cli("run", sweep_file(sweep(flux, **settings)), "--out", tmp_path / name, *CPU)
        assert done.code == 0, done.err
    whole, without, last = (pixels(tmp_path / name) for name in runs)
    assert len(set(whole.values())) == len(whole) == 8
    assert {**without, **last}.items() <= whole.items()
    (record,) = records_of(tmp_path / "last")
    assert record["lora"] == [{"file": a, "scale": 1.0}, {"file": b, "scale": 0.3}]
    assert record["fingerprints"].keys() == {str(flux), a, b}
    folder = RunFolder(tmp_path / "all")
    assert all(old == new for old, new in current_ids(folder.records().values()).items())


@pytest.mark.slow
def test_a_changed_file_is_noticed_at_a_resume(cli, flux: Path, files: list[str], tmp_path: Path, sweep_file) -> None:
    run = tmp_path / "run"
    arguments = ("run", sweep_file(sweep(flux, lora=files[0], seed=[1, 2])), "--out", run, *CPU)
    assert cli(*arguments, "--limit", 1).code == 0
    file, before = Path(files[0]), Path(files[0]).read_bytes()
    save_lora("flux", file, 3)
    changed = cli(*arguments)
    assert changed.code == 2
    assert files[0] in changed.err
    assert "changed since this run was made" in changed.err
    file.write_bytes(before)
    assert cli(*arguments).code == 0
    assert len(records_of(run)) == 2


def test_a_missing_file_ends_the_run_before_the_first_picture(cli, flux: Path, tmp_path: Path, sweep_file) -> None:
    missing = str(tmp_path / "missing.safetensors")
    done = cli("run", sweep_file(sweep(flux, lora=["none", missing])), "--out", tmp_path / "run", *CPU)
    assert done.code == 2
    assert missing in done.err
    assert not list((tmp_path / "run").glob("images/*"))


def test_label_models_refuse_a_lora(cli, labelled: Path, files: list[str], tmp_path: Path, sweep_file) -> None:
    text = yaml.safe_dump({"name": "s", "model": str(labelled), "label": 1, "guider": "cfg", "lora": files[0]})
    done = cli("run", sweep_file(text), "--out", tmp_path / "run", "--device", "cpu")
    assert done.code == 2
    assert "lora" in done.err
