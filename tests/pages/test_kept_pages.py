"""The page that commands keep up to date: one writer at a time, no failed run, and no path of what is not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

import cfgsweep
from cfgsweep.execution.job import Job
from cfgsweep.execution.page_api import write_page_of
from cfgsweep.pages import data, live, write
from cfgsweep.pages.current import is_current
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.locks import held
from tests.support.page_data import WrittenPage, times_of
from tests.support.run_state import records_of, run_of

SWEEP = """\
name: k
model: digits
label: [1, 2]
seed: [1, 2]
steps: 2
guider: cfg
value: 3
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("kept"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "r"))


def thumb_of(run: Path, record: dict) -> Path:
    return run / f"page/thumbs/{record['pixels_sha256'][:16]}.webp"


def test_a_shard_prints_no_page_but_that_of_live(sweep_file, tmp_path: Path, cli) -> None:
    words = ("run", sweep_file(SWEEP), "--out", tmp_path / "r", "--shard")
    assert "index.html" not in cli(*words, "1/2").out
    assert "shards/2-of-2/page/index.html" in cli(*words, "2/2", "--live").out


@pytest.mark.parametrize("more", [(), ("--live",)])
def test_a_page_that_cannot_be_written_fails_no_run(run: Path, cli, more: tuple[str, ...]) -> None:
    """A folder in the place of a thumbnail stands for a disk on which nothing can be written."""
    (record, *_) = records_of(run)
    for name in ("page", "images"):
        shutil.rmtree(run / name)
    (run / "experiments.jsonl").unlink()
    (thumb_of(run, record) / "kept").mkdir(parents=True)
    outcome = cli("run", run, *more)
    assert outcome.code == 0, outcome.err
    assert "no page was written: " in outcome.err + outcome.out
    assert "index.html" not in outcome.out
    assert len(list(run.glob("images/*.png"))) == 4
    shutil.rmtree(thumb_of(run, record))
    assert cli("run", run).out.splitlines()[-1] == str(run / "page/index.html")
    assert len(WrittenPage(run / "page").results) == 4


def test_a_live_run_of_what_is_there_writes_nothing(run: Path, cli) -> None:
    before = times_of(run / "page")
    assert cli("run", run, "--live").code == 0
    assert times_of(run / "page") == before


def test_thumbnails_are_made_when_pictures_are_saved(sweep_file, tmp_path: Path, monkeypatch) -> None:
    counts, save = [], Job.save

    def counting(job: Job, *given: object) -> None:
        save(job, *given)  # type: ignore[arg-type]
        counts.append(len(list(job.session.run_folder.page.glob("thumbs/*.webp"))))

    monkeypatch.setattr(Job, "save", counting)
    folder = cfgsweep.run(sweep_file(SWEEP), out=tmp_path / "r", quiet=True).folder
    assert counts == [1, 2, 3, 4]
    made = times_of(folder / "page/thumbs")
    cfgsweep.page(folder)
    assert times_of(folder / "page/thumbs") == made


def is_locked(page: Path) -> bool:
    try:
        with held(page, False, print):
            return False
    except cfgsweep.UserError:
        return True


def test_one_command_at_a_time_writes_a_page(run: Path, monkeypatch) -> None:
    """Whatever a page is written for, the lock is held while it is."""
    locked, of = [], data.PageData.of.__func__

    def noting(cls: type, *given: object, **options: object) -> data.PageData:
        locked.append(is_locked(run / "page"))
        return of(cls, *given, **options)

    monkeypatch.setattr(data.PageData, "of", classmethod(noting))
    monkeypatch.setattr(live, "SECONDS", 0.0)
    cfgsweep.page(run)
    shutil.rmtree(run / "page")
    write_page_of(run)
    opened = cfgsweep.open_run(run)
    live.LivePage(opened.run_folder, opened.sweep, opened.experiments).stop()
    assert locked == [True] * 3
    assert not is_locked(run / "page")
    assert cfgsweep.verify(run).ok


def test_a_page_is_not_that_of_what_came_while_it_was_written(run: Path, monkeypatch) -> None:
    folder, write_data = RunFolder(run), write.write_data

    def while_another_measures(*given: object) -> write.WrittenPage:
        name = next(iter(folder.records()))
        folder.update_records({name: {"metrics": {"contrast": 0.5}}})
        return write_data(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "write_data", while_another_measures)
    cfgsweep.page(run)
    assert not is_current(folder)
    monkeypatch.undo()
    write_page_of(run)
    assert is_current(folder)
    assert "contrast" in WrittenPage(run / "page").results[0]


@pytest.mark.parametrize("content", [b"RIFF", b"", None])
def test_a_damaged_thumbnail_is_told_and_made_again(run: Path, cli, content: bytes | None) -> None:
    thumb = thumb_of(run, records_of(run)[0])
    whole = thumb.read_bytes()
    thumb.write_bytes(whole[:-9] if content is None else content)
    told = cli("verify", run)
    assert (told.code, f"page/thumbs/{thumb.name}: damaged; `cfgsweep page` writes it again" in told.out) == (1, True)
    assert cli("page", run).code == 0
    assert thumb.read_bytes() == whole
    assert cli("verify", run).code == 0


def test_a_page_of_damaged_and_foreign_pictures_has_plain_cells(run: Path, cli) -> None:
    pictures = [run / record["image"] for record in records_of(run)]
    Image.open(pictures[0]).convert("RGB").save(pictures[0], "JPEG")
    pictures[1].write_bytes(pictures[1].read_bytes()[:200])
    Image.new("I;16", (16, 16)).save(pictures[2], "PNG")
    Image.new("RGBA", (9, 7)).save(pictures[3], "PNG")
    for thumb in run.glob("page/thumbs/*"):
        thumb.unlink()
    assert cli("page", run).code == 0
    page = WrittenPage(run / "page")
    for cell in range(4):
        assert (page.results[cell][".thumb"], page.results[cell][".colour"]) == (None, None)
        assert "missing or damaged" in page.results[cell][".reason"]
    assert cli("page", run, "--single").code == 0
