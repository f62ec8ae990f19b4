"""Fonts for texts of any script: Pillow's own, and where that has not all characters, those of matplotlib's manager.

matplotlib shapes text by libraqm, which comes with it: scripts that join letters or run from right to left are drawn
right whatever Pillow was built with.
"""

from __future__ import annotations

import functools
import io
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFont

from cfgsweep.system.display import SilentDisplay

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontPath
    from matplotlib.ft2font import FT2Font

FIRST = "DejaVu Sans"  # comes with matplotlib
PACKAGES = ("manimgx_fonts", "noto_cjk_sans_jp_regular")  # of the extra `fonts`: Noto fonts of many scripts, CJK, emoji
HINT = "pip install 'cfgsweep[fonts]' brings fonts of most scripts"
NO_TEXT = ("cm", "Last Resort", "STIXSize", "STIXNonUnicode")  # fonts of mathematics, and one of boxes
USUAL_WEIGHTS = (400, "normal", "regular")
NOT_IN_SUBSETS = ["FFTM", "avar", "cvar", "fvar", "gvar", "HVAR", "MVAR", "STAT", "VVAR"]  # of font files
INVISIBLE = ("Cf", "Cc", "Zs", "Zl", "Zp")  # categories of characters that need no glyph


@dataclass(frozen=True)
class Face:
    """Fonts at one size in pixels.

    families: of matplotlib's manager; the first that has a character draws it. With none it is Pillow's own font.
    """

    size: int
    families: tuple[str, ...] = ()

    @property
    def own(self) -> ImageFont.FreeTypeFont:
        """Pillow's own font at this size. Its ascent and descent are those of all faces."""
        return _own(self.size)

    def width(self, text: str) -> float:
        """The width of a line in pixels."""
        if not self.families:
            return self.own.getlength(text)
        return float(self._shaped(text).get_width_height()[0]) / 64  # FreeType counts in 64ths of a pixel

    def mask(self, text: str) -> tuple[Image.Image, int]:
        """How opaque each pixel of a line is (mode L), and how many pixels of its height are below the baseline."""
        shaped = self._shaped(text)
        shaped.draw_glyphs_to_bitmap(antialiased=True)
        return Image.fromarray(shaped.get_image()), round(shaped.get_descent() / 64)

    def files(self) -> list[FontPath]:
        """The font file of every family."""
        return [path for family in self.families if (path := _files().get(family)) is not None]

    def subset(self, characters: Iterable[str]) -> bytes:
        """A font file with these characters alone, of Pillow's own font or of the first family."""
        from fontTools.subset import Options, Subsetter
        from fontTools.ttLib import TTFont

        file = self.files()[0] if self.families else None
        source = file.path if file is not None else io.BytesIO(self.own.font_bytes)
        font = TTFont(source, fontNumber=file.face_index if file is not None else -1, recalcTimestamp=False)
        options = Options(layout_features="*")
        options.drop_tables += NOT_IN_SUBSETS
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=sorted(map(ord, characters)))
        subsetter.subset(font)
        written = io.BytesIO()
        font.save(written)
        return written.getvalue()

    def _shaped(self, text: str) -> FT2Font:
        from matplotlib.font_manager import get_font
        from matplotlib.ft2font import LoadFlags

        font = get_font(self.files())
        font.set_size(self.size, 72)
        font.set_text(text, 0, flags=LoadFlags.NO_HINTING)
        return font


def face_of(text: str, size: int) -> tuple[str, Face]:
    """The text as it can be drawn, and with what. Characters of no font are spelled, as U+732B, with a notice."""
    if all(character.isascii() or _is_own(character) for character in text):
        return text, Face(size)
    spelled = spell_unknown(text)
    return spelled, Face(size, families_of(spelled))


def families_of(text: str) -> tuple[str, ...]:
    """The families of matplotlib's manager that have the characters of a text, the usual one first."""
    found = (_family_of(character) for character in dict.fromkeys(text))
    return tuple(dict.fromkeys([FIRST, *(family for family in found if family is not None)]))


def spell_unknown(text: str) -> str:
    """The text with `U+732B` in the place of every character that no font has, and a notice the first time."""
    unknown = [c for c in dict.fromkeys(text) if not c.isascii() and not _is_invisible(c) and _family_of(c) is None]
    for character in unknown:
        text = text.replace(character, _spelled(character))
    if new := [f"{c} ({_spelled(c)})" if c.isprintable() else _spelled(c) for c in unknown if c not in _told]:
        _told.update(unknown)
        shown = ", ".join(new[:5]) + (", …" if len(new) > 5 else "")
        SilentDisplay().notice(f"no font here has {shown}, drawn by number: {HINT}")
    return text


def set_fonts(figure: Figure) -> None:
    """Gives the texts of a matplotlib figure fonts that have their characters."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if isinstance(text, Text) and not text.get_text().isascii():
            text.set_text(spell_unknown(text.get_text()))
            text.set_fontfamily(list(families_of(text.get_text())))


_told: set[str] = set()  # characters of which a notice was given


def _spelled(character: str) -> str:
    return f"U+{ord(character):04X}"


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in INVISIBLE or unicodedata.name(character, "").startswith("VARIATION SEL")


@functools.lru_cache(16)
def _own(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # Pillow without FreeType has none of any size
        raise ImportError("Pillow was built without FreeType")
    return font


@functools.cache
def _is_own(character: str) -> bool:
    """Has Pillow's own font this character? What it has not is drawn as it draws one that is none."""
    return bytes(_own(15).getmask(character)) != bytes(_own(15).getmask("\uffff"))


@functools.cache
def _family_of(character: str) -> str | None:
    """A family that has the character; None where there is none, or nothing is to be seen of it."""
    if character.isascii() or _is_invisible(character):
        return None
    return next((family for family in _families() if ord(character) in _characters(family)), None)


@functools.cache
def _families() -> list[str]:
    """All families, in the order in which they are looked at: matplotlib's, those of the packages, the system's."""
    from_packages = [_added(path) for path in _package_files()]
    return list(dict.fromkeys([FIRST, *from_packages, *sorted(_files())]))


def _package_files() -> Iterator[Path]:
    """Font files of the packages that are installed; those are not imported."""
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            yield from sorted(path for path in Path(folder).iterdir() if path.suffix in (".ttf", ".otf"))


def _added(path: Path) -> str:
    """Makes a font known to matplotlib; its family."""
    from matplotlib.font_manager import fontManager

    fontManager.addfont(path)
    _files.cache_clear()
    return fontManager.ttflist[-1].name


@functools.cache
def _files() -> dict[str, FontPath]:
    """The file of every family's usual style, as matplotlib chooses it."""
    from matplotlib.font_manager import FontProperties, fontManager

    names = {font.name for font in fontManager.ttflist if _is_usual(font)}
    return {name: fontManager.findfont(FontProperties(family=[name]), fallback_to_default=False) for name in names}


def _is_usual(font: Any) -> bool:
    """Is it upright and neither light nor bold, for text, and drawn by outlines?"""
    is_text = not font.name.startswith(NO_TEXT) and "color" not in font.name.lower()
    return is_text and font.style == "normal" and font.weight in USUAL_WEIGHTS


@functools.lru_cache(64)
def _characters(family: str) -> frozenset[int]:
    """The code points that a family has; none where its file cannot be read."""
    from matplotlib.ft2font import FT2Font

    if (file := _files().get(family)) is None:
        return frozenset()
    try:
        return frozenset(FT2Font(file.path, face_index=file.face_index).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
