"""Grids: whatever varies is in a title, pictures are scaled by whole numbers, pages split."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cfgsweep.errors import UserError
from cfgsweep.reports import grid_render, write
from cfgsweep.reports.drawing_png import paint
from cfgsweep.reports.grid_layout import Layout, arrange, heading_of
from cfgsweep.reports.grid_render import page_drawing, pages_of
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.sweep.titles import varying

BASE = "name: g\nmodel: emoji\nprompt: a cat\nguider: [tnorm, fullnorm]\nvalue: [0.1, 0.2, 0.3]\n"


def experiments_of(sweep_file, extra: str = "", **changes: str) -> list[Experiment]:
    text = BASE
    for key, value in changes.items():
        text = "\n".join(f"{key}: {value}" if line.startswith(f"{key}:") else line for line in text.splitlines()) + "\n"
    return expand(*read_sweep(sweep_file(text + extra)))


def coloured(experiment: Experiment) -> Image.Image:
    """A picture of its own for every experiment: one colour, with a dark corner to see its edge."""
    shade = int(experiment.id[:6], 16)
    image = Image.new("RGB", (64, 64), (shade >> 16, shade >> 8 & 255, shade & 255))
    image.putpixel((0, 0), (0, 0, 0))
    return image


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """All texts that are drawn."""
    texts: list[str] = []
    draw = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "text",
        lambda self, xy, text, *a, **k: (texts.append(text), draw(self, xy, text, *a, **k))[1],
    )
    return texts


def render(experiments, **axes) -> list[Image.Image]:
    layout = arrange(experiments, **axes)
    return [paint(page_drawing(page, layout, coloured)) for page in pages_of("g", experiments, layout)]


def contains(sheet: Image.Image, picture: Image.Image, scale: int) -> bool:
    """Is the picture in the sheet, every pixel a square of `scale`?"""
    wanted = np.asarray(picture.resize((64 * scale, 64 * scale), Image.Resampling.NEAREST))
    pixels = np.asarray(sheet)
    for y, x in zip(*np.nonzero((pixels == 0).all(axis=2)), strict=True):
        if np.array_equal(pixels[y : y + wanted.shape[0], x : x + wanted.shape[1]], wanted):
            return True
    return False


def test_every_picture_is_there_scaled_by_a_whole_number(sweep_file) -> None:
    experiments = experiments_of(sweep_file)
    (sheet,) = render(experiments)
    for experiment in experiments:
        assert contains(sheet, coloured(experiment), 4)


def test_titles_say_what_varies_and_the_caption_what_does_not(sweep_file, written) -> None:
    render(experiments_of(sweep_file))
    assert [text for text in written if text in ("tnorm", "fullnorm")] == ["tnorm", "fullnorm"]
    assert [text for text in written if text.startswith("value")] == ["value 0.1", "value 0.2", "value 0.3"]
    caption = " ".join(text for text in written if "·" in text)
    assert "a cat" in caption
    assert "model emoji" in caption
    assert "seed 0" in caption
    assert "tnorm" not in caption


@pytest.mark.parametrize(
    ("axes", "layout"),
    [
        ({}, (["guider", "seed"], ["value"], [])),
        ({"rows": "value"}, (["value", "guider"], ["seed"], [])),
        ({"cols": "guider"}, (["value", "seed"], ["guider"], [])),
        ({"pages": "seed"}, (["guider"], ["value"], ["seed"])),
        ({"rows": "seed", "cols": "value", "pages": "guider"}, (["seed"], ["value"], ["guider"])),
    ],
)
def test_axes_go_where_they_are_told_and_else_where_it_makes_sense(sweep_file, axes: dict, layout: tuple) -> None:
    got = arrange(experiments_of(sweep_file, "seed: [1, 2]\n"), **axes)
    assert (sorted(got.rows), got.columns, got.pages) == (sorted(layout[0]), *layout[1:])


def test_zipped_axes_go_together(sweep_file) -> None:
    experiments = experiments_of(sweep_file, "seed: [1, 2, 3]\nzip: [value, seed]\n")
    assert arrange(experiments) == Layout(["guider"], ["value", "seed"], [])


def test_a_page_for_each_value(sweep_file) -> None:
    experiments = experiments_of(sweep_file, "seed: [1, 2]\n")
    pages = render(experiments, pages="seed")
    assert len(pages) == 2
    for page, seed in zip(pages, (1, 2), strict=True):
        assert all(contains(page, coloured(e), 4) for e in experiments if e.seed == seed)


def test_very_large_grids_are_split_into_pages(sweep_file) -> None:
    experiments = experiments_of(sweep_file, "seed: {range: [1, 45, 1]}\n", guider="tnorm")
    pages = render(experiments)
    assert len(pages) == 2
    assert max(page.height for page in pages) < 20_000


def test_one_long_axis_is_wrapped_and_every_picture_titled(sweep_file, written) -> None:
    experiments = experiments_of(sweep_file, guider="tnorm", value="{linspace: [0.1, 0.5, 30]}")
    (sheet,) = render(experiments)
    assert sheet.width <= 1800
    assert sum(text.startswith("value") for text in written) == 30
    assert all(contains(sheet, coloured(e), 2) for e in experiments)


def course_of(sheet: Image.Image) -> list[int]:
    """Heights of the schedule's line, left to right, over all the places where it is drawn."""
    line = (np.asarray(sheet) == (0x33, 0x66, 0xAA)).all(axis=2)
    return [int(np.nonzero(column)[0].min()) for column in line.T if column.any()]


def test_rendering_many_pages_compares_the_settings_once(sweep_file, monkeypatch) -> None:
    """Not once a page, which would take quadratic time."""
    calls = []
    monkeypatch.setattr(grid_render, "varying", lambda experiments: calls.append(1) or varying(experiments))
    experiments = experiments_of(sweep_file, "seed: {range: [1, 9, 1]}\n")
    assert len(render(experiments, pages="seed")) == 9
    assert len(calls) == 1


def test_schedules_are_drawn_where_they_differ(sweep_file) -> None:
    (sheet,) = render(experiments_of(sweep_file))
    assert not course_of(sheet)
    text = "schedule: [{cosine: {min_val: 0.0}}, {cosine: {min_val: 0.0, k_decay: 0.5}}]\n"
    (sheet,) = render(experiments_of(sweep_file, text, guider="tnorm"))
    falling = course_of(sheet)
    assert falling == sorted(falling)  # downwards in a picture is a growing row
    (rising,) = render(experiments_of(sweep_file, text.replace("0.0", "2.0"), guider="tnorm"))
    assert course_of(rising) == sorted(course_of(rising), reverse=True)


def test_a_long_prompt_is_wrapped_not_cut_off(sweep_file, written) -> None:
    words = " ".join(f"word{i}" for i in range(25))
    render(experiments_of(sweep_file, prompt=f"[a cat, {words}]"))
    assert any("word24" in text for text in written)


def test_an_axis_that_does_not_vary_may_be_given_for_its_title(sweep_file) -> None:
    found = experiments_of(sweep_file)
    layout = arrange(found, rows="steps")
    assert layout.rows[0] == "steps"
    assert {heading_of(e, ["steps"]) for e in found} == {(("steps", found[0].steps),)}
    with pytest.raises(UserError, match="unknown axis"):
        arrange(found, rows="stesp")


@pytest.mark.slow
def test_the_grid_command(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(BASE + "steps: 2\nseed: [1, 2]\n")
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    shutil.rmtree(tmp_path / "r/grids")
    again = cli("grid", tmp_path / "r")
    assert again.code == 0
    assert Path(again.out.strip()).is_file()
    paged = cli("grid", tmp_path / "r", "--pages", "seed", "--rows", "guider", "--out", tmp_path / "sheet.png")
    assert paged.out.split() == [str(tmp_path / f"sheet-seed={seed}.png") for seed in (1, 2)]
    refused = cli("grid", tmp_path / "r", "--rows", "guidr")
    assert refused.code == 2
    assert "did you mean 'guider'?" in refused.err
    record = json.loads((tmp_path / "r/experiments.jsonl").read_text().splitlines()[0])
    (tmp_path / "r" / record["image"]).unlink()
    assert cli("grid", tmp_path / "r").code == 0


def test_grid_of_what_is_no_run(cli, tmp_path: Path) -> None:
    refused = cli("grid", tmp_path)
    assert refused.code == 2
    assert "not a run folder" in refused.err


def test_titles_stay_within_their_column() -> None:
    """Words longer than a column are cut, and neighbours do not run into each other."""
    from PIL import ImageFont

    from cfgsweep.reports.grid_sheet import wrapped

    font = ImageFont.load_default(15)
    for text in ("кот сидит на дереве", "猫が木の上に座っている", "القط يجلس على الشجرة", "हिन्दी में बिल्ली का चित्र"):
        lines, face = wrapped(text, 100, 15)
        assert 60 < max(face.width(line) for line in lines) <= 100
        assert "".join("".join(lines).split()) == "".join(text.split())
    for text in ("cosine min_val=0 num_warmup_steps=10", "W" * 40, "a b c", "autoguidance layers=[mid,up.0]"):
        lines, _ = wrapped(text, 100, 15)
        assert lines
        assert all(font.getlength(line) <= 100 for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.fixture
def begun(cli, labelled: Path, tmp_path: Path, sweep_file) -> Path:
    """A run of three pages, of which the first has pictures."""
    text = f"name: g\nmodel: {labelled}\nlabel: 0\nsteps: 1\nguider: cfg\nvalue: {{linspace: [1, 5, 1000]}}\n"
    assert cli("run", sweep_file(text), "--out", tmp_path / "r", "--limit", 2, "--quiet").code == 0
    return tmp_path / "r"


def test_pages_without_pictures_are_drawn_where_they_are_asked_for(cli, begun: Path) -> None:
    assert [path.name for path in (begun / "grids").iterdir()] == ["g.png"]
    assert len(cli("grid", begun).out.split()) == 1
    assert len(cli("grid", begun, "--empty-pages").out.split()) == 3
    assert len(cli("grid", begun).out.split()) == 1
    assert [path.name for path in (begun / "grids").iterdir()] == ["g.png"]


def test_the_first_page_is_drawn_without_any_picture(cli, begun: Path) -> None:
    (begun / "experiments.jsonl").write_text("")
    for picture in begun.glob("images/*.png"):
        picture.unlink()
    drawn = cli("grid", begun)
    assert (drawn.code, drawn.out.split()) == (0, [str(begun / "grids/g.png")])


def test_one_page_is_in_memory_at_a_time(cli, begun: Path, monkeypatch) -> None:
    made, most = list[weakref.ref](), list[int]()
    draw = write.paint

    def counted(*given) -> Image.Image:
        gc.collect()
        most.append(sum(one() is not None for one in made))
        page = draw(*given)
        made.append(weakref.ref(page))
        return page

    monkeypatch.setattr(write, "paint", counted)
    assert cli("grid", begun, "--empty-pages").code == 0
    assert most == [0, 0, 0]


def test_pictures_are_loaded_one_at_a_time(sweep_file) -> None:
    """Those of a page with many large pictures need not fit into memory at once."""
    made, most = list[weakref.ref](), list[int]()

    def counted(experiment: Experiment) -> Image.Image:
        most.append(sum(one() is not None for one in made))
        image = coloured(experiment)
        made.append(weakref.ref(image))
        return image

    experiments = experiments_of(sweep_file, "seed: {range: [1, 5, 1]}\n")
    layout = arrange(experiments)
    paint(page_drawing(pages_of("g", experiments, layout)[0], layout, counted))
    assert max(most) <= 2


def users_picture(path: Path) -> bytes:
    Image.new("RGB", (30, 20), "teal").save(path)
    return path.read_bytes()


@pytest.mark.slow
def test_no_picture_of_the_users_is_removed_or_overwritten(cli, begun: Path, tmp_path: Path) -> None:
    grids, own = begun / "grids", {}
    for name in ("g-2024.png", "g-2.png", "g-metrics.png", "g-9.png"):
        own[name] = users_picture(grids / name)
    kept = shutil.copy(grids / "g.png", grids / "g-7.png")  # a drawing of ours that the user keeps under another name
    assert cli("grid", begun).code == 0
    assert {name: (grids / name).read_bytes() for name in own} == own
    assert Path(kept).exists()
    told = cli("grid", begun, "--empty-pages")
    assert told.code == 0
    assert "g-2.before.png" in told.err
    assert (grids / "g-2.before.png").read_bytes() == own["g-2.png"]
    users_picture(grids / "g.png")
    assert "g.before.png" in cli("grid", begun).err
    Image.new("RGB", (30, 20), "teal").save(grids / "g.png", "JPEG")
    assert "g.before2.png" in cli("grid", begun).err
    (grids / "g.png").write_bytes((grids / "g.png").read_bytes()[:100])  # a damaged drawing
    assert not cli("grid", begun).err

    holiday = users_picture(tmp_path / "holiday-2.png")
    refused = cli("grid", begun, "--empty-pages", "--out", tmp_path / "holiday.png")
    assert refused.code == 2
    assert "holiday-2.png" in refused.err
    assert (tmp_path / "holiday-2.png").read_bytes() == holiday
    assert not (tmp_path / "holiday.png").exists()
    for _ in range(2):  # pages of its own are overwritten
        assert cli("grid", begun, "--empty-pages", "--out", tmp_path / "sheet.png").code == 0


def test_a_drawing_of_version_0_1_is_replaced_where_it_shows_the_same(cli, begun: Path) -> None:
    """It does not say inside that it is one."""
    Image.open(begun / "grids/g.png").save(begun / "grids/g.png")
    assert not cli("grid", begun).err
    assert [path.name for path in (begun / "grids").iterdir()] == ["g.png"]


def test_another_picture_in_the_place_of_one_is_not_drawn(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(BASE + "steps: 2\nseed: [1, 2]\n")
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    first = min((tmp_path / "r" / "images").iterdir())
    Image.new("RGB", Image.open(first).size, "red").save(first)
    done = cli("grid", tmp_path / "r", "--out", tmp_path / "g.png")
    assert done.code == 0
    assert done.err.count(f"images/{first.name} is not the picture that its record has") == 1
    assert (255, 0, 0) not in {colour for _, colour in Image.open(tmp_path / "g.png").getcolors(2**24) or ()}


def test_a_plot_of_a_part_has_its_own_file_and_title(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(BASE + "steps: 2\nmetrics: [contrast]\n")
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    for words in ([], ["--where", "guider=tnorm"]):
        assert cli("grid", tmp_path / "r", "--plot", "--format", "svg", "--title", "Mine", *words).code == 0
    plots = {file.name: file.read_text() for file in (tmp_path / "r" / "grids").glob("*-metrics.svg")}
    assert sorted(name.partition("-")[2] for name in plots) == ["guider=tnorm-metrics.svg", "metrics.svg"]
    assert all(">Mine<" in text for text in plots.values())
