"""Pages as the tool writes them, of a real run: in the run folder, in a folder to give away, and in one file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import cfgsweep
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from tests.support.browser import opened


@pytest.mark.parametrize("kind", ["run", "single", pytest.param("folder", marks=pytest.mark.slow)])
def test_a_page_shows_its_pictures(kind: str, real: Path, browser: Any, tmp_path: Path) -> None:
    """All of them are decoded, and one is shown large with its record. A folder and a file work away from the run."""
    if kind == "run":
        page = Path(cfgsweep.page(real))
    else:
        copy = Path(shutil.copytree(real, tmp_path / "copy"))
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


def test_an_axis_that_another_one_decides_has_no_slider(real: Path, browser: Any) -> None:
    """`value` is zipped with the guider: its values are below those of the guider, and no cell is empty."""
    with opened(browser, Path(cfgsweep.page(real))) as window:
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


def test_each_button_copies_what_makes_the_picture_again(real: Path, browser: Any, tmp_path: Path) -> None:
    page = Path(cfgsweep.page(real))
    permissions = ["clipboard-read", "clipboard-write"]
    with opened(browser, page, permissions=permissions) as window:
        window.get_by_role("gridcell").first.get_by_role("button").first.click()
        opened_id = re.search("open=([0-9a-f]{16})", window.evaluate("location.href"))[1]
        texts = {}
        for name in ("sweep file", "Python", "diffusers", "A1111"):
            window.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
            window.get_by_text(f"Copied: {name}").wait_for()
            texts[name] = window.evaluate("navigator.clipboard.readText()")
    (tmp_path / "one.yaml").write_text(texts["sweep file"])
    assert [e.id for e in expand(*read_sweep(tmp_path / "one.yaml"))] == [opened_id]
    for name in ("Python", "diffusers"):
        compile(texts[name], name, "exec")
    assert "Steps: 2" in texts["A1111"]
