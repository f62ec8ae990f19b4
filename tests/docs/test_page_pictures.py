"""The script that writes the pages of the gallery and their pictures for the README."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts import build_page_pictures as script
from tests.support.browser import chromium

pytestmark = pytest.mark.slow
ROOM = 12_000_000  # bytes of the gallery with its pages


def test_every_run_has_a_page_and_no_picture_is_blank(tmp_path: Path) -> None:
    with chromium():  # or the test is skipped
        pass
    gallery = tmp_path / "gallery"
    shutil.copytree(script.GALLERY, gallery)
    script.main(gallery, tmp_path)
    for run in gallery.iterdir():
        assert (run / "page/data.js").is_file(), run.name
        assert len(list((run / "page/thumbs").iterdir())) > 1, run.name
    assert sum(path.stat().st_size for path in gallery.rglob("*") if path.is_file()) < ROOM
    for shot in script.SHOTS:
        path = tmp_path / f"{shot.name}.webp"
        with Image.open(path) as picture:
            assert picture.size == shot.window
            shown = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        assert path.stat().st_size < 150_000
        assert len(np.unique(shown // 16, axis=0)) > 100, shot.name  # colours, some of which WebP adds
        assert 0.1 < np.mean(shown.min(axis=1) < 240) < 0.95, shot.name
