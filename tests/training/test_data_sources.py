"""Training data in all its forms, and the errors for damaged or unsuitable data."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_digits

from cfgsweep.errors import UserError
from cfgsweep.training.config import Data
from cfgsweep.training.data.captioned import read_captioned
from cfgsweep.training.data.labelled import read_labelled
from cfgsweep.training.data.sources import read_rows


def png(shade: int, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, (shade,) * len(mode) if len(mode) > 1 else shade).save(file, "PNG")
    return file.getvalue()


def deep() -> bytes:
    """A PNG with 16 bits per channel."""
    file = io.BytesIO()
    Image.fromarray(np.full((10, 12), 40_000, np.uint16)).save(file, "PNG")
    return file.getvalue()


def parquet(path: Path, rows: list[dict]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def rows_of(labels: list, **of_the_picture) -> list[dict]:
    return [
        {"image": {"bytes": png(n, **of_the_picture), "path": f"{n}.png"}, "label": x} for n, x in enumerate(labels)
    ]


def write_idx(path: Path, values: np.ndarray, packed: bool = False) -> None:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    content = head + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.fixture
def idx(tmp_path: Path) -> Path:
    """A folder of MNIST as torchvision has it, with the test part gzipped."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, count, end in (("train", 30, ""), ("t10k", 10, ".gz")):
        pictures = np.arange(count * 28 * 28).reshape(count, 28, 28) % 251
        write_idx(folder / f"{part}-images-idx3-ubyte{end}", pictures, bool(end))
        write_idx(folder / f"{part}-labels-idx1-ubyte{end}", np.arange(count) % 10, bool(end))
    return tmp_path


def test_digits_equal_those_of_scikit_learn(tmp_path: Path) -> None:
    training, held_out = read_labelled(Data(name="digits"))
    assert len(training) + len(held_out) == 1797
    assert 150 < len(held_out) < 210
    assert training.pixels.shape[1:] == (1, 8, 8)
    assert training.pixels.max() == 255
    found = load_digits()
    levels = training.pixels[:, 0].double().numpy() * 16 / 255
    match = np.abs(found.images[:, None] - levels[None, :3]).max((2, 3)).argmin(0)
    assert found.target[match].tolist() == training.labels[:3].tolist()
    assert torch.equal(read_labelled(Data(name="digits"))[0].labels, training.labels)
    assert read_labelled(Data(name="digits", size=16))[0].pixels.shape[1:] == (1, 16, 16)


def test_mnist_is_read_from_idx_files_packed_or_not(idx: Path) -> None:
    training, held_out = read_labelled(Data(name="mnist", path=idx))
    assert training.pixels.shape == (30, 1, 28, 28)
    assert held_out.pixels.shape == (10, 1, 28, 28)
    assert training.pixels[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert training.labels[:12].tolist() == [*range(10), 0, 1]
    assert read_labelled(Data(name="fashion-mnist", path=idx))[0].names[9] == "ankle boot"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.unlink(), ["no such file", "train-labels-idx1-ubyte"]),
        (lambda p: p.write_bytes(p.read_bytes()[:-3]), ["cut short", "27 bytes for 30"]),
        (lambda p: p.write_bytes(b"<html>"), ["not an IDX file", "3c 68"]),
        (lambda p: p.write_bytes(b"\0\0\x08\x01\0"), ["cut short"]),
        (lambda p: write_idx(p, np.arange(29) % 10), ["29 labels for 30 pictures"]),
        (lambda p: write_idx(p, np.arange(30) % 11), ["not a label", "row 10"]),
        (lambda p: write_idx(p, np.arange(30) % 9), ["no training picture has these labels", "9"]),
    ],
)
def test_damaged_idx_files_are_named(idx: Path, damage, words: list[str]) -> None:
    damage(idx / "MNIST/raw/train-labels-idx1-ubyte")
    with pytest.raises(UserError) as caught:
        read_labelled(Data(name="mnist", path=idx))
    for word in words:
        assert word in str(caught.value)


def test_a_folder_of_folders_has_their_names_as_labels(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for n in range(8):
            (tmp_path / label / f"{n}.png").write_bytes(png(20 * n))
    training, held_out = read_labelled(Data(path=tmp_path, held_out=0.3))
    assert training.names == held_out.names == ["cat", "dog"]
    assert training.pixels.shape[1:] == (3, 10, 12)
    assert len(training) + len(held_out) == 16
    assert set(training.labels.tolist()) == {0, 1}


def test_a_folder_with_metadata_has_texts(tmp_path: Path) -> None:
    for n in range(12):
        (tmp_path / f"{n}.png").write_bytes(png(n))
    lines = "\n".join(f"{n}.png,thing number {n}" for n in range(12))
    (tmp_path / "metadata.csv").write_text(f"file_name,text\n{lines}\n")
    training, held_out = read_captioned(Data(path=tmp_path, held_out=0.3))
    labels = sorted(entry.label for part in (training, held_out) for entry in part.entries)
    assert labels == sorted(f"thing number {n}" for n in range(12))
    shades = {entry.label: int(p[0, 0, 0]) for p, entry in zip(training.pixels, training.entries, strict=True)}
    assert all(label == f"thing number {shade}" for label, shade in shades.items())


@pytest.mark.parametrize(
    ("labels", "names"),
    [([0, 2, 1] * 6, ["0", "1", "2"]), (["b", "a", "c"] * 6, ["a", "b", "c"])],
)
def test_a_parquet_file_has_numbers_or_names(tmp_path: Path, labels: list, names: list[str]) -> None:
    path = parquet(tmp_path / "p.parquet", rows_of(labels, mode="L"))
    training, held_out = read_labelled(Data(path=path, held_out=0.3))
    assert training.names == names
    assert training.pixels.shape[1:] == (1, 10, 12)
    for part in (training, held_out):
        for pixels, label in zip(part.pixels, part.labels.tolist(), strict=True):
            assert names[label] == str(labels[int(pixels[0, 0, 0])])


def test_pictures_are_cut_to_a_size_and_laid_over_white(tmp_path: Path) -> None:
    rows = rows_of([0, 1] * 6)
    rows[3]["image"]["bytes"] = png(0, (40, 20), "RGBA")  # fully transparent
    training, held_out = read_labelled(Data(path=parquet(tmp_path / "p.parquet", rows), size=16, held_out=0.3))
    everything = torch.cat([training.pixels, held_out.pixels])
    assert everything.shape == (12, 3, 16, 16)
    assert any((pixels == 255).all() for pixels in everything)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "RGB", "RGBA", "P"])
def test_pictures_reduced_one_by_one_equal_those_reduced_at_the_end(tmp_path: Path, mode: str) -> None:
    """The mode of all pictures, L or RGB, is known at the end, but each is reduced when it is decoded."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 30, 4), np.uint8)
    channels = 4 if "A" in mode else 3
    images = [Image.fromarray(one[..., :channels]).convert(mode) for one in noise]
    rows = rows_of([0, 1] * 6)
    for row, image in zip(rows, images, strict=True):
        file = io.BytesIO()
        image.save(file, "PNG")
        row["image"]["bytes"] = file.getvalue()
    training, held_out = read_labelled(Data(path=parquet(tmp_path / "p.parquet", rows), size=16, held_out=0.3))
    found = torch.cat([training.pixels, held_out.pixels])
    expected = []
    for image in images:
        if "A" in mode:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = image.convert("L" if mode in ("L", "1") else "RGB")
        expected.append(np.asarray(ImageOps.fit(image, (16, 16), Image.Resampling.BICUBIC)))
    ours = found.permute(0, 2, 3, 1).squeeze(-1).numpy()
    assert sorted(one.tobytes() for one in ours) == sorted(one.tobytes() for one in expected)


@pytest.mark.filterwarnings("error")  # Pillow's own, that it is large
@pytest.mark.parametrize("size", [16, None])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, size: int | None) -> None:
    """One of 169 megapixels, in 21 KB, among small ones or in front of them."""
    rows = rows_of([0, 1] * 6)
    rows[0 if size is None else 7]["image"] = {"bytes": png(0, (13_000, 13_000), "1"), "path": "huge.png"}
    path = parquet(tmp_path / "p.parquet", rows)
    with pytest.raises(UserError, match="too large a picture") as caught:
        read_labelled(Data(path=path, size=size, held_out=0.3))
    for word in ("huge.png", "13000x13000", "67108864"):
        assert word in str(caught.value)


def test_a_row_has_a_reduced_picture(tmp_path: Path) -> None:
    """Pictures as they are in their files are not kept in memory."""
    path = parquet(tmp_path / "p.parquet", rows_of([0, 1] * 6, size=(300, 200)))
    rows = read_rows(Data(path=path, size=16, held_out=0.3), "label")
    assert {row.image.size for row in rows.all} == {(16, 16)}


def with_row(rows: list[dict], number: int, **changes) -> list[dict]:
    return [{**row, **(changes if n == number else {})} for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            with_row(rows_of([0, 1] * 6), 7, image={"bytes": b"nothing", "path": "7.png"}),
            ["row 7, 7.png", "not a picture"],
        ),
        (with_row(rows_of([0, 1] * 6), 7, image={"bytes": png(1)[:50], "path": "7.png"}), ["row 7", "not a picture"]),
        (with_row(rows_of([0, 1] * 6), 7, image={"bytes": deep(), "path": "7.png"}), ["row 7", "more than 8 bits"]),
        (with_row(rows_of([0, 1] * 6), 7, image=None), ["row 7", "not a picture"]),
        (with_row(rows_of([0, 1] * 6), 7, label=None), ["row 7", "not a label"]),
        (with_row(rows_of([0, 1] * 6), 7, label=-1), ["row 7", "-1"]),
        (rows_of([0, 1] * 6)[:6] + rows_of([0, 1] * 6, size=(9, 9))[6:], ["different sizes", "9x9", "data.size"]),
        ([{"picture": 1, "label": 2}], ["column", "image"]),
        ([{"image": {"bytes": png(1), "path": ""}, "lable": 2}], ["column", "did you mean 'lable'?"]),
        (rows_of([0]), ["there is no held-out picture"]),
    ],
)
def test_errors_name_the_row(tmp_path: Path, rows: list[dict], words: list[str]) -> None:
    path = parquet(tmp_path / "p.parquet", rows)
    with pytest.raises(UserError) as caught:
        read_labelled(Data(path=path, held_out=0.3))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.write_text("x"), lambda p: None])
def test_a_path_without_data_is_refused(tmp_path: Path, make) -> None:
    path = tmp_path / "place"
    make(path)
    with pytest.raises(UserError, match="data"):
        read_labelled(Data(path=path))


def test_without_a_network_mnist_needs_a_folder(monkeypatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"give data.path"):
        read_labelled(Data(name="mnist"))
