"""What the page of a run that goes on says of how far it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.pages.browser.synthetic import write


def change_head(folder: Path, **changes: Any) -> None:
    text = (folder / "page/data.js").read_text("utf-8")
    head = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    write(folder / "page", "data.js", head | changes)


def test_it_says_how_far_the_run_is_until_it_is_done(page_of, synthetic, tmp_path: Path) -> None:
    folder = tmp_path / "goes on"
    shutil.copytree(synthetic, folder)
    change_head(folder, state="running", poll=200)
    page = page_of(folder)
    progress = page.locator("header .progress")
    assert "478 of 480 done, 1 of them failed, running" in progress.inner_text()
    assert progress.get_by_role("status").inner_text() == "90 % done, running"
    change_head(folder, state="done")
    progress.wait_for(state="detached")


def test_it_says_nothing_of_a_run_that_is_done(page_of, synthetic) -> None:
    assert page_of(synthetic).locator(".progress").count() == 0
