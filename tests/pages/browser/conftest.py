"""The page of a run in Chromium and, slower, in Firefox, from its file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.large import FIRST, id_of, write_large
from tests.pages.browser.synthetic import write_run
from tests.support.browser import chromium, firefox, is_firefox, opened
from tests.support.run_state import run_of

PageOf = Callable[..., Any]

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


@pytest.fixture(scope="package", params=["chromium", pytest.param("firefox", marks=pytest.mark.slow)])
def browser(request) -> Iterator[Any]:
    """Every test is run in both."""
    with chromium() if request.param == "chromium" else firefox() as found:
        yield found


@pytest.fixture
def chromium_alone(browser: Any) -> None:
    """For tests of what Playwright does in no other browser: fingers, a mouse beyond the window, printing, requests of
    files."""
    if is_firefox(browser):
        pytest.skip("Playwright does not do this in Firefox")


@pytest.fixture(scope="session")
def front() -> Path:
    """The front end's built files, which CI compares with a build of its source."""
    return Path(str(files("cfgsweep.pages"))) / "dist"


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory, front: Path) -> Path:
    """A folder with the page of a run of 6 guiders, 10 values, 4 seeds and 2 samplers; its name is no plain one."""
    folder = tmp_path_factory.mktemp("runs") / "run #1%é of 2"
    write_run(folder, [6, 10, 4, 2])
    shutil.copytree(front, folder / "page", dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def real(tmp_path_factory) -> Path:
    """A run of the sweep."""
    return run_of(SWEEP, tmp_path_factory.mktemp("a run #1 %é"))


@pytest.fixture
def page_of(browser) -> Iterator[PageOf]:
    """A function that opens the page in a folder, at an address (`#…`); the page may say nothing and fetch nothing.

    ready: what is waited for."""
    with ExitStack() as windows:

        def open_page(
            folder: Path, address: str = "", allowed: tuple[str, ...] = (), ready: str = "main *", **options: Any
        ) -> Any:
            options = {"viewport": {"width": 1600, "height": 1000}, **options}
            page = windows.enter_context(opened(browser, folder / "page/index.html", address, allowed, **options))
            page.wait_for_selector(ready)
            return page

        yield open_page


@pytest.fixture(scope="session")
def large(tmp_path_factory, front: Path) -> Path:
    """A folder with the page of a run for tests of the large view."""
    folder = tmp_path_factory.mktemp("runs") / "run #1%é large"
    write_large(folder)
    shutil.copytree(front, folder / "page", dirs_exist_ok=True)
    return folder


@pytest.fixture
def viewer(page_of: PageOf, large: Path) -> PageOf:
    """A function that opens the large view of a cell, with further parts of the address."""

    def open_viewer(cell: int = FIRST, more: str = "", **options: Any) -> Any:
        page = page_of(large, f"#open={id_of(cell)}&{more}", **options)
        page.locator(".box img").first.wait_for()
        return page

    return open_viewer
