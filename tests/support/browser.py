"""Chromium and Firefox for pages that are opened from files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SETTLE = 10  # milliseconds after each action: what it changes is drawn with the next frame
# Of Firefox. A profile for automation lets a file read its neighbours, which a user's does not; and without a screen
# there is no mouse: 6 is one that points exactly and hovers.
LIKE_A_USERS = {
    "security.fileuri.strict_origin_policy": True,
    "ui.primaryPointerCapabilities": 6,
    "ui.allPointerCapabilities": 6,
}
# What Firefox is not told over WebDriver BiDi, with what it does by itself.
USUAL = {"color_scheme": "light", "reduced_motion": "no-preference", "has_touch": False, "is_mobile": False}

DRIVERS: list[Any] = []  # the one that runs


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """The browser that CFGSWEEP_TEST_BROWSER names, or Debian's."""
    program = os.environ.get("CFGSWEEP_TEST_BROWSER") or shutil.which("chromium")
    with started("chromium", program, args=["--no-sandbox", *arguments]) as found:
        yield found


@contextmanager
def firefox(preferences: dict[str, Any] | None = None, **options: Any) -> Iterator[Any]:
    """Debian's Firefox ESR, by WebDriver BiDi. preferences: those of `about:config`."""
    settings = {"channel": "moz-firefox", "firefox_user_prefs": LIKE_A_USERS | (preferences or {})}
    with started("firefox", shutil.which("firefox-esr"), **settings, **options) as found:
        yield found


@contextmanager
def started(kind: str, program: str | None, **options: Any) -> Iterator[Any]:
    """Where there is no such browser, the test is skipped, but in CI, which installs it, it fails."""
    if not program and os.environ.get("CI"):
        pytest.fail(f"no {kind} is installed")
    if not program:
        pytest.skip(f"no {kind} is installed")
    with driver() as playwright, tempfile.TemporaryDirectory() as folder:
        options = {"executable_path": program, "slow_mo": SETTLE, "downloads_path": folder, **options}
        found = getattr(playwright, kind).launch(**options)
        found.downloads = Path(folder)
        yield found
        found.close()


@contextmanager
def driver() -> Iterator[Any]:
    """Playwright, of which a thread can have one alone."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if DRIVERS:
        yield DRIVERS[0]
        return
    with playwright.sync_playwright() as found:
        DRIVERS.append(found)
        try:
            yield found
        finally:
            DRIVERS.clear()


def is_firefox(browser: Any) -> bool:
    return browser.browser_type.name == "firefox"


@contextmanager
def opened(browser: Any, file: Path, address: str = "", allowed: tuple[str, ...] = (), **options: Any) -> Iterator[Any]:
    """A file in a window of its own. address: `#…`. It fails where the page says something on its console but what
    contains one of `allowed`, raises an error, or requests anything over a network."""
    left_out = [name for name, usual in USUAL.items() if options.get(name, usual) != usual]
    if is_firefox(browser) and left_out:
        pytest.skip(f"Playwright does not set {left_out[0]} in Firefox")
    context = browser.new_context(**options)
    told: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: told.append(f"{message.text} {message.location.get('url', '')}"))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url[:99]) if request.url.startswith("http") else None)
    page.goto(file.as_uri() + address)
    try:
        yield page
    finally:
        context.close()
    left = [one for one in told if not any(text in one for text in allowed)]
    if left:
        pytest.fail(f"The page said or requested: {left}")


def saved_by(page: Any, action: Callable[[], None]) -> tuple[str, str]:
    """The name and the text of the file that an action saves."""
    browser = page.context.browser
    if not is_firefox(browser):
        with page.expect_download() as download:
            action()
        return download.value.suggested_filename, Path(download.value.path()).read_text()
    action()  # whose download Playwright does not tell of
    for _ in range(200):
        for path in browser.downloads.glob("*"):
            if path.suffix != ".part" and (text := path.read_text()):
                path.unlink()
                return path.name, text
        page.wait_for_timeout(50)
    raise AssertionError("nothing was saved")
