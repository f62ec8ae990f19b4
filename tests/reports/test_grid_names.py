"""Files of grids are named by what they show, and what was asked for leaves the automatic ones alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cfgsweep.reports.grid_names import grid_name, page_name


@pytest.fixture
def run(cli, sweep_file, tmp_path: Path) -> Path:
    path = sweep_file("name: s\nmodel: digits\nlabel: 3\nsteps: 1\nguider: [cfg, tnorm]\nvalue: [1, 2]\nseed: [1, 2]\n")
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    return tmp_path / "r"


def grids(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "grids").iterdir()}


def test_an_explicit_layout_leaves_the_automatic_one_alone(cli, run: Path) -> None:
    automatic = grids(run)
    assert list(automatic) == ["s.png"]
    told = cli("grid", run, "--rows", "seed").out.split()
    told += cli("grid", run, "--pages", "seed").out.split()
    told += cli("grid", run, "--where", "value>1", "--where", "guider=cfg").out.split()
    expected = ["s-rows=seed", "s-pages=seed-seed=1", "s-pages=seed-seed=2", "s-value.gt.1-guider=cfg"]
    assert [Path(path).stem for path in told] == expected
    assert grids(run)["s.png"] == automatic["s.png"]
    assert cli("grid", run).code == 0
    assert sorted(grids(run)) == sorted([*automatic, *(f"{name}.png" for name in expected)])
    assert cli("verify", run).code == 0


def test_pages_that_are_no_longer_drawn_are_removed(cli, run: Path) -> None:
    assert cli("grid", run, "--pages", "seed").code == 0
    record = next(line for line in (run / "experiments.jsonl").read_text().splitlines() if '"seed": 2' in line)
    kept = [line for line in (run / "experiments.jsonl").read_text().splitlines() if '"seed": 1' in line]
    assert record not in kept
    (run / "experiments.jsonl").write_text("\n".join(kept) + "\n")
    assert cli("grid", run, "--pages", "seed").code == 0
    assert sorted(grids(run)) == ["s-pages=seed-seed=1.png", "s.png"]


def test_names_fit_every_system_and_differ() -> None:
    names = [
        page_name((("prompt", text),), 1) for text in ("a/b", "a:b", "a b", "a_b", "é" * 300, "é" * 301, "", "..", "*?")
    ]
    assert len(set(names)) == len(names)
    assert all(len(name) < 130 and not set(name) & set('/\\:*?"<>|\n ') for name in names)
    assert page_name((), 1) == ""
    assert page_name((), 2) == "2"
    assert page_name((("seed", 2),), 3) == "seed=2-3"
    assert grid_name("g", None, None, None, 1, ["value<=0.5"]) == "g-value.le.0.5"
    assert grid_name("g", "seed", "value", None, 3, []) == "g-rows=seed-cols=value-frames=3"


def test_pages_of_equal_titles_have_files_of_their_own(cli, tmp_path: Path, sweep_file) -> None:
    for folder, colour in (("one", "red"), ("two", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (64, 64), colour).save(tmp_path / folder / "x.png")
    text = "name: s\nmodel: emoji\nprompt: a cat\nsteps: 2\nguider: cfg\ntask: image-to-image\nstrength: 0.5\n"
    path = sweep_file(text + "image: [one/x.png, two/x.png]\nseed: [1, 2]\n")
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    told = cli("grid", tmp_path / "r", "--pages", "image").out.split()
    assert len({Path(name).read_bytes() for name in told}) == 2
