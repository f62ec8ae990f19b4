"""Run folders with the ids of version 0.1, as the gallery has them, are read, and taken over without computing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cfgsweep.storage.open_run import sweep_of_run
from cfgsweep.storage.picture_copies import copy_pictures
from cfgsweep.storage.png import hash_of_file
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.verify import repair
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.system.display import SilentDisplay
from tests.support.run_state import records_of, state_of

GALLERY = Path(__file__).parents[2] / "outputs/gallery"
OLD_SEARCH = Path(__file__).parent / "version_0_1/phase"
BY_ID = ("id", "image")


def without_ids(records: list[dict]) -> list[dict]:
    return [{key: value for key, value in record.items() if key not in BY_ID} for record in records]


def pixels_of(picture: Path) -> bytes:
    with Image.open(picture) as image:
        return image.tobytes()


@pytest.mark.parametrize("folder", [*sorted(GALLERY.iterdir()), OLD_SEARCH], ids=lambda folder: folder.name)
def test_every_record_of_the_gallery_is_found_by_its_old_id(folder: Path) -> None:
    run, _, experiments = sweep_of_run(folder)
    known = run.records()
    ids = [e.legacy_id if e.legacy_id in known else e.id for e in experiments]
    assert ids == list(known), "or by the new one, after a change of its formula or defaults"
    assert list(run.records_of(experiments).values()) == list(run.records().values())


@pytest.mark.parametrize("old", [GALLERY / "windows", OLD_SEARCH], ids=lambda folder: folder.name)
def test_a_folder_is_read_as_it_is_and_taken_over_by_the_next_run(cli, tmp_path: Path, old: Path) -> None:
    run = tmp_path / old.name
    shutil.copytree(old, run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    plan = json.loads(cli("plan", run / "sweep.yaml", "--out", run, "--json").out)
    assert (plan["pending"], plan["evaluations"]) == (0, 0)
    assert "and nothing is amiss" in cli("verify", run).out
    assert cli("grid", run, "--out", tmp_path / "before.png").code == 0
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before, "reading writes nothing"

    done = cli("run", run / "sweep.yaml", "--out", run)
    assert done.code == 0
    count = len(records_of(old))
    assert f"{count} of {count} pictures were there already" in done.out
    assert "evaluations" not in done.out
    assert f"{count} pictures had ids of an earlier version" in done.err

    _, _, experiments = sweep_of_run(run)
    records = records_of(run)
    assert [record["id"] for record in records] == [e.id for e in experiments]
    assert [record["image"] for record in records] == [f"images/{e.id}.png" for e in experiments]
    assert without_ids(records) == without_ids(records_of(old))
    assert {path.stem for path in run.glob("images/*")} == {e.id for e in experiments}
    for record in records:
        assert hash_of_file(run / record["image"]) == record["pixels_sha256"]
        with Image.open(run / record["image"]) as image:
            assert json.loads(image.text["cfgsweep"]) == record
    assert cli("grid", run, "--out", tmp_path / "after.png").code == 0
    assert pixels_of(tmp_path / "after.png") == pixels_of(tmp_path / "before.png")
    assert "and nothing is amiss" in cli("verify", run).out
    assert "earlier version" not in cli("run", run / "sweep.yaml", "--out", run).err


def test_the_report_of_a_search_gets_the_new_ids_and_paths(tmp_path: Path) -> None:
    old, run = OLD_SEARCH, RunFolder(tmp_path / "phase")
    shutil.copytree(old, run.folder)
    _, _, experiments = sweep_of_run(run.folder)
    repair(run, SilentDisplay())
    text = (old / "phase.json").read_text()
    for e in experiments:
        text = text.replace(e.legacy_id, e.id)
    assert run.report_file.read_text() == text
    points = [point for search in json.loads(text)["searches"] for point in search["points"]]
    assert len(points) == 108
    assert all((run.folder / point["image"]).is_file() for point in points)


def test_a_search_begins_with_the_pictures_of_an_old_run(tmp_path: Path) -> None:
    new = RunFolder(tmp_path / "new")
    new.create()
    old = RunFolder(GALLERY / "windows")
    made = [record for record in old.records().values() if isinstance(record, DoneRecord)]
    assert copy_pictures(old, new, made) == 20
    _, _, experiments = sweep_of_run(GALLERY / "windows")
    assert list(new.records()) == [e.id for e in experiments]
    assert len(new.done(experiments)) == 20
    assert copy_pictures(old, new, made) == 0


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A search with four pictures: one is damaged, one has lost its record, and three are measured."""
    folder = tmp_path / "small"
    shutil.copytree(OLD_SEARCH, folder, ignore=lambda folder, names: names if folder.endswith("images") else [])
    records = records_of(folder)[:4]
    for record in records:
        shutil.copy(OLD_SEARCH / record["image"], folder / "images")
    measured = [record | {"metrics": {"contrast": 0.5}} for record in records[1:]]
    (folder / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in measured))
    (folder / measured[0]["image"]).write_bytes(b"damaged")
    return folder


@pytest.mark.slow
def test_a_kill_at_any_moment_is_made_good_by_the_next_run(small: Path, tmp_path: Path) -> None:
    """The process ends before its n-th change of a file, for every n, and then the folder is repaired again."""
    whole = Path(shutil.copytree(small, tmp_path / "whole"))
    repair(RunFolder(whole), SilentDisplay())
    expected = everything(whole)
    assert {record["id"] for record in records_of(whole)} == {path.stem for path in whole.glob("images/*")}
    for moment in range(1, 1000):
        folder = Path(shutil.copytree(small, tmp_path / f"killed-{moment}"))
        if not killed(moment, lambda folder=folder: repair(RunFolder(folder), SilentDisplay())):
            break
        repair(RunFolder(folder), SilentDisplay())
        assert everything(folder) == expected, moment
        shutil.rmtree(folder)
    assert moment > 15


def everything(folder: Path) -> tuple:
    return (*state_of(folder), (folder / "phase.json").read_text(), sorted(path.name for path in folder.rglob("*")))


def killed(moment: int, work: Callable[[], None]) -> bool:
    """Work in a child process that exits before its n-th change of a file; False if it finished before that."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    left = moment

    def counted(change: Callable) -> Callable:
        def call(*given, **options):
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(9)
            return change(*given, **options)

        return call

    for name in ("replace", "unlink", "fsync", "rename"):
        setattr(os, name, counted(getattr(os, name)))
    try:
        work()
    finally:
        os._exit(0)


def test_pictures_of_experiments_that_are_not_known_stay(tmp_path: Path) -> None:
    """A record of a guider that is not installed keeps its id."""
    run = RunFolder(tmp_path / "windows")
    shutil.copytree(GALLERY / "windows", run.folder)
    records = list(run.records().values())
    strange = records[3].changed(guider={"not_installed": {"strength": 3}})
    run.replace_records([*records[:3], strange, *records[4:]])
    repair(run, SilentDisplay())
    assert list(run.records().values())[3] == strange
    assert isinstance(strange, DoneRecord)
    assert run.is_whole(strange)
    assert not {record.id for record in records} & (run.records().keys() - {strange.id})


@pytest.mark.parametrize("change", [{"guider": {}}, {"guider": {"cfg": 3}}, {"guider": {"cfg": {"stop": [0.1, 0.2]}}}])
def test_records_of_no_experiment_are_left_alone(tmp_path: Path, change: dict) -> None:
    run = RunFolder(tmp_path / "windows")
    shutil.copytree(GALLERY / "windows", run.folder)
    (name, record), *_ = run.records().items()
    run.update_records({name: change})
    repair(run, SilentDisplay())
    assert next(iter(run.records().values())).as_json() == {**record.as_json(), **change}


def test_an_old_failure_is_dropped_once_the_experiment_has_a_picture(tmp_path: Path) -> None:
    """A failed record does not say which size the sweep gave, so that its experiment is not known before."""
    (e,) = expand(Sweep(name="x", model="emoji", prompt="a cat", guider="cfg", size=72))
    run = RunFolder(tmp_path / "r")
    run.create()
    (old, *_) = RunFolder(GALLERY / "windows").records().values()
    settings = {**old.as_json(), "guider": e.guider.spec(), "seed": 0, "prompt": "a cat", "value": e.value}
    failed = run.save_failure({**settings, "id": e.legacy_id, "width": None}, "out of memory")
    repair(run, SilentDisplay())
    assert run.records_of([e]) == {e.id: failed}
    assert run.failed([e]) == [e]
    record = run.save(Image.new("RGB", (72, 72)), {**settings, "id": e.id})
    run.sort_records([e])
    assert list(run.records().values()) == [record]


def test_an_old_failure_of_this_sweep_is_not_called_another_sweep_s(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file("name: x\nmodel: emoji\nprompt: a cat\nguider: cfg\nsteps: 1\nsize: 32\n")
    (e,) = expand(*read_sweep(path))
    run = RunFolder(tmp_path / "r")
    run.create()
    run.write_sweep(read_sweep(path)[0])
    (old, *_) = RunFolder(GALLERY / "windows").records().values()
    settings = {**old.as_json(), "guider": "cfg", "seed": 0, "prompt": "a cat", "value": e.value, "steps": 1}
    run.save_failure({**settings, "id": e.legacy_id, "width": None}, "out of memory")
    done = cli("run", path, "--out", run.folder)
    assert done.code == 0
    assert "earlier sweep" not in done.err
