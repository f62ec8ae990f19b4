"""Chromium for pages that are opened from files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SETTLE = 10  # milliseconds after each action: what it changes is drawn with the next frame


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """The browser that CFGSWEEP_TEST_BROWSER names, or Debian's. The test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = os.environ.get("CFGSWEEP_TEST_BROWSER") or shutil.which("chromium")
    if not program:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=program, args=["--no-sandbox", *arguments], slow_mo=SETTLE)
        yield found
        found.close()


@contextmanager
def opened(browser: Any, file: Path, address: str = "", allowed: tuple[str, ...] = (), **options: Any) -> Iterator[Any]:
    """A file in a window of its own. address: `#…`. It fails where the page says something on its console but what
    contains one of `allowed`, raises an error, or requests anything over a network."""
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
