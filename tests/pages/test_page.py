"""What `cfgsweep page` writes, against the records and pictures of real runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cfgsweep
from tests.support.page_data import WrittenPage, times_of
from tests.support.run_state import records_of, run_of

HOSTILE = "</script><img src=x onerror=alert(1)> & ' \" \u2028 \u202e" + "x" * 9_900
SWEEP = f"""\
name: p
model: emoji
prompt: [a horse, {json.dumps(HOSTILE)}]
seed: [1, 2]
steps: 3
guider: [cfg, {{tnorm: {{start: 0.4}}}}]
value: [0.1, 3]
schedule: [constant, linear]
metrics: [contrast, text_score]
labels: {{value: guidance scale, guider.tnorm: T-Norm}}
previews: 2
exclude: [{{seed: 2, value: 0.1, guider: tnorm}}]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = run_of(SWEEP, tmp_path_factory.mktemp("page"))
    cfgsweep.page(folder)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "r"))


@pytest.fixture(scope="module")
def page(finished: Path) -> WrittenPage:
    return WrittenPage(finished / "page")


def test_every_file_is_a_call_with_its_own_name_and_json(finished: Path, page: WrittenPage) -> None:
    written = {path.relative_to(page.folder).as_posix() for path in page.folder.rglob("*.js")} - {"app.js"}
    named = {"data.js", page.head["plan"], *page.head["results"]}
    named |= {page.file(name)["details"] for name in page.head["results"]}
    assert written == named
    for name in written:
        page.file(name)


def test_cells_are_those_of_the_run_with_its_titles(finished: Path, page: WrittenPage) -> None:
    records = records_of(finished)
    assert page.plan["ids"] == [record["id"] for record in records]
    assert [axis["name"] for axis in page.axes] == ["prompt", "seed", "guider", "schedule", "value"]
    assert page.axes[-1]["label"] == "guidance scale"
    assert page.axes[-1]["values"][1] == {"title": "guidance scale 3", "text": "3", "number": 3.0, "entry": 3.0}
    for number, record in enumerate(records):
        titles = page.titles(number)
        assert titles["prompt"] == record["prompt"]
        assert titles["seed"] == f"seed {record['seed']}"
        assert titles["guider"] == ("cfg" if record["guider"] == "cfg" else "T-Norm start=0.4")
        assert titles["schedule"] == record["schedule"]
        assert titles["value"] == f"guidance scale {record['value']:g}"


def test_results_have_the_fields_of_records(finished: Path, page: WrittenPage) -> None:
    for number, record in enumerate(records_of(finished)):
        found = page.results[number]
        assert found[".reason"] is None
        assert found[".thumb"] == record["pixels_sha256"][:16]
        assert "guider" not in found
        assert found["guider.start"] == (0.0 if record["guider"] == "cfg" else 0.4)
        for name in ("steps", "width", "sampler", "model"):
            assert found[name] == record[name]
        assert found["effective_scale"] == pytest.approx(record["effective_scale"], rel=1e-4)
        assert not found.keys() & {"seed", "value", "prompt", "schedule"}  # these are axes
        for name, value in record["metrics"].items():
            assert found[name] == pytest.approx(value, rel=1e-4)
        assert found["evaluations.own"] == record["evaluations"]["own"]
        assert page.details[number]["record"] == record
    higher = {metric["name"]: metric["higherIsBetter"] for metric in page.head["metrics"]}
    assert higher == {"contrast": None, "text_score": True}


def test_colours_and_thumbnails_are_those_of_the_pictures(finished: Path, page: WrittenPage) -> None:
    for number, record in enumerate(records_of(finished)):
        with Image.open(finished / record["image"]) as picture:
            pixels = np.asarray(picture.convert("RGB"), dtype=float)
        colour = page.results[number][".colour"]
        assert np.abs(np.array([colour >> 16, colour >> 8 & 255, colour & 255]) - pixels.mean((0, 1))).max() < 1.5
        with Image.open(page.folder / "thumbs" / f"{page.results[number]['.thumb']}.webp") as thumb:
            assert thumb.size == (64, 64)  # not enlarged
            assert np.abs(np.asarray(thumb.convert("RGB"), dtype=float) - pixels).mean() < 8


def test_details_have_schedules_diagnostics_and_previews(finished: Path, page: WrittenPage) -> None:
    run = cfgsweep.open_run(finished)
    for number, record in enumerate(records_of(finished)):
        found, result = page.details[number], run[record["id"]]
        assert found["schedule"] == pytest.approx(result.experiment.scales(), rel=1e-5)
        assert found["diagnostics"] == result.diagnostics
        assert found["hasPreviews"]
        assert found["previewSteps"] == [2, 3]
    assert page.head["previews"] == "../previews/"


def test_writing_again_changes_nothing(finished: Path, cli) -> None:
    before = times_of(finished)
    outcome = cli("page", finished)
    assert (outcome.code, outcome.out) == (0, f"{finished / 'page/index.html'}\n")
    assert times_of(finished) == before


def test_seeds_that_javascript_would_round_are_texts_beside_pictures(cli, sweep_file, tmp_path: Path) -> None:
    text = "{name: big, model: digits, label: 3, seed: [18446744073709551615, 5], steps: 2, guider: cfg, value: 2}"
    cli("run", sweep_file(text), "--out", tmp_path / "big", "--quiet")
    found = [detail["record"]["seed"] for detail in WrittenPage(tmp_path / "big/page").details.values()]
    assert found == ["18446744073709551615", 5]


def test_damage_is_told_and_mended(run: Path, cli) -> None:
    page = WrittenPage(run / "page")
    before = {path: path.read_bytes() for path in page.folder.rglob("*") if path.is_file()}
    thumb = next(page.folder.glob("thumbs/*.webp"))
    (page.folder / "data.js").write_bytes(before[page.folder / "data.js"][:99])
    results = page.folder / page.head["results"][0]
    results.write_bytes(before[results].replace(b'"at":[0,', b'"at":[9,'))
    (page.folder / page.head["plan"]).unlink()
    thumb.write_bytes(b"RIFF")
    (page.folder / "app.js").write_text("alert(1)")
    told = cli("verify", run)
    assert told.code == 1
    for name in ("page/data.js", f"page/{page.head['results'][0]}", f"page/thumbs/{thumb.name}"):
        assert f"{name}: damaged" in told.out
    assert told.out.count("`cfgsweep page` writes it again") == 3
    cli("page", run)
    assert {path: path.read_bytes() for path in page.folder.rglob("*") if path.is_file()} == before
    (page.folder / "app.js").write_text("alert(1)")
    assert "page/app.js: damaged" in cli("verify", run).out
    cli("page", run)
    assert cli("verify", run).code == 0


def test_cells_that_are_missing_or_failed_are_in_the_plan(run: Path, cli) -> None:
    records = records_of(run)
    settings = {key: value for key, value in records[3].items() if key not in ("metrics", "image", "pixels_sha256")}
    failed = {**settings, "status": "failed", "reason": "<b>no</b> memory"}
    kept = [*records[:3], failed, *records[5:]]
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in kept))
    (run / records[4]["image"]).unlink()
    (run / records[0]["image"]).write_bytes(b"damaged")
    for thumb in run.glob("page/thumbs/*"):
        thumb.unlink()
    assert cli("page", run).code == 0
    page = WrittenPage(run / "page")
    assert page.plan["ids"] == [record["id"] for record in records]
    assert sorted(page.results) == [number for number in range(len(records)) if number != 4]
    assert page.results[3][".reason"] == "<b>no</b> memory"
    assert page.results[3][".thumb"] is page.results[3][".colour"] is None
    assert page.titles(3)["seed"] == f"seed {records[3]['seed']}"
    assert "missing or damaged" in page.results[0][".reason"]
    assert "A1111" not in page.details[3]["copies"]


def test_what_a_page_no_longer_names_is_removed(run: Path, cli) -> None:
    (run / "page/data/results-0123456789abcdef.js").write_text("old")
    (run / "page/thumbs/0123456789abcdef.webp").write_text("old")
    (run / "page/mine.txt").write_text("the user's")
    cli("page", run)
    assert not list(run.rglob("*0123456789abcdef*"))
    assert (run / "page/mine.txt").read_text() == "the user's"


def test_a_thumbnail_is_made_where_it_is_missing_alone(run: Path, cli) -> None:
    gone = min((run / "page/thumbs").iterdir())
    content = gone.read_bytes()
    gone.unlink()
    told = cli("verify", run)
    assert (told.code, told.out.count("thumbnails of it are missing; `cfgsweep page` writes it again")) == (1, 1)
    before = times_of(run / "page")
    cli("page", run)
    assert gone.read_bytes() == content
    assert times_of(run / "page") == {**before, f"thumbs/{gone.name}": gone.stat().st_mtime_ns}


def test_a_folder_that_is_no_run_is_refused(cli, tmp_path: Path) -> None:
    outcome = cli("page", tmp_path)
    assert outcome.code == 2
    assert "not a run folder" in outcome.err


def test_nothing_is_written_through_a_link(run: Path, cli, tmp_path: Path) -> None:
    shutil.rmtree(run / "page/data")
    (tmp_path / "elsewhere").mkdir()
    (run / "page/data").symlink_to(tmp_path / "elsewhere")
    outcome = cli("page", run)
    assert outcome.code == 2
    assert "a link" in outcome.err
    assert not list((tmp_path / "elsewhere").iterdir())
