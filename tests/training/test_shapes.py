"""The judge of `tests.bench.shapes` sees the colour and the shape of a drawing, and no shape in a blob."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from tests.support.shapes import COLOURS, HELD_OUT, SHAPES, SIDE, SIZES, Shown, combinations, drawn, seen, write_shapes


def test_there_are_sixty_of_which_ten_are_held_out(tmp_path: Path) -> None:
    write_shapes(tmp_path)
    texts = {
        part: [json.loads(line) for line in (tmp_path / part / "metadata.jsonl").read_text().splitlines()]
        for part in ("train", "test")
    }
    assert len({row["text"] for rows in texts.values() for row in rows}) == 60
    assert len(texts["test"]) == HELD_OUT
    held_out = [Shown.of(row["text"]) for row in texts["test"]]
    assert {shown.size for shown in held_out} == set(SIZES)
    assert {shown.colour for shown in held_out} == set(COLOURS)
    assert {shown.shape for shown in held_out} == set(SHAPES)
    for part, rows in texts.items():
        for row in rows:
            with Image.open(tmp_path / part / row["file_name"]) as picture:
                shown = Shown.of(row["text"])
                assert seen(picture) == (shown.colour, shown.shape), row["text"]
                soft = picture.filter(ImageFilter.GaussianBlur(1))
                assert shown.size == "tiny" or seen(soft) == (shown.colour, shown.shape), row["text"]
    assert len(set(combinations())) == 60


def test_other_things_are_none_of_them() -> None:
    assert seen(Image.new("RGB", (SIDE, SIDE), "white")) == (None, None)
    cross = drawn("square", COLOURS["red"], (8, 26, 56, 38))
    cross.paste(COLOURS["red"], (26, 8, 38, 56))
    assert seen(cross) == ("red", None)
    assert seen(drawn("circle", (160, 60, 160), (10, 10, 50, 50)))[0] is None


@pytest.mark.parametrize("shape", SHAPES)
def test_the_colour_is_that_of_the_whole(shape: str) -> None:
    two = drawn(shape, COLOURS["red"], (8, 8, 56, 56))
    two.paste(COLOURS["blue"], (16, 45, 48, 50))
    assert seen(two)[0] == "red"
