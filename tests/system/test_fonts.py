"""Texts of any script are drawn as what they are, and characters of no font by their number."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from PIL import Image, ImageFont, features

from cfgsweep.storage.png import as_image
from cfgsweep.system import fonts
from cfgsweep.system.fonts import Face, face_of

DEJAVU = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
TEXTS = {
    "é café": ("DejaVu Sans", DEJAVU),
    "Кот": ("DejaVu Sans", DEJAVU),
    "שלום עולם": ("DejaVu Sans", DEJAVU),
    "القط": ("DejaVu Sans", DEJAVU),
    "a cat שלום, a dog": ("DejaVu Sans", DEJAVU),
    "猫と犬": ("Noto Sans CJK JP", "noto_cjk_sans_jp_regular/NotoSansCJKjp-Regular.otf"),
    "한국": ("Noto Sans CJK JP", "noto_cjk_sans_jp_regular/NotoSansCJKjp-Regular.otf"),
    "🦊🦉": ("Noto Emoji", "manimgx_fonts/NotoEmoji[wght].ttf"),
    "हिन्दी": ("Noto Sans Devanagari", "manimgx_fonts/NotoSansDevanagari[wght].ttf"),
}


def file_of(place: Path | str) -> Path:
    if isinstance(place, Path):
        return place
    package, name = place.split("/")
    return Path(find_spec(package).submodule_search_locations[0]) / name


def ink(mask: np.ndarray) -> np.ndarray:
    """What is drawn, cut to its edges and brought to one size."""
    rows, columns = np.nonzero(mask.max(axis=1))[0], np.nonzero(mask.max(axis=0))[0]
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(cut).resize((200, 60))).astype(float).ravel()


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow cannot draw the references without raqm")
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_drawn_as_pillow_draws_it_with_raqm(text: str) -> None:
    """Also where letters are joined or run from right to left; ours needs no raqm of Pillow's."""
    family, place = TEXTS[text]
    drawn, face = face_of(text, 60)
    assert drawn == text
    assert family in face.families
    mask, below = face.mask(text)
    font = ImageFont.truetype(str(file_of(place)), 60)
    bitmap = font.getmask(text, "L")
    reference = np.asarray(bitmap, dtype=np.uint8).reshape(bitmap.size[::-1])
    assert np.corrcoef(ink(np.asarray(mask)), ink(reference))[0, 1] > 0.9
    assert face.width(text) == pytest.approx(font.getlength(text), rel=0.05)
    assert 0 <= below < 30


@pytest.mark.parametrize("text", ["value 0.1", "a · b …", "T-Norm “x”"])
def test_pillow_s_own_font_stays_where_it_has_all_characters(text: str) -> None:
    assert face_of(text, 15) == (text, Face(15))
    assert Face(15).width(text) == ImageFont.load_default(15).getlength(text)


@pytest.fixture
def dejavu_alone(monkeypatch) -> Iterator[None]:
    """As on a machine without other fonts."""
    monkeypatch.setattr(fonts, "_families", lambda: ["DejaVu Sans"])
    monkeypatch.setattr(fonts, "_told", set())
    fonts._family_of.cache_clear()
    yield
    fonts._family_of.cache_clear()


def test_a_character_of_no_font_is_spelled_and_told_once(dejavu_alone, capsys) -> None:
    spelled = {"a 猫": "a U+732B", "猫🦊 Кот": "U+732BU+1F98A Кот", "a\u200d猫": "a\u200dU+732B"}
    assert {text: face_of(text, 15)[0] for text in spelled} == spelled
    told = capsys.readouterr().err
    assert (told.count("猫 (U+732B)"), told.count("🦊 (U+1F98A)")) == (1, 1)
    assert "cfgsweep[fonts]" in told


def test_plots_have_the_same_fonts(capsys) -> None:
    figure = Figure()
    figure.subplots().set_title("猫 🐱 שלום é")
    figure.suptitle("\ue123")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_image(figure)
    assert figure.get_suptitle() == "U+E123"
    assert "U+E123" in capsys.readouterr().err


def test_a_subset_has_the_characters_alone() -> None:
    for face in (Face(1), Face(1, ("DejaVu Sans",)), Face(1, ("Noto Sans CJK JP",)), Face(1, ("Noto Emoji",))):
        character = {(): "a", ("Noto Emoji",): "🦊"}.get(face.families, "é")
        content = face.subset({character})
        assert set(TTFont(io.BytesIO(content)).getBestCmap()) == {ord(character)}
        assert face.subset({character}) == content
