"""Pages as the tool writes them, of a real run: in the run folder, in a folder to give away, and in one file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import cfgsweep
from tests.support.browser import opened
from tests.support.run_state import run_of

SWEEP = """\
name: real
model: digits
label: [0, 7]
seed: [1, 2]
steps: 2
guider: [cfg, cfg_zero, apg]
value: [2, 3, 2]
zip: [guider, value]
metrics: [contrast]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("a run #1 %é"))


@pytest.mark.parametrize("kind", ["run", "folder", "single"])
def test_a_page_shows_its_pictures(kind: str, run: Path, browser: Any, tmp_path: Path) -> None:
    """All of them are decoded, and one is shown large with its record. A folder and a file work away from the run."""
    if kind == "run":
        page = Path(cfgsweep.page(run))
    else:
        copy = Path(shutil.copytree(run, tmp_path / "copy"))
        out = tmp_path / ("given away.html" if kind == "single" else "given away")
        page = Path(cfgsweep.page(copy, out=out, single=kind == "single"))
        shutil.rmtree(copy)
    with opened(browser, page) as window:
        window.wait_for_selector("[role=gridcell] img")
        decoded = "[...document.querySelectorAll('[role=gridcell] img')].every(i => i.complete && i.naturalWidth > 0)"
        window.wait_for_function(decoded)
        assert window.locator("[role=gridcell] img").count() >= 3
        assert window.get_by_text("apg").count() >= 1
        window.locator("[role=gridcell]").first.click()
        window.wait_for_selector("dialog[open] img")
        window.wait_for_function(
            "[...document.querySelectorAll('dialog img')].every(i => i.complete && i.naturalWidth > 0)"
        )
        assert window.locator("dialog").get_by_text("contrast").count() >= 1


def test_an_axis_that_another_one_decides_has_no_slider(run: Path, browser: Any) -> None:
    """`value` is zipped with the guider: its values are below those of the guider, and no cell is empty."""
    with opened(browser, Path(cfgsweep.page(run))) as window:
        window.wait_for_selector("[role=gridcell] img")
        assert window.locator(".axis-slider").all_inner_texts() != []
        assert not any("value" in text for text in window.locator(".axis-slider").all_inner_texts())
        assert window.locator("[role=gridcell] img").count() == window.locator("[role=gridcell]").count()
        window.locator("[role=gridcell]").first.click()
        title = window.locator("#viewer-title")
        assert title.inner_text().endswith("cfg · value 2")
        window.keyboard.press("ArrowRight")
        assert title.inner_text().endswith("cfg_zero · value 3")
        window.get_by_role("button", name="Next guider").click()
        assert "apg" in title.inner_text()
