"""What the cells of a page are compared with, against the records of real runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import cfgsweep
from tests.support.page_data import WrittenPage
from tests.support.run_state import records_of, run_of

SWEEP = """\
name: c
model: digits
label: [1, 2]
seed: [1, 2]
steps: 3
guider: [cfg, apg, cfg_zero]
value: [1.5, 3]
metrics: contrast
compare: {}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("controls"))


def test_each_picture_has_plain_guidance_of_its_scale(run: Path) -> None:
    page, records = WrittenPage(run / "page"), {record["id"]: record for record in records_of(run)}
    matches = {one.cell.title: one.match for one in cfgsweep.compare(run).found}
    others = [number for number, name in enumerate(page.plan["ids"]) if records[name]["guider"] != "cfg"]
    assert len(others) == 16
    for number in others:
        own, control = records[page.plan["ids"][number]], page.results[number][".control"]
        found = records[control["id"]]
        assert (found["guider"], found["label"], found["seed"]) == ("cfg", own["label"], own["seed"])
        match = matches[f"{own['guider']} {own['value']:g}"]
        assert control["id"] in {record.id for record in match.records.values()}
        assert control["title"] == match.title
        assert control["thumb"] == found["pixels_sha256"][:16]
        assert (page.folder / f"thumbs/{control['thumb']}.webp").is_file()
        assert control["effectiveScale"] == found["effective_scale"]
        assert control["cell"] is None
        assert found["control_of"]
    for number in set(page.results) - set(others):
        assert page.results[number][".control"] is None


def test_a_control_may_be_a_cell_of_the_sweep(run: Path, sweep_file, tmp_path: Path) -> None:
    values = {record["value"] for record in records_of(run) if record.get("control_of")}
    text = SWEEP.replace("[1.5, 3]", str([1.5, 3, *sorted(values)])).replace("compare: {}\n", "")
    page = WrittenPage(cfgsweep.run(sweep_file(text), out=tmp_path / "r", limit=36, quiet=True).folder / "page")
    found = [one[".control"] for one in page.results.values() if one.get(".control")]
    assert found
    for control in found:
        assert page.plan["ids"][control["cell"]] == control["id"]


def test_pages_to_give_away_have_the_controls(run: Path, cli, tmp_path: Path) -> None:
    cli("page", run, "--out", tmp_path / "out", "--where", "guider=apg", "--where", "seed=1")
    page = WrittenPage(tmp_path / "out")
    assert len(page.results) == 4
    for one in page.results.values():
        assert (page.folder / f"images/{one['.control']['id']}.png").is_file()
        assert (page.folder / f"thumbs/{one['.control']['thumb']}.webp").is_file()
    cli("page", run, "--single", "--out", tmp_path / "p.html", "--where", "guider=apg", "--where", "seed=1")
    text = (tmp_path / "p.html").read_text()
    for one in page.results.values():
        assert f'images/{one[".control"]["id"]}.png":"data:image/webp' in text


def test_there_is_none_where_its_picture_is_lost(run: Path, cli, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "r"))
    page = WrittenPage(copy / "page")
    cell, control = next((cell, one[".control"]) for cell, one in page.results.items() if one[".control"])
    (copy / f"images/{control['id']}.png").unlink()
    (copy / f"page/thumbs/{control['thumb']}.webp").unlink()
    assert cli("page", copy).code == 0
    assert WrittenPage(copy / "page").results[cell][".control"] is None


def test_there_are_none_of_a_metric_that_is_not_measured_yet(sweep_file, tmp_path: Path) -> None:
    text = SWEEP.replace("{}", "{matched: contrast}")
    page = WrittenPage(
        cfgsweep.run(sweep_file(text), out=tmp_path / "r", limit=2, live=True, quiet=True).folder / "page"
    )
    assert not any(".control" in one for one in page.results.values())
