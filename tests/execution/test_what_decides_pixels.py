"""A picture depends on its experiment alone, and what else decides its pixels is kept in the folder and compared."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.execution.local import LocalExecutor
from cfgsweep.execution.options import Options
from cfgsweep.execution.run_settings import RunSettings
from cfgsweep.execution.session import RunSession
from cfgsweep.models import device, device_memory, row_memory
from cfgsweep.models.load import load_model
from cfgsweep.models.network import NetworkDenoiser
from cfgsweep.models.source import Source
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.verify import repair
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.system.display import SilentDisplay
from tests.models.test_fingerprint import EDITS, edit_one_weight
from tests.support.commands import finish_here
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


@pytest.mark.slow
def test_pixels_do_not_depend_on_other_sizes_of_the_sweep(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    small, large = [16, 16], [72, 72]
    for name, sizes in {"alone": [small], "both": [small, large], "other": [large]}.items():
        text = sweep(tiny_model, size=sizes)
        assert cli("run", sweep_file(text), "--out", tmp_path / name, "--device", "cpu").code == 0
    alone, both, other = (pixels(tmp_path / name) for name in ("alone", "both", "other"))
    assert both == {**alone, **other}
    assert {rows for _, rows in alone.values()} == {16}
    assert {rows for _, rows in other.values()} == {8}
    environment = json.loads((tmp_path / "both/environment.json").read_text())
    assert environment["models"][str(tiny_model)]["batch_sizes"] == {"16x16": 16, "72x72": 8}


@pytest.mark.slow
def test_a_size_that_is_added_later_changes_no_picture(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    run = ("--out", tmp_path / "r", "--device", "cpu")
    assert cli("run", sweep_file(sweep(tiny_model, size=[[72, 72]])), *run).code == 0
    assert cli("run", sweep_file(sweep(tiny_model, size=[[16, 16]])), *run).code == 0
    assert cli("run", sweep_file(sweep(tiny_model, size=[[16, 16]])), "--out", tmp_path / "alone").code == 0
    assert pixels(tmp_path / "alone").items() <= pixels(tmp_path / "r").items()


@pytest.mark.slow
def test_a_batch_that_memory_decides_is_told_and_kept(
    cli, tiny_model: Path, tmp_path: Path, sweep_file, monkeypatch
) -> None:
    path, run = sweep_file(sweep(tiny_model)), ("--out", tmp_path / "r", "--device", "cpu")
    with monkeypatch.context() as small_machine:
        small_machine.setattr(device_memory, "memory_bytes", lambda compute: 3 * 2**20)
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


@pytest.mark.slow
def test_what_rows_take_is_measured_where_it_may_decide_the_batch(
    cli, tiny_model: Path, tmp_path: Path, sweep_file, monkeypatch
) -> None:
    """A network that holds 64 MiB for every row, of which its shapes tell nothing."""
    path, run, calls = sweep_file(sweep(tiny_model)), ("--out", tmp_path / "r", "--device", "cpu"), []
    predict = NetworkDenoiser.predict

    def hungry(self: NetworkDenoiser, latents: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        calls.append(len(latents))
        held = torch.ones(len(latents), 2**24)
        return predict(self, latents, *others) + 0 * held[:, :1, None, None]

    monkeypatch.setattr(NetworkDenoiser, "predict", hungry)
    monkeypatch.setattr(device_memory, "memory_bytes", lambda compute: 2 * 7 * 64 * 2**20)
    monkeypatch.setattr(row_memory, "DOUBT", 2**20)
    assert cli("run", path, *run, "--limit", 1).code == 0
    (entry,) = json.loads((tmp_path / "r/environment.json").read_text())["models"].values()
    ((size, taken),) = entry["row_bytes"].items()
    assert size == "16x16"
    assert 0.8 * 64 * 2**20 < taken < 1.5 * 64 * 2**20
    assert {record["batch_size"] for record in records_of(tmp_path / "r")} == {4}
    assert calls[:3] == [1, 1, 2]
    calls.clear()
    assert cli("run", path, *run).code == 0
    assert set(calls) == {4}  # what was measured is in the folder
    monkeypatch.undo()
    assert cli("run", path, "--out", tmp_path / "large", "--device", "cpu").code == 0
    (entry,) = json.loads((tmp_path / "large/environment.json").read_text())["models"].values()
    assert "row_bytes" not in entry


def test_memory_for_one_row_alone_gives_batches_of_one(
    cli, tiny_model: Path, tmp_path: Path, sweep_file, monkeypatch
) -> None:
    predict = NetworkDenoiser.predict

    def too_large(self: NetworkDenoiser, latents: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        if len(latents) > 1:
            raise MemoryError
        return predict(self, latents, *others)

    monkeypatch.setattr(NetworkDenoiser, "predict", too_large)
    monkeypatch.setattr(device_memory, "memory_bytes", lambda compute: 2**20)
    done = cli("run", sweep_file(sweep(tiny_model)), "--out", tmp_path / "r", "--device", "cpu")
    assert done.code == 0
    assert {record["batch_size"] for record in records_of(tmp_path / "r")} == {1}


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
        earlier.save(RunFolder(run).load_picture(record), {**record.as_json(), "id": spelt_out.id})
    assert json.loads(cli("plan", path, "--out", old, "--json").out)["pending"] == 0
    again = cli("run", path, "--out", old)
    assert "2 of 2 pictures were there already" in again.out
    assert state_of(old) == state_of(run)


@pytest.mark.parametrize("excluded", ["native", 64])
@pytest.mark.parametrize("sizes", [["native", 64, 32], [[64, 64], [32, 32]], ["native", 32]])
def test_an_exclusion_can_name_it_in_both_ways(sweep_file, sizes: list, excluded: object) -> None:
    (left,) = expand(*read_sweep(sweep_file(sweep("emoji", seed=1, size=sizes, exclude=[{"size": excluded}]))))
    assert left.size == (32, 32)


@pytest.mark.slow
def test_a_model_whose_native_size_has_changed_loses_no_picture(cli, model: Path, tmp_path: Path, sweep_file) -> None:
    path, run = sweep_file(sweep(model, seed=1, size=["native", [32, 32]])), tmp_path / "r"
    assert cli("run", path, "--out", run).code == 0
    before = state_of(run)
    config = model / "unet/config.json"
    text = config.read_text()
    config.write_text(json.dumps({**json.loads(text), "sample_size": 16}))
    assert "the model has changed" in cli("run", path, "--out", run, "--set", "seed=2").err
    assert records_of(run) == before[0]
    other = sweep_file(sweep("emoji", seed=1, steps=1), "other.yaml")
    assert cli("run", other, "--out", run).code == 0  # repairs the folder, and does not load that model
    assert {record["id"] for record in before[0]} <= {record["id"] for record in records_of(run)}
    config.write_text(text)
    assert "2 of 2 pictures were there already" in cli("run", path, "--out", run).out


def test_a_picture_of_another_size_is_not_that_of_the_native_size(tiny_model: Path, sweep_file, tmp_path: Path) -> None:
    (e,) = expand(*read_sweep(sweep_file(sweep(tiny_model, seed=1))))
    assert e.native_size == (16, 16)
    run = RunFolder(tmp_path / "r")
    run.create()
    assert saved_record(run, e).size == (16, 16)
    assert e.id in run.records_of([e])
    assert not run.records_of([dataclasses.replace(e, native_size=(32, 32))])


def saved_record(run: RunFolder, e: Experiment, grey: int = 0) -> DoneRecord:
    """A record of a picture of the native size, as a run writes it."""
    (gallery, *_) = RunFolder(Path(__file__).parents[2] / "outputs/gallery/windows").records().values()
    fields = {**gallery.as_json(), "id": e.id, "width": 16, "height": 16, "model": e.model}
    return run.save(Image.new("RGB", (16, 16), (grey,) * 3), fields)


@pytest.mark.parametrize(("grey", "left"), [(0, 1), (99, 2)], ids=["of the same pixels", "of other pixels"])
def test_two_pictures_under_both_ids_become_one_where_they_are_the_same(
    tiny_model: Path, sweep_file, tmp_path: Path, grey: int, left: int
) -> None:
    (native,) = expand(*read_sweep(sweep_file(sweep(tiny_model, seed=1, value=3.0))))
    run = RunFolder(tmp_path / "r")
    run.create()
    for size, shade in ((None, 0), ((16, 16), grey)):
        e = dataclasses.replace(native, size=size)
        record = saved_record(run, e, shade)
        settings = {"prompt": e.prompt, "negative_prompt": "", "seed": 1, "steps": e.steps, "value": e.value}
        run.update_records({record.id: {**settings, "sampler": e.sampler, "guider": "cfg", "schedule": "constant"}})
    repair(run, SilentDisplay())
    assert len(run.records()) == left
    assert native.id in run.records()
    assert all(run.is_whole(record) for record in run.records().values() if isinstance(record, DoneRecord))


def test_records_under_another_id_are_kept(tiny_model: Path, sweep_file, tmp_path: Path) -> None:
    """Where the native size is not known, both ids can have pictures."""
    (native,) = expand(*read_sweep(sweep_file(sweep(tiny_model, seed=1))))
    unknown = dataclasses.replace(native, native_size=None)
    spelt_out = dataclasses.replace(unknown, size=(32, 32))
    run = RunFolder(tmp_path / "r")
    run.create()
    kept = [saved_record(run, e).id for e in (unknown, spelt_out)]
    run.sort_records([spelt_out])
    assert sorted(run.records()) == sorted(kept)


def test_a_folder_is_read_though_its_model_is_damaged(cli, model: Path, tmp_path: Path, sweep_file) -> None:
    path, run = sweep_file(sweep(model)), tmp_path / "r"
    assert cli("run", path, "--out", run).code == 0
    (model / "unet/config.json").write_text("na")
    assert cli("verify", run).code == 0
    assert cli("grid", run, "--out", tmp_path / "g.png").code == 0


# Fingerprints ---------------------------------------------------------------------------------------------------------


LOST = {
    "nothing": [],
    "environment.json": ["environment.json"],
    "it and the records": ["environment.json", "experiments.jsonl"],
}


@pytest.fixture(scope="module")
def begun(tiny_model: Path, tmp_path_factory) -> Path:
    """A folder with a model `model`, its sweep file `s.yaml`, and a run `r` that has the first of two pictures."""
    folder = tmp_path_factory.mktemp("begun")
    shutil.copytree(tiny_model, folder / "model")
    (folder / "s.yaml").write_text(sweep(folder / "model"))
    finish_here("run", folder / "s.yaml", "--out", folder / "r", "--limit", 1)
    return folder


@pytest.fixture
def edited(begun: Path, tiny_model: Path) -> Iterator[Callable[[str], Path]]:
    """A function that edits the model of `begun` until the end of the test, and returns its folder."""

    def edit(name: str) -> Path:
        EDITS[name](begun / "model")
        return begun / "model"

    yield edit
    shutil.rmtree(begun / "model")
    shutil.copytree(tiny_model, begun / "model")


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", EDITS)
def test_a_model_that_was_edited_is_refused(cli, begun: Path, edited, tmp_path: Path, name: str, lost: str) -> None:
    run = Path(shutil.copytree(begun / "r", tmp_path / "r"))
    model = edited(name)
    for file in LOST[lost]:
        (run / file).unlink()
    refused = cli("run", begun / "s.yaml", "--out", run)
    assert refused.code == 2
    assert f"{model}: the model has changed since this run was made" in refused.err
    assert len(records_of(run)) == 1


def test_batch_shape_and_dtype_are_known_from_pictures_alone(cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    path, run = sweep_file(sweep(tiny_model)), tmp_path / "r"
    assert cli("run", path, "--out", run, "--limit", 1, "--batch-size", 3).code == 0
    for file in LOST["it and the records"]:
        (run / file).unlink()
    assert cli("run", path, "--out", run).code == 0
    assert [record["batch_size"] for record in records_of(run)] == [3, 3]


def test_weights_that_arrive_when_the_model_is_loaded_count(
    cli, model: Path, tmp_path: Path, sweep_file, monkeypatch
) -> None:
    """A model of the hub has only its small files here before it is loaded for the first time."""
    path, run = sweep_file(sweep(model)), tmp_path / "r"
    (weights,) = model.glob("unet/*.safetensors")
    elsewhere = weights.rename(tmp_path / weights.name)

    def download_and_load(source, compute):
        if elsewhere.exists():
            elsewhere.rename(weights)
        return load_model(source, compute)

    monkeypatch.setattr("cfgsweep.execution.local.load_model", download_and_load)
    assert cli("run", path, "--out", run, "--limit", 1).code == 0
    assert cli("run", path, "--out", run).code == 0
    edit_one_weight(model)
    assert cli("run", path, "--out", run, "--set", "seed=3").code == 2


def test_a_weaker_model_that_cannot_be_had_is_told(offline, cli, tiny_model: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(sweep(tiny_model, guider={"autoguidance": {"model": "no/such"}}))
    refused = cli("run", path, "--out", tmp_path / "r")
    assert refused.code == 2
    assert "no/such" in refused.err


def test_a_batch_size_is_compared_with_what_another_command_has_settled(
    cli, tiny_model: Path, tmp_path: Path, sweep_file
) -> None:
    path, run = sweep_file(sweep(tiny_model, seed=1)), tmp_path / "r"
    settings = RunSettings.settle(read_sweep(path)[0], None, Options(device="cpu", batch_size=4), SilentDisplay())
    assert cli("run", path, "--out", run).code == 0
    with pytest.raises(UserError, match="--batch-size"):
        settings.settle_again(RunFolder(run).environment(), SilentDisplay())


def test_a_search_that_only_traces_compares_the_model(cli, model: Path, tmp_path: Path, sweep_file) -> None:
    (e, other) = expand(*read_sweep(sweep_file(sweep(model))))
    session = RunSession.begin(
        read_sweep(sweep_file(sweep(model)))[0], tmp_path / "r", Options(device="cpu"), SilentDisplay()
    )
    with session.at_work():
        LocalExecutor(session).divergences([(e, e)])
    edit_one_weight(model)
    again = RunSession.begin(
        read_sweep(sweep_file(sweep(model)))[0], tmp_path / "r", Options(device="cpu"), SilentDisplay()
    )
    with pytest.raises(UserError, match="the model has changed"):
        LocalExecutor(again).divergences([(other, other)])


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_folder_that_knows_nothing_of_a_size_computes_on_as_the_copied_pictures(
    cli, tiny_model: Path, tmp_path: Path, sweep_file
) -> None:
    settings = {"seed": 1, "value": [1.0, 2.0, 3.0, 4.0, 5.0]}
    folder, run = tmp_path / "folder", tmp_path / "s"
    assert cli("run", sweep_file(sweep(tiny_model, size=[[24, 24]], seed=1)), "--out", folder).code == 0
    assert cli("run", sweep_file(sweep(tiny_model, **settings)), "--out", run, "--batch-size", 3).code == 0
    assert cli("phase", run, "--out", folder, "--low", 1, "--high", 5, "--scan", 9, "--device", "cpu").code == 0
    records = records_of(folder)
    assert {r["batch_size"] for r in records if r["width"] == 16} == {3}
    assert len(records) > 6


def test_copied_pictures_of_a_model_that_was_edited_since_are_not_continued(
    cli, model: Path, tmp_path: Path, sweep_file
) -> None:
    folder, run = tmp_path / "folder", tmp_path / "s"
    assert cli("run", sweep_file(sweep("emoji", seed=1, steps=1)), "--out", folder).code == 0
    assert cli("run", sweep_file(sweep(model, seed=1, value=[1.0, 2.0, 3.0, 4.0, 5.0])), "--out", run).code == 0
    edit_one_weight(model, by=10.0)
    refused = cli("phase", run, "--out", folder, "--low", 1, "--high", 5, "--scan", 9, "--device", "cpu")
    assert refused.code == 2
    assert "the model has changed" in refused.err
