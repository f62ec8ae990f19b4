"""Firefox as some users have set it: less motion, dark, and without storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.axe import violations
from tests.pages.browser.large import VIDEO, colours, id_of, wait_for
from tests.support.browser import firefox, opened

pytestmark = pytest.mark.slow
SETTINGS = {"ui.prefersReducedMotion": 1, "ui.systemUsesDarkTheme": 1, "dom.storage.enabled": False}


@pytest.fixture(scope="module")
def set_otherwise() -> Iterator[Any]:
    with firefox(SETTINGS) as found:
        yield found


def test_it_is_dark_and_axe_finds_nothing(set_otherwise, large: Path) -> None:
    with opened(set_otherwise, large / "page/index.html") as page:
        page.locator(".grid img").first.wait_for()
        dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)")
        assert max(dark[:3]) < 60
        assert violations(page) == []


def test_videos_stay_still_and_marks_last_as_long_as_the_page(set_otherwise, large: Path) -> None:
    with opened(set_otherwise, large / "page/index.html", f"#open={id_of(VIDEO)}") as page:
        page.locator(".box img, .box canvas").first.wait_for()
        assert len(colours(page)) == 1
        page.get_by_role("button", name="Play the video").click()
        wait_for(page, VIDEO)
        page.keyboard.press("f")
        page.keyboard.press("Escape")
        page.get_by_text("Marked: ★ 1 ✕ 0").click()
        page.get_by_text("This browser keeps no marks").wait_for()
