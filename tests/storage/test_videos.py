"""Videos are kept as APNGs: no frame is lost, and what is not whole is not taken for a video."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cfgsweep.models.video import Video, chosen_frames, middle_frame
from cfgsweep.storage.decoding import OtherFrames, opened_picture
from cfgsweep.storage.png import hash_of_file, pixels_sha256, save_png
from cfgsweep.system.picture_files import TooManyPixels
from tests.support.hostile_files import with_chunk

SIZE = 9, 7


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8))


BLACK, ONE, TWO = Image.new("RGB", SIZE), noise(1), noise(2)


def saved(frames: list[Image.Image], path: Path) -> Video:
    video = Video(tuple(frames), fps=8.0)
    save_png(video, path, texts={"said": "something"})
    return video


@pytest.mark.parametrize(
    "frames",
    [[ONE, TWO], [ONE, TWO, BLACK, ONE], [ONE, ONE, ONE], [BLACK, BLACK], [ONE, ONE, TWO, TWO, TWO, ONE, ONE]],
)
def test_every_frame_is_there_again(frames: list[Image.Image], tmp_path: Path) -> None:
    path = tmp_path / "v.png"
    video = saved(frames, path)
    again = opened_picture(path, SIZE, len(frames))
    assert isinstance(again, Video)
    assert [frame.tobytes() for frame in again.frames] == [frame.tobytes() for frame in frames]
    assert again.fps == 8
    all_pixels = b"".join(frame.tobytes() for frame in frames)
    assert hash_of_file(path) == pixels_sha256(video) == hashlib.sha256(all_pixels).hexdigest()


def test_a_reader_of_png_alone_shows_the_first_frame(tmp_path: Path) -> None:
    """Readers that do not know APNG go by IHDR and IDAT, and skip acTL, fcTL and fdAT."""
    path, plain = tmp_path / "v.png", tmp_path / "plain.png"
    saved([ONE, TWO, BLACK], path)
    data, kept, at = path.read_bytes(), b"\x89PNG\r\n\x1a\n", 8
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        if kind not in (b"acTL", b"fcTL", b"fdAT"):
            kept += data[at : at + 12 + length]
        at += 12 + length
    plain.write_bytes(kept)
    assert opened_picture(plain, SIZE, 1).tobytes() == ONE.tobytes()
    assert Image.open(path).text["said"] == "something"


def test_a_video_that_is_cut_off_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "v.png"
    sha256 = pixels_sha256(saved([ONE, TWO, BLACK, TWO], path))
    data = path.read_bytes()
    for end in [*range(0, len(data) - 20, 31), len(data) - 30]:
        path.write_bytes(data[:end])
        assert hash_of_file(path, SIZE, 4) is None, end
    path.write_bytes(data)
    assert hash_of_file(path, SIZE, 4) == sha256


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_another_number_of_frames_is_damage(frames: int, tmp_path: Path) -> None:
    saved([ONE, TWO, BLACK], tmp_path / "v.png")
    with pytest.raises(OtherFrames):
        opened_picture(tmp_path / "v.png", SIZE, frames)


@pytest.mark.parametrize("claimed", [2**14 + 1, 2**30])
def test_a_file_that_claims_too_many_frames_is_not_decoded(claimed: int, tmp_path: Path) -> None:
    path = tmp_path / "v.png"
    ONE.save(path)
    with_chunk(b"acTL", struct.pack(">II", claimed, 0), 33)(path)
    with pytest.raises(TooManyPixels):
        opened_picture(path)
    assert hash_of_file(path) is None


def test_large_frames_are_counted_together(tmp_path: Path) -> None:
    """2**24 pixels are few for one picture, and too many 65 times."""
    path = tmp_path / "v.png"
    Image.new("RGB", (4096, 4096)).save(path)
    assert hash_of_file(path) is not None
    with_chunk(b"acTL", struct.pack(">II", 65, 0), 33)(path)
    with pytest.raises(TooManyPixels):
        opened_picture(path)


def test_frames_are_chosen_evenly() -> None:
    frames = tuple(Image.new("RGB", SIZE, (shade, 0, 0)) for shade in range(9))

    def shades(count: int, of: int = 9) -> list[int]:
        return [frame.getpixel((0, 0))[0] for frame in chosen_frames(Video(frames[:of], 8), count)]

    assert [shades(1), shades(2), shades(3), shades(5)] == [[4], [0, 8], [0, 4, 8], [0, 2, 4, 6, 8]]
    assert shades(20) == list(range(9))
    assert shades(3, of=2) == [0, 1]
    assert middle_frame(ONE) is ONE
    assert chosen_frames(ONE, 5) == [ONE]
