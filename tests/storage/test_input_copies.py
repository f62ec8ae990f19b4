"""Copies of input files are taken over from the folder that has them whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cfgsweep.storage.input_copies import DIGITS, copy_inputs, is_copy


def test_a_damaged_copy_is_taken_from_another_folder(tmp_path: Path) -> None:
    content = b"a picture"
    place = Path(hashlib.sha256(content).hexdigest()[:DIGITS]) / "x.png"
    for folder, found in (("first", b"a pict"), ("second", content)):
        (tmp_path / folder / place).parent.mkdir(parents=True)
        (tmp_path / folder / place).write_bytes(found)
    copy_inputs([tmp_path / "first"], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "run" / place).parent.mkdir(parents=True)
    (tmp_path / "run" / place).write_bytes(b"damaged since")
    copy_inputs([tmp_path / "first", tmp_path / "second"], tmp_path / "run")
    assert is_copy(tmp_path / "run" / place)
