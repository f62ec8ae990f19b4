"""Several pictures in one cell: beside each other, or as their mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cfgsweep
from cfgsweep.reports.grid_cells import Cells, mean_picture, mosaic
from cfgsweep.reports.grid_style import GridStyle
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep

BASE = {"name": "g", "model": "emoji", "prompt": ["a", "b"], "guider": ["cfg", "tnorm"], "seed": [3, 4, 5], "value": 2}


def experiments(**fields: object) -> list[Experiment]:
    return expand(Sweep(**{**BASE, **fields}))


def plain(*shades: int | None) -> list[Image.Image | None]:
    return [None if shade is None else Image.new("RGB", (8, 8), (shade,) * 3) for shade in shades]


def test_cells_are_those_that_differ_in_the_axis_alone() -> None:
    found = experiments()
    cells = Cells.of(found, GridStyle(inside="seed"))
    assert [(e.prompt, e.guider.name) for e in cells.experiments] == [
        ("a", "cfg"), ("a", "tnorm"), ("b", "cfg"), ("b", "tnorm")
    ]  # fmt: skip
    assert [[m.seed for m in cells.members(e)] for e in cells.experiments] == [[3, 4, 5]] * 4
    assert (cells.hidden, cells.notes) == (("seed",), ("in every cell: seed 3, 4, 5",))
    many = Cells.of(experiments(seed={"range": [0, 15, 1]}), GridStyle(mean="seed"))
    assert many.notes == ("mean over seed 0, 1, …, 15",)


def test_axes_that_follow_the_axis_are_within_the_cell_too() -> None:
    found = experiments(guider="cfg", value=[1, 2, 3], zip=["value", "seed"])
    cells = Cells.of(found, GridStyle(inside="seed"))
    assert cells.hidden == ("seed", "value")
    assert [[(m.seed, m.value) for m in cells.members(e)] for e in cells.experiments] == [[(3, 1), (4, 2), (5, 3)]] * 2


def test_both_at_once_are_a_mean_for_each_that_is_inside() -> None:
    cells = Cells.of(experiments(), GridStyle(inside="prompt", mean="seed"))
    assert [e.guider.name for e in cells.experiments] == ["cfg", "tnorm"]
    assert len(cells.members(cells.experiments[0])) == 6
    shades = {("a", 3): 0, ("a", 4): 10, ("a", 5): 20, ("b", 3): 100, ("b", 4): 101, ("b", 5): 101}
    shown = cells.picture(cells.experiments[0], lambda e: plain(shades[e.prompt, e.seed])[0])
    assert [shown.getpixel((x, 5))[0] for x in (5, 14)] == [10, 101]


def test_equal_values_are_at_equal_places_where_cells_are_left_out() -> None:
    found = experiments(
        guider="cfg", exclude=[{"prompt": "a", "seed": 3}, {"prompt": "b", "seed": 4}], seed=[3, 4, 5, 6]
    )
    cells = Cells.of([e for e in found if not (e.prompt == "b" and e.seed == 6)], GridStyle(inside="seed"))
    assert [[e and e.seed for e in group] for group in cells.gatherings[0].groups.values()] == [
        [4, 5, 6], [3, 5, None]
    ]  # fmt: skip
    whole = Cells.of(
        [e for e in found if e.prompt == "a"] + experiments(guider="cfg", prompt="b", seed=[4, 6]),
        GridStyle(inside="seed"),
    )
    assert [[e and e.seed for e in group] for group in whole.gatherings[0].groups.values()] == [
        [4, 5, 6], [4, None, 6]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(2, 2, 1), (3, 2, 2), (4, 2, 2), (5, 3, 2), (16, 4, 4), (17, 5, 4)]
)
def test_a_mosaic_is_nearly_square_with_every_picture_at_its_place(count: int, columns: int, rows: int) -> None:
    shown = mosaic(plain(*range(10, 10 + count)))
    assert shown.size == (columns * 9 + 1, rows * 9 + 1)
    for number in range(count):
        row, column = divmod(number, columns)
        block = np.asarray(shown)[1 + 9 * row : 9 + 9 * row, 1 + 9 * column : 9 + 9 * column]
        assert (block == 10 + number).all()
    assert shown.getpixel((0, 0)) == shown.getpixel((9, 1)) == (255, 255, 255)


def test_what_is_not_done_is_grey_in_a_mosaic_and_no_part_of_a_mean() -> None:
    assert mosaic(plain(None, 7)).getpixel((1, 1)) == (0xEE,) * 3
    assert mean_picture(plain(None, 7, 8)).getpixel((0, 0)) == (8, 8, 8)
    assert mosaic(plain(None, None)) is None
    assert mean_picture(plain(None)) is None
    with pytest.raises(cfgsweep.UserError, match="pictures of different sizes have no mean"):
        mean_picture([*plain(1), Image.new("RGB", (8, 16))])


def test_a_mean_is_that_of_the_levels() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    found = np.asarray(mean_picture([Image.fromarray(one) for one in levels]))
    assert np.abs(found - levels.mean(axis=0)).max() <= 0.5


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cells") / "run"
    sweep = Sweep(**{**BASE, "model": "digits", "prompt": None, "label": [1, 2], "guider": "cfg", "steps": 2})
    return cfgsweep.run(sweep, out=folder, quiet=True, limit=5).folder


@pytest.mark.slow
def test_the_command_draws_them_with_the_pixels_of_the_pictures(cli, run: Path, tmp_path: Path) -> None:
    drawn = cli("grid", run, "--inside", "seed")
    assert drawn.out.strip().endswith("g-inside=seed.png")
    opened = cfgsweep.open_run(run)
    pictures = [np.asarray(result.image) for result in opened][:3]
    side = pictures[0].shape[0]
    for style, expected in (
        ({"mean": "seed"}, np.floor(np.mean(pictures, axis=0) + 0.5).astype(np.uint8)),
        ({"inside": "seed"}, pictures[2]),
    ):
        cell = side if "mean" in style else 2 * side + 3
        shown = np.asarray(opened.grid(cell=cell, caption=False, **style))
        views = np.lib.stride_tricks.sliding_window_view(shown, (side, side, 3))
        assert (views == expected).all(axis=(-3, -2, -1)).any()
    svg = cli("grid", run, "--inside", "seed", "--out", tmp_path / "a.svg").out.strip()
    assert "in every cell: seed 3, 4, 5" in Path(svg).read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--inside", "sed"], ["--inside: unknown axis 'sed'", "did you mean 'seed'?"]),
        (["--inside", "steps"], ["--inside: every cell has one picture alone", "label, seed"]),
        (["--inside", "seed", "--rows", "seed"], ["--rows: this axis is within the cells"]),
        (["--inside", "seed", "--mean", "seed"], ["--inside: every cell has one picture alone"]),
    ],
)
def test_what_cannot_be_drawn_is_said(cli, run: Path, options: list[str], words: list[str]) -> None:
    refused = cli("grid", run, *options)
    assert refused.code == 2
    for word in words:
        assert word in refused.err
