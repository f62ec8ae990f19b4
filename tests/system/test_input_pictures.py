"""Pictures that users give are read as they are shown; what is no picture, or too large a one, is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.system import input_pictures
from cfgsweep.system.input_pictures import input_picture
from tests.support.hostile_files import POSTSCRIPT, bomb
from tests.support.pickles import Payload

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def pixels(path: Path) -> np.ndarray:
    image, _ = input_picture(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def test_rgb_is_left_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(np.stack([RAMP, RAMP.T, RAMP], axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), np.stack([RAMP, RAMP.T, RAMP], axis=2))


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (10, 200, 30, 255))
    image.paste((1, 2, 3, 0), (0, 0, 4, 8))
    image.save(tmp_path / "a.png")
    found = pixels(tmp_path / "a.png")
    assert (found[:, :4] == 255).all()
    assert (found[:, 4:] == (10, 200, 30)).all()
    Image.new("LA", (8, 8), (0, 0)).save(tmp_path / "grey.png")
    assert (pixels(tmp_path / "grey.png") == 255).all()


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.paste(0, (0, 0, 4, 8))
    image.save(tmp_path / "a.png", transparency=0)
    found = pixels(tmp_path / "a.png")
    assert (found[:, :4] == 255).all()
    assert (found[:, 4:] == (200, 10, 20)).all()


def test_it_is_turned_as_its_orientation_says(tmp_path: Path) -> None:
    image, exif = Image.new("RGB", (16, 8), "red"), Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    image.save(tmp_path / "a.jpg", exif=exif)
    assert input_picture(tmp_path / "a.jpg")[0].size == (8, 16)


def test_of_16_bits_the_upper_8_are_taken(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), np.stack([RAMP] * 3, axis=2))


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_files_of_equal_bytes_have_one_hash(tmp_path: Path, ending: str) -> None:
    Image.fromarray(RAMP).save(tmp_path / f"a.{ending}")
    (tmp_path / "copy").write_bytes((tmp_path / f"a.{ending}").read_bytes())
    assert input_picture(tmp_path / f"a.{ending}")[1] == input_picture(tmp_path / "copy")[1]


def cut(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:-1000])


def postscript(path: Path) -> None:
    path.write_bytes(POSTSCRIPT)


def pickled(path: Path) -> None:
    import pickle

    path.write_bytes(pickle.dumps(Payload(path.parent / "code-was-run")))


HOSTILE: list[tuple[Callable[[Path], None], str]] = [
    (bomb, "too large a picture|not a whole picture"),
    (cut, "not a whole picture"),
    (postscript, "not a picture of a kind that is read: PNG, JPEG, WEBP"),
    (pickled, "not a picture of a kind that is read"),
    (lambda path: path.write_bytes(b""), "not a picture of a kind that is read"),
    (lambda path: path.mkdir(), "a folder, not a picture"),
    (lambda path: None, "no such picture file"),
]


@pytest.mark.parametrize(("write", "said"), HOSTILE)
def test_what_is_no_picture_is_refused(
    tmp_path: Path, write: Callable[[Path], None], said: str, ghostscript: Path
) -> None:
    write(tmp_path / "a.png")
    with pytest.raises(UserError, match=said) as refused:
        input_picture(tmp_path / "a.png")
    assert str(tmp_path / "a.png") in str(refused.value)
    assert not ghostscript.exists()
    assert not (tmp_path / "code-was-run").exists()


def test_bounds_of_pixels_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (64, 32)).save(tmp_path / "a.png")
    monkeypatch.setattr(input_pictures, "MOST_PIXELS", 64 * 32 - 1)
    with pytest.raises(UserError, match="too large a picture") as refused:
        input_picture(tmp_path / "a.png")
    assert "64x32" in str(refused.value)
    monkeypatch.setattr(input_pictures, "MOST_BYTES", 20)
    with pytest.raises(UserError, match="too large a file"):
        input_picture(tmp_path / "a.png")
