"""A picture depends on its experiment alone, and what else decides its pixels is kept in the folder and compared."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import yaml

from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.models.test_fingerprint import EDITS, edit_one_weight
from tests.support.run_state import records_of, state_of


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def sweep(model: object, **settings: object) -> str:
    base = {"name": "s", "model": str(model), "prompt": "a cat", "steps": 2, "guider": "cfg", "seed": [1, 2]}
    return yaml.safe_dump({**base, **settings})


def pixels(run: Path) -> dict[str, tuple[str, int]]:
    return {record["id"]: (record["pixels_sha256"], record["batch_size"]) for record in records_of(run)}


# Batch shapes ---------------------------------------------------------------------------------------------------------


def test_pixels_do_not_depend_on_other_sizes_of_the_sweep(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    small, large = [16, 16], [128, 128]
    for name, sizes in {"alone": [small], "both": [small, large], "other": [large]}.items():
        text = sweep(tiny_model, size=sizes)
        assert cli("run", sweep_file(text), "--out", tmp_path / name, "--device", "cpu").code == 0
    alone, both, other = (pixels(tmp_path / name) for name in ("alone", "both", "other"))
    assert both == {**alone, **other}
    assert {rows for _, rows in alone.values()} == {16}
    assert {rows for _, rows in other.values()} == {8}
    environment = json.loads((tmp_path / "both/environment.json").read_text())
    assert environment["models"][str(tiny_model)]["batch_sizes"] == {"16x16": 16, "128x128": 8}


def test_a_size_that_is_added_later_changes_no_picture(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    run = ("--out", tmp_path / "r", "--device", "cpu")
    assert cli("run", sweep_file(sweep(tiny_model, size=[[128, 128]])), *run).code == 0
    assert cli("run", sweep_file(sweep(tiny_model, size=[[16, 16]])), *run).code == 0
    assert cli("run", sweep_file(sweep(tiny_model, size=[[16, 16]])), "--out", tmp_path / "alone").code == 0
    assert pixels(tmp_path / "alone").items() <= pixels(tmp_path / "r").items()


def test_a_batch_that_memory_decides_is_told_and_kept(
    cli, tiny_model: Path, tmp_path: Path, sweep_file, monkeypatch
) -> None:
    path, run = sweep_file(sweep(tiny_model)), ("--out", tmp_path / "r", "--device", "cpu")
    with monkeypatch.context() as small_machine:
        small_machine.setattr(device, "memory_bytes", lambda compute: 3 * 2**20)
        first = cli("run", path, *run, "--limit", 1)
    (record,) = records_of(tmp_path / "r")
    rows = record["batch_size"]
    assert rows < 16
    notice = f"runs in batches of {rows} rows, the default is 16"
    assert notice in first.err
    second = cli("run", path, *run)
    assert notice in second.err
    assert [record["batch_size"] for record in records_of(tmp_path / "r")] == [rows, rows]
    given = cli("run", path, "--out", tmp_path / "given", "--batch-size", rows)
    assert "the default is" not in given.err
    assert pixels(tmp_path / "given") == pixels(tmp_path / "r")


def test_the_batch_of_a_folder_of_version_0_1_holds_for_all_its_sizes(
    cli, tiny_model: Path, tmp_path: Path, sweep_file
) -> None:
    run = tmp_path / "r"
    assert cli("run", sweep_file(sweep(tiny_model)), "--out", run, "--batch-size", 3).code == 0
    found = json.loads((run / "environment.json").read_text())
    (entry,) = found["models"].values()
    del entry["batch_sizes"]
    (run / "environment.json").write_text(
        json.dumps({**found, "models": {str(tiny_model): {**entry, "batch_size": 3}}})
    )
    assert cli("run", sweep_file(sweep(tiny_model, size=[[24, 24]])), "--out", run).code == 0
    assert [record["batch_size"] for record in records_of(run)] == [3] * 4
    refused = cli("run", sweep_file(sweep(tiny_model)), "--out", run, "--batch-size", 4)
    assert refused.code == 2


# The native size ------------------------------------------------------------------------------------------------------


def test_the_native_size_in_pixels_is_computed_once(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(sweep("emoji", size=["native", 64], steps=1))
    assert json.loads(cli("plan", path, "--out", tmp_path / "r", "--json").out)["experiments"] == 2
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    assert len(records_of(tmp_path / "r")) == 2
    assert "2 of 2 pictures were there already" in cli("run", path, "--out", tmp_path / "r", "--set", "size=64").out


def test_pictures_under_the_id_of_a_spelt_out_native_size_are_taken_over(cli, tmp_path: Path, sweep_file) -> None:
    path, run, old = sweep_file(sweep("emoji", size=64, steps=1)), tmp_path / "r", tmp_path / "old"
    assert cli("run", path, "--out", run).code == 0
    earlier = RunFolder(Path(shutil.copytree(run, old, ignore=shutil.ignore_patterns("*.png", "*.jsonl"))))
    for e in expand(*read_sweep(path)):
        record = RunFolder(run).records()[e.id]
        spelt_out = dataclasses.replace(e, size=(64, 64))
        earlier.save(RunFolder(run).load_image(record), {**record.as_json(), "id": spelt_out.id})
    assert json.loads(cli("plan", path, "--out", old, "--json").out)["pending"] == 0
    again = cli("run", path, "--out", old)
    assert "2 of 2 pictures were there already" in again.out
    assert state_of(old) == state_of(run)


# Fingerprints ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False], ids=["as it is", "without environment.json"])
@pytest.mark.parametrize("name", EDITS)
def test_a_model_that_was_edited_is_refused(
    cli, model: Path, tmp_path: Path, sweep_file, name: str, kept: bool
) -> None:
    path, run = sweep_file(sweep(model)), tmp_path / "r"
    assert cli("run", path, "--out", run, "--limit", 1).code == 0
    EDITS[name](model)
    if not kept:
        (run / "environment.json").unlink()
    refused = cli("run", path, "--out", run)
    assert refused.code == 2
    assert f"{model}: the model has changed since this run was made" in refused.err
    assert len(records_of(run)) == 1


def test_so_is_the_weaker_model_of_a_guider(cli, model: Path, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    guider = {"autoguidance": {"model": str(model)}}
    path, run = sweep_file(sweep(tiny_model, guider=["cfg", guider])), tmp_path / "r"
    assert cli("run", path, "--out", run, "--limit", 3).code == 0
    used = [set(record["fingerprints"]) for record in records_of(run)]
    assert used == [{str(tiny_model)}, {str(tiny_model), str(model)}, {str(tiny_model)}]
    assert set(json.loads((run / "environment.json").read_text())["models"]) == {str(tiny_model), str(model)}
    edit_one_weight(model)
    refused = cli("run", path, "--out", run)
    assert refused.code == 2
    assert f"{model}: the model has changed since this run was made" in refused.err


def test_fingerprints_of_version_0_1_are_compared_and_replaced(cli, model: Path, tmp_path: Path, sweep_file) -> None:
    path, run = sweep_file(sweep(model)), tmp_path / "r"
    assert cli("run", path, "--out", run, "--limit", 1).code == 0
    environment = json.loads((run / "environment.json").read_text())
    new = environment["models"][str(model)]["fingerprint"]
    sampled = load_model(Source.of(str(model)), device.choose("cpu")).sampled_fingerprint()
    for fingerprint, code in (("0" * 16, 2), (sampled, 0)):
        environment["models"][str(model)]["fingerprint"] = fingerprint
        (run / "environment.json").write_text(json.dumps(environment))
        assert cli("run", path, "--out", run).code == code
    assert json.loads((run / "environment.json").read_text())["models"][str(model)]["fingerprint"] == new


# Pictures of another run ----------------------------------------------------------------------------------------------

PHASE = ("--low", 1, "--high", 3, "--scan", 5, "--device", "cpu")


def test_pictures_of_other_batches_are_not_taken_over(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(sweep(tiny_model, seed=1, value=[1.0, 1.5, 2.0, 2.5, 3.0]))
    old, run = tmp_path / "old", tmp_path / "s"
    assert cli("phase", path, "--out", old, *PHASE).code == 0
    before = state_of(old)
    assert cli("run", path, "--out", run, "--batch-size", 3).code == 0
    done = cli("phase", run, "--out", old, "--device", "cpu")
    assert done.code == 0
    assert f"5 pictures of {run} are not taken over" in done.err
    assert "in batches of 3 rows, here of 16" in done.err
    assert state_of(old)[0] == before[0]


def test_nor_are_those_of_other_weights(cli, model: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(sweep(model, seed=1, value=[1.0, 1.5, 2.0, 2.5, 3.0]))
    old, run = tmp_path / "old", tmp_path / "s"
    assert cli("run", path, "--out", run).code == 0
    edit_one_weight(model, by=10.0)
    assert cli("phase", path, "--out", old, *PHASE, "--scan", 6).code == 0
    done = cli("phase", run, "--out", old, "--device", "cpu")
    assert f"by another {model}" in done.err
    hashes = {record["pixels_sha256"] for record in records_of(run)}
    assert not hashes & {record["pixels_sha256"] for record in records_of(old)}
