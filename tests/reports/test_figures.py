"""Grids as figures: PNG, PDF and SVG files of one layout, and the options of how they look."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw
from pypdf import PdfReader

import cfgsweep
from cfgsweep.reports.drawing import Drawing, Line, Picture, Text
from cfgsweep.reports.drawing_pdf import write_pdf
from cfgsweep.reports.drawing_png import paint
from cfgsweep.reports.drawing_svg import write_svg
from cfgsweep.reports.grid_layout import arrange
from cfgsweep.reports.grid_render import page_drawing, pages_of
from cfgsweep.reports.grid_style import GridStyle
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep

GALLERY = Path(__file__).parents[2] / "outputs/gallery"
SVG = "{http://www.w3.org/2000/svg}"
BASE = "name: g\nmodel: emoji\nprompt: a cat\nguider: [tnorm, fullnorm]\nvalue: [0.1, 0.2, 0.3]\n"
SCHEDULES = "schedule: [{cosine: {min_val: 0.0}}, {cosine: {min_val: 0.0, match_mean: true}}]\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 20 pictures of 64 x 64 pixels."""
    return Path(shutil.copytree(GALLERY / "tnorm", tmp_path / "run"))


def experiments_of(sweep_file, extra: str = "", base: str = BASE) -> list[Experiment]:
    return expand(*read_sweep(sweep_file(base + extra)))


def noise(experiment: Experiment) -> Image.Image:
    """A picture of its own for every experiment, with an edge of one pixel and no symmetry."""
    pixels = np.random.default_rng(int(experiment.id[:8], 16)).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def drawn(experiments: list[Experiment], style: GridStyle | None = None, **axes) -> Drawing:
    style = style or GridStyle()
    layout = arrange(experiments, **axes, wrap=style.columns)
    (page,) = pages_of("g", experiments, layout, style.titles)
    return page_drawing(page, layout, noise, style)


def texts_of(drawing: Drawing) -> list[str]:
    return [item.text for item in drawing.items if isinstance(item, Text)]


def pdf_of(drawing: Drawing) -> bytes:
    file = io.BytesIO()
    write_pdf(drawing, file, "mark")
    return file.getvalue()


def svg_of(drawing: Drawing) -> bytes:
    file = io.BytesIO()
    write_svg(drawing, file, "mark")
    return file.getvalue()


def pictures_of_pdf(content: bytes) -> list[np.ndarray]:
    return [np.asarray(one.image.convert("RGB")) for one in PdfReader(io.BytesIO(content)).pages[0].images]


def pictures_of_svg(content: bytes) -> list[np.ndarray]:
    found = ElementTree.fromstring(content).iter(f"{SVG}image")
    data = (one.attrib["href"].removeprefix("data:image/png;base64,") for one in found)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB")) for one in data]


@pytest.mark.parametrize(("written", "read"), [(pdf_of, pictures_of_pdf), (svg_of, pictures_of_svg)])
@pytest.mark.parametrize("cell", [None, 20, 100], ids=["default", "reduced", "enlarged"])
def test_vector_files_have_the_pixels_of_the_pictures(sweep_file, written, read, cell) -> None:
    """Neither the scale of the page nor a smaller or larger cell changes them."""
    experiments = experiments_of(sweep_file)
    found = read(written(drawn(experiments, GridStyle(cell=cell))))
    assert len(found) == len(experiments)
    for picture, experiment in zip(found, experiments, strict=True):
        assert np.array_equal(picture, np.asarray(noise(experiment)))


def test_a_picture_of_few_colours_keeps_its_pixels_in_a_pdf(sweep_file) -> None:
    """matplotlib writes a palette for those."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 5, (9, 7, 3), dtype=np.uint8) * 50)
    (found,) = pictures_of_pdf(pdf_of(Drawing(50, 40, [Picture(3, 5, 14, 18, lambda: image)])))
    assert np.array_equal(found, np.asarray(image))


def test_texts_of_vector_files_can_be_searched(sweep_file) -> None:
    title, caption = "Кот, 猫 & <b> $x$", "a cat"
    drawing = drawn(experiments_of(sweep_file), GridStyle(title=title))
    of_svg = [one.text for one in ElementTree.fromstring(svg_of(drawing)).iter(f"{SVG}text")]
    assert of_svg == texts_of(drawing)
    of_pdf = PdfReader(io.BytesIO(pdf_of(drawing))).pages[0].extract_text()
    for text in (title, "tnorm", "fullnorm", "value 0.1", caption):
        assert text in of_pdf
        assert any(text in one for one in of_svg)


def test_schedules_are_lines_in_vector_files(sweep_file) -> None:
    drawing = drawn(experiments_of(sweep_file, SCHEDULES), rows="schedule")
    courses = [item for item in drawing.items if isinstance(item, Line)]
    assert courses
    assert len(list(ElementTree.fromstring(svg_of(drawing)).iter(f"{SVG}polyline"))) == len(courses)
    without = Drawing(drawing.width, drawing.height, [item for item in drawing.items if item not in courses])
    segments = sum(len(one.points) - 1 for one in courses)
    assert line_segments(drawing) - line_segments(without) == segments


def test_an_svg_file_has_its_fonts(sweep_file) -> None:
    """So that a browser draws every character as it is, on any machine."""
    drawing = drawn(experiments_of(sweep_file), GridStyle(title="猫 and Кот 🦊"))
    style = next(ElementTree.fromstring(svg_of(drawing)).iter(f"{SVG}style")).text
    found = re.findall(r"font-family: '([^']+)'; src: url\(data:font/sfnt;base64,([^)]+)\)", style)
    fonts = {family: set(TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap()) for family, data in found}
    assert list(fonts) == ["DejaVu Sans", "Noto Sans CJK JP", "Noto Emoji", "Aileron"]
    assert set(map(ord, "and Кот")) <= fonts["DejaVu Sans"]
    assert ord("猫") in fonts["Noto Sans CJK JP"]
    assert ord("🦊") in fonts["Noto Emoji"]
    assert set(map(ord, "value 0.1 · tnorm")) <= fonts["Aileron"]


def test_characters_that_xml_does_not_have_are_left_out(sweep_file) -> None:
    drawing = drawn(experiments_of(sweep_file), GridStyle(title="a\x07b"))
    assert "ab" in [one.text for one in ElementTree.fromstring(svg_of(drawing)).iter(f"{SVG}text")]


def line_segments(drawing: Drawing) -> int:
    """How many there are in the drawing as a PDF."""
    return [o for _, o in PdfReader(io.BytesIO(pdf_of(drawing))).pages[0].get_contents().operations].count(b"l")


def test_curves_of_schedules_have_one_scale(sweep_file) -> None:
    """A cosine that keeps its mean begins twice as high as one that does not, and is drawn so."""
    experiments = experiments_of(sweep_file, SCHEDULES, BASE.replace("[tnorm, fullnorm]", "tnorm"))
    drawing = drawn(experiments, rows="schedule", cols="value")
    curves = [item.points for item in drawing.items if isinstance(item, Line) and len(item.points) > 2]
    usual, matched = (max(y for _, y in points) - min(y for _, y in points) for points in curves)
    assert matched == pytest.approx(2 * usual, rel=0.05)


def test_the_line_at_zero_is_at_zero(sweep_file) -> None:
    text = "schedule: [{cosine: {min_val: -1.0}}, {cosine: {min_val: 0.5}}]\n"
    drawing = drawn(experiments_of(sweep_file, text, BASE.replace("[0.1, 0.2, 0.3]", "1.0")), rows="schedule")
    lines = [item for item in drawing.items if isinstance(item, Line)]
    zeros = {round(item.points[0][1]) for item in lines if len(item.points) == 2}
    assert zeros == {24 / 2}  # in the middle of -1 to 1


def test_a_picture_is_where_its_title_is_in_all_files(sweep_file) -> None:
    drawing = drawn(experiments_of(sweep_file))
    places = [(item.x, item.y, item.width, item.height) for item in drawing.items if isinstance(item, Picture)]
    images = ElementTree.fromstring(svg_of(drawing)).iter(f"{SVG}image")
    assert [tuple(float(one.attrib[key]) for key in ("x", "y", "width", "height")) for one in images] == places
    placed = []
    PdfReader(io.BytesIO(pdf_of(drawing))).pages[0].extract_text(
        visitor_operand_before=lambda operator, _, matrix, __: operator == b"Do" and placed.append(matrix)
    )
    assert [(m[4], drawing.height - m[5] - m[3], m[0], m[3]) for m in placed] == [pytest.approx(one) for one in places]


@pytest.mark.parametrize("written", [pdf_of, svg_of])
def test_the_same_grid_is_the_same_bytes(sweep_file, written, monkeypatch) -> None:
    """No dates, no names of temporary files, no random numbers."""
    drawing = drawn(experiments_of(sweep_file, SCHEDULES), GridStyle(title="猫 é"))
    first = written(drawing)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert written(drawing) == first
    assert b"Date" not in first


def test_the_gallery_s_grid_is_drawn_with_its_pixels() -> None:
    """A grid without options looks as it always did."""
    for name in ("tnorm", "windows"):
        was = Image.open(GALLERY / name / "grids" / f"{name}.png").convert("RGB")
        assert np.array_equal(np.asarray(cfgsweep.open_run(GALLERY / name).grid()), np.asarray(was))


def test_the_title_stands_above_and_the_caption_can_be_left_out(sweep_file) -> None:
    experiments = experiments_of(sweep_file)
    usual, plain = drawn(experiments), drawn(experiments, GridStyle(title="Norms of guidance", caption=False))
    assert texts_of(plain)[0] == "Norms of guidance"
    assert not any("a cat" in text for text in texts_of(plain))
    assert [text for text in texts_of(usual) if "·" not in text and "seed" not in text] == texts_of(plain)[1:]
    first = min(item.y for item in plain.items if isinstance(item, Picture))
    assert first > min(item.y for item in usual.items if isinstance(item, Picture))


def test_labels_stand_for_names_and_values(sweep_file) -> None:
    labels = {"value": "guidance scale", "guider.tnorm": "T-Norm", "value.0.3": "most", "seed": "", "prompt.a cat": "x"}
    texts = texts_of(drawn(experiments_of(sweep_file, "seed: [1, 2]\n"), GridStyle(labels=labels)))
    for text in ("guidance scale 0.1", "most", "T-Norm", "fullnorm", "1", "2"):
        assert text in texts
    assert any(text.startswith("g · x · ") for text in texts)


def test_a_label_of_a_guider_leaves_its_parameters(sweep_file) -> None:
    base = BASE.replace("[tnorm, fullnorm]", "{cfg: {stop: [0.6, 0.8]}}")
    texts = texts_of(drawn(experiments_of(sweep_file, base=base), GridStyle(labels={"guider.cfg": "CFG"})))
    assert {"CFG stop=0.6", "CFG stop=0.8"} <= set(texts)
    label = {"guider.cfg stop=0.6": "early"}
    texts = texts_of(drawn(experiments_of(sweep_file, base=base), GridStyle(labels=label)))
    assert {"early", "cfg stop=0.8"} <= set(texts)


def test_labels_of_a_sweep_file_are_drawn_and_change_no_id(sweep_file) -> None:
    labels = "labels: {guider.tnorm: T-Norm, value: guidance scale}\n"
    labelled, _ = read_sweep(sweep_file(BASE + labels))
    assert [e.id for e in expand(labelled, None)] == [e.id for e in experiments_of(sweep_file)]
    style = GridStyle(labels={"value": "scale"}, of_sweep=labelled.labels)
    assert {"T-Norm", "scale 0.1"} <= set(texts_of(drawn(experiments_of(sweep_file), style)))


def test_a_label_of_no_axis_is_refused_with_its_line(sweep_file) -> None:
    with pytest.raises(cfgsweep.UserError, match="did you mean 'guider'") as refused:
        read_sweep(sweep_file(BASE + "labels:\n  value: scale\n  guidr.tnorm: x\n"))
    assert "sweep.yaml:8" in str(refused.value)


def test_a_run_draws_the_labels_of_its_sweep_and_computes_nothing_for_others(
    cli, labelled: Path, tmp_path: Path, sweep_file, monkeypatch
) -> None:
    texts: list[str] = []
    draw = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda self, xy, text, *a, **k: (texts.append(text), draw(self, xy, text, *a, **k))
    )
    base = f"name: g\nmodel: {labelled}\nlabel: 0\nsteps: 1\nguider: cfg\nvalue: [1, 2]\n"
    assert cli("run", sweep_file(base + "labels: {value: s}\n"), "--out", tmp_path / "r").code == 0
    assert {"s 1", "s 2"} <= set(texts)
    again = cli("run", sweep_file(base + "labels: {value: w}\n"), "--out", tmp_path / "r")
    assert "2 of 2 pictures were there already" in again.out + again.err
    assert {"w 1", "w 2"} <= set(texts)
    texts.clear()
    assert cli("grid", tmp_path / "r", "--labels", "value.2=II").code == 0
    assert {"w 1", "II"} <= set(texts)


def test_a_grid_is_wrapped_where_it_is_told(sweep_file) -> None:
    base = BASE.replace("[tnorm, fullnorm]", "tnorm").replace("[0.1, 0.2, 0.3]", "{linspace: [0.1, 0.7, 7]}")

    def columns(columns: int | None, extra: str = "") -> list[int]:
        drawing = drawn(experiments_of(sweep_file, extra, base), GridStyle(columns=columns))
        rows: dict[float, int] = {}
        for item in drawing.items:
            if isinstance(item, Picture):
                rows[item.y] = rows.get(item.y, 0) + 1
        return list(rows.values())

    assert columns(None) == [7]
    assert columns(3) == [3, 3, 1]
    assert columns(30) == [7]
    assert columns(4, "seed: [1, 2]\n") == [4, 4, 3, 3]


def test_sizes_of_texts_and_cells(sweep_file) -> None:
    experiments = experiments_of(sweep_file)
    large = drawn(experiments, GridStyle(font_size=30, cell=200))
    assert {item.face.size for item in large.items if isinstance(item, Text)} == {30, 26}
    assert {(item.width, item.height) for item in large.items if isinstance(item, Picture)} == {(200, 133)}
    corners = sorted({item.x for item in large.items if isinstance(item, Picture)})
    assert corners[1] - corners[0] == 200 + 12
    sheet, (x, y) = paint(large), next((i.x, i.y) for i in large.items if isinstance(i, Picture))
    shown = noise(experiments[0]).resize((192, 128), Image.Resampling.NEAREST)  # enlarged by a whole number
    assert np.array_equal(np.asarray(sheet)[y + 2 : y + 130, x + 4 : x + 196], np.asarray(shown))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"font_size": 0}, "font_size"),
        ({"cell": 1.5}, "cell"),
        ({"columns": True}, "columns"),
        ({"labels": {"guidr.tnorm": "x"}}, "did you mean 'guider'"),
        ({"labels": {"guider.": "x"}}, "guider.tnorm"),
        ({"labels": {"seed.1": 1}}, "not a text"),
        ({"format": "bmp"}, "png"),
        ({"out": "a.tif"}, ".pdf"),
        ({"out": "a.pdf", "format": "svg"}, "two formats"),
    ],
)
def test_wrong_options_are_refused(run: Path, tmp_path: Path, options: dict, problem: str) -> None:
    options = {**options, "out": tmp_path / options["out"]} if "out" in options else options
    with pytest.raises(cfgsweep.UserError, match=problem):
        cfgsweep.grid(run, **options)
    assert not list(tmp_path.glob("a.*"))


def test_the_command_takes_all_options(cli, run: Path) -> None:
    words = ("--title", "Norms", "--labels", "guider.tnorm=T-Norm", "--labels", "value=guidance scale = w")
    drawn = cli("grid", run, "--format", "pdf", *words, "--font-size", 12, "--cell", 72, "--no-caption", "--columns", 5)
    assert drawn.code == 0
    text = PdfReader(Path(drawn.out.strip())).pages[0].extract_text()
    assert "Norms" in text
    assert "T-Norm" in text
    assert "scale = w" in text
    assert "seed 1024" not in text
    refused = cli("grid", run, "--labels", "guider.tnorm")
    assert (refused.code, "KEY=TEXT" in refused.err) == (2, True)
    assert "none of the pictures" in cli("grid", run, "--labels", "guider.tnrm=x").err


@pytest.mark.parametrize("content", [b"no picture", None])
def test_a_png_of_the_users_is_not_overwritten(cli, run: Path, tmp_path: Path, content: bytes | None) -> None:
    own = tmp_path / "holiday.png"
    if content is None:
        Image.new("RGB", (30, 20), "teal").save(own)
    else:
        own.write_bytes(content)
    was = own.read_bytes()
    assert cli("grid", run, "--out", own).code == 2
    assert own.read_bytes() == was
    (tmp_path / "figure.png").touch()
    for _ in range(2):
        assert cli("grid", run, "--out", tmp_path / "figure.png").code == 0


@pytest.mark.parametrize("kind", ["pdf", "svg"])
def test_vector_files_of_ours_are_replaced_and_no_others(cli, run: Path, tmp_path: Path, kind: str) -> None:
    place = run / "grids" / f"tnorm.{kind}"
    for _ in range(2):
        assert cli("grid", run, "--format", kind).out.split() == [str(place)]
    paged = cli("grid", run, "--format", kind, "--pages", "guider", "--rows", "value").out.split()
    assert len(paged) == 2
    assert cli("verify", run).out.strip().endswith("nothing is amiss")
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    assert f"tnorm.{kind}: damaged" in cli("verify", run).out
    place.write_bytes(b"my own file")
    assert f"tnorm.before.{kind} now" in cli("grid", run, "--format", kind).err
    assert (run / "grids" / f"tnorm.before.{kind}").read_bytes() == b"my own file"

    paper = tmp_path / f"paper.{kind}"
    paper.write_bytes(b"%PDF-1.5 years of work")
    refused = cli("grid", run, "--out", paper)
    assert (refused.code, paper.read_bytes()) == (2, b"%PDF-1.5 years of work")
    for _ in range(2):
        assert cli("grid", run, "--out", tmp_path / f"figure.{kind}").code == 0


def test_a_styled_grid_is_a_file_of_its_own(cli, run: Path) -> None:
    was = (run / "grids/tnorm.png").read_bytes()
    styled = {cli("grid", run, "--title", title).out.strip() for title in ("one", "two")}
    assert len(styled) == 2
    assert (run / "grids/tnorm.png").read_bytes() == was


def test_a_run_draws_with_the_same_options(run: Path) -> None:
    image = cfgsweep.open_run(run).grid(columns=5, cell=32, caption=False)
    assert image.width < 400
    with pytest.raises(TypeError):
        cfgsweep.open_run(run).grid(colums=5)
