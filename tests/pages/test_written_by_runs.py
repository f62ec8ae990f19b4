"""Runs, searches and comparisons write their page, also while they go on."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

import cfgsweep
from cfgsweep.errors import RunFailed
from cfgsweep.execution.job import Job
from cfgsweep.pages import live
from cfgsweep.pages.live import LivePage
from cfgsweep.pages.thumbs import thumb_name, thumbnail, write_thumb
from cfgsweep.storage.open_run import sweep_of_run
from cfgsweep.storage.page_files import thumb_file
from cfgsweep.storage.records import DoneRecord
from tests.support.page_data import WrittenPage, times_of
from tests.support.run_state import records_of, run_of, state_of

SWEEP = """\
name: w
model: digits
label: [1, 2]
seed: [1, 2, 3]
steps: 4
guider: cfg
value: [1.5, 3]
metrics: [contrast, sharpness]
previews: 2
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("written"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "r"))


@pytest.fixture
def written(monkeypatch) -> list[WrittenPage]:
    """The page as it is after every writing of a run that goes on, without waiting for more."""
    monkeypatch.setattr(live, "SECONDS", 0.0)
    found: list[WrittenPage] = []
    save = Job.save

    def noting(job: Job, *given: object) -> None:
        save(job, *given)  # type: ignore[arg-type]
        found.append(WrittenPage(job.session.run_folder.page))

    monkeypatch.setattr(Job, "save", noting)
    return found


def test_a_run_writes_the_page_that_the_command_writes(run: Path, cli) -> None:
    assert len(WrittenPage(run / "page").results) == 12
    assert all("contrast" in found for found in WrittenPage(run / "page").results.values())
    before = times_of(run)
    outcome = cli("page", run)
    assert outcome.code == 0
    assert times_of(run) == before


def test_another_run_adds_to_the_page(run: Path, cli, sweep_file) -> None:
    outcome = cli("run", sweep_file(SWEEP), "--out", run, "--set", "value=4")
    assert outcome.out.splitlines()[-1] == str(run / "page/index.html")
    page = WrittenPage(run / "page")
    assert len(page.results) == 18
    assert {found["title"] for found in page.axes[-1]["values"]} == {"value 1.5", "value 3", "value 4"}
    before = times_of(run / "page")
    cli("run", run)
    assert times_of(run / "page") == before


def test_no_page_is_written_where_none_is_wanted(cli, sweep_file, tmp_path: Path) -> None:
    outcome = cli("run", sweep_file(SWEEP), "--out", tmp_path / "r", "--limit", 1, "--no-page")
    assert (outcome.code, (tmp_path / "r/page").exists(), "index.html" in outcome.out) == (0, False, False)
    outcome = cli("run", sweep_file(SWEEP), "--out", tmp_path / "new", "--no-page", "--live")
    assert outcome.code == 2
    assert "--live" in outcome.err
    assert not (tmp_path / "new").exists()


def test_a_live_page_grows_by_files_that_never_change(sweep_file, tmp_path: Path, written: list[WrittenPage]) -> None:
    run = cfgsweep.run(sweep_file(SWEEP), out=tmp_path / "r", live=True, quiet=True)
    assert [len(page.results) for page in written] == list(range(1, 13))
    records = {record["id"]: record for record in records_of(run.folder)}
    for before, after in itertools.pairwise(written):
        assert after.head["results"][:-1] == before.head["results"]
        assert after.head["plan"] == before.head["plan"]
    for page in written:
        assert (page.head["state"], page.head["previews"]) == ("running", "../previews/")
        assert len(page.plan["ids"]) == 12
        for cell, found in page.results.items():
            record = records[page.plan["ids"][cell]]
            assert found[".thumb"] == record["pixels_sha256"][:16]
            assert page.details[cell]["hasPreviews"]
    last = WrittenPage(run.folder / "page")
    assert (last.head["state"], len(last.head["results"]), len(last.results)) == ("done", 1, 12)
    assert len(list((run.folder / "page/data").iterdir())) == 3
    assert all("contrast" in found for found in last.results.values())


def test_a_live_page_is_the_page_of_a_run_that_was_not(finished: Path, sweep_file, tmp_path: Path, written) -> None:
    run = cfgsweep.run(sweep_file(SWEEP), out=tmp_path / "r", live=True, quiet=True)
    assert state_of(run.folder) == state_of(finished)
    names = {path.name for path in (run.folder / "page").rglob("*") if path.is_file()}
    assert names == {path.name for path in (finished / "page").rglob("*") if path.is_file()}


def test_a_live_page_is_written_every_few_pictures(run: Path, monkeypatch) -> None:
    monkeypatch.setattr(live, "SECONDS", 1e9)
    monkeypatch.setattr(live, "MOST_WAITING", 5)
    folder, sweep, experiments = sweep_of_run(run)
    records = list(folder.records().values())
    folder.replace_records(records[:1])
    page = LivePage(folder, sweep, experiments)
    counts = []
    for record in records[1:]:
        page.add(record)
        counts.append(len(WrittenPage(run / "page").results))
    assert counts == [1] * 4 + [6] * 5 + [11] * 2
    page.stop()
    found = WrittenPage(run / "page")
    assert (found.head["state"], len(found.results), len(found.head["results"])) == ("done", 12, 4)


def test_what_failed_before_and_is_there_now_is_shown(run: Path, monkeypatch) -> None:
    monkeypatch.setattr(live, "SECONDS", 0.0)
    folder, sweep, experiments = sweep_of_run(run)
    first, *others = folder.records().values()
    folder.replace_records(others)
    folder.save_failure({key: value for key, value in first.as_json().items() if key != "image"}, "no memory")
    page = LivePage(folder, sweep, experiments)
    assert WrittenPage(run / "page").results[0][".reason"] == "no memory"
    page.add(first)
    assert WrittenPage(run / "page").results[0][".reason"] is None


def test_pictures_of_other_experiments_are_no_cells(run: Path, monkeypatch) -> None:
    monkeypatch.setattr(live, "SECONDS", 0.0)
    folder, sweep, experiments = sweep_of_run(run)
    page = LivePage(folder, sweep, experiments[1:])
    page.add(folder.records()[experiments[0].id])
    assert experiments[0].id not in WrittenPage(run / "page").plan["ids"]


def test_a_live_page_survives_another_writer(run: Path, monkeypatch, cli) -> None:
    monkeypatch.setattr(live, "SECONDS", 0.0)
    folder, sweep, experiments = sweep_of_run(run)
    records = list(folder.records().values())
    folder.replace_records(records[:1])
    page = LivePage(folder, sweep, experiments)
    for record in records[1:]:
        folder.append(record)
        page.add(record)
        if record is records[5]:
            cli("page", run)
    assert len(WrittenPage(run / "page").results) == 12


def test_a_live_page_has_thumbnails_that_another_writer_has_removed(run: Path, monkeypatch, cli) -> None:
    """One that is written with its picture is of a record that the other writer may not have read."""
    monkeypatch.setattr(live, "SECONDS", 0.0)
    folder, sweep, experiments = sweep_of_run(run)
    first, second, *_ = folder.records().values()
    assert isinstance(second, DoneRecord)
    folder.replace_records([first])
    page = LivePage(folder, sweep, experiments)
    thumb, name = thumbnail(folder.load_picture(second)), thumb_name(second)
    write_thumb(run / "page", name, thumb)
    page.know_thumb(name, thumb.colour)
    assert cli("page", run).code == 0
    assert not thumb_file(run / "page", name).exists()
    folder.append(second)
    page.add(second)
    assert thumb_file(run / "page", name).exists()


def test_a_killed_live_run_leaves_a_page_that_is_set_right(run: Path, cli) -> None:
    folder, sweep, experiments = sweep_of_run(run)
    for command in (("page", run), ("run", run)):
        LivePage(folder, sweep, experiments)  # and no more
        assert WrittenPage(run / "page").head["state"] == "running"
        assert cli("verify", run).code == 0
        assert cli(*command).code == 0
        assert WrittenPage(run / "page").head["state"] == "done"


@pytest.mark.parametrize("is_live", [True, False])
def test_a_run_that_is_stopped_has_a_page_of_what_there_is(
    sweep_file, tmp_path: Path, monkeypatch, is_live: bool
) -> None:
    save = Job.save

    def stopping(job: Job, *given: object) -> None:
        save(job, *given)  # type: ignore[arg-type]
        if len(job.session.run_folder.records()) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Job, "save", stopping)
    with pytest.raises(KeyboardInterrupt):
        cfgsweep.run(sweep_file(SWEEP), out=tmp_path / "r", live=is_live, quiet=True)
    page = WrittenPage(tmp_path / "r/page")
    assert (page.head["state"], len(page.plan["ids"]), len(page.results)) == ("done", 12, 5)


@pytest.mark.parametrize(("is_live", "error"), [(True, KeyboardInterrupt), (False, RunFailed)])
def test_a_run_that_is_stopped_while_it_measures_has_grids_and_a_page(
    sweep_file, tmp_path: Path, monkeypatch, is_live: bool, error: type[BaseException]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from cfgsweep.errors import RunFailed\n"
        "from cfgsweep.metrics.base import GroupMetric\n"
        "class Stops(GroupMetric):\n"
        "    def measure(self, images):\n"
        f"        raise {error.__name__}('stopped')\n"
    )
    sweep = sweep_file(SWEEP.replace("sharpness", "mine.py:Stops"))
    with pytest.raises(error):
        cfgsweep.run(sweep, out=tmp_path / "r", live=is_live, quiet=True, allow_code=True)
    assert list((tmp_path / "r/grids").iterdir())
    page = WrittenPage(tmp_path / "r/page")
    assert (page.head["state"], len(page.results)) == ("done", 12)
    assert all("contrast" in found for found in page.results.values()), "measured before"


def test_a_comparison_writes_the_page_where_it_is_not_of_the_run(run: Path, cli) -> None:
    before = times_of(run / "page")
    words = ("compare", run, "--plot", "contrast,sharpness")
    assert cli(*words).code == 0
    assert times_of(run / "page") == before
    shutil.rmtree(run / "page")
    cli(*words, "--no-page")
    assert not (run / "page").exists()
    assert cli(*words).code == 0
    assert len(WrittenPage(run / "page").results) == 12


@pytest.mark.slow
def test_transitions_of_a_search_are_between_its_values(tmp_path: Path) -> None:
    found = cfgsweep.phase(
        "phase",
        overrides={"steps": 6, "model": "emoji", "seed": [1, 2]},
        scan=9,
        tolerance=0.02,
        out=tmp_path / "p",
        quiet=True,
    )
    page = WrittenPage(tmp_path / "p/page")
    axes = {axis["name"]: axis["values"] for axis in page.axes}
    values = [value["number"] for value in axes["value"]]
    assert values == sorted(values)
    expected = [(search["seed"], one) for search in found.report["searches"] for one in search["transitions"]]
    assert expected
    assert len(page.head["transitions"]) == len(expected)
    for mark, (seed, transition) in zip(page.head["transitions"], expected, strict=True):
        assert mark["axis"] == "value"
        assert values[mark["after"]] <= transition["location"] < values[mark["after"] + 1]
        assert mark["distance"] == transition["size"]
        assert axes["seed"][mark["where"]["seed"]]["number"] == seed
    computed = {point["id"] for search in found.report["searches"] for point in search["points"]}
    assert set(page.plan["ids"]) == computed
    assert all(isinstance(record, DoneRecord) for record in found.run.records)
