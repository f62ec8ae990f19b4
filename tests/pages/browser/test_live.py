"""The page of a run that goes on: it says how far it is, and shows what comes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.large import read, wait_until
from tests.pages.browser.synthetic import write

NOTES_ITSELF = "(window.parsed ??= []).push({});"


def change_head(folder: Path, **changes: Any) -> None:
    write(folder / "page", "data.js", read(folder / "page", "data.js") | changes)


def rows_of(results: dict[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """The part of a file of results that some of its cells have."""

    def part(column: dict[str, Any]) -> dict[str, Any]:
        kinds = column.keys() & {"each", "codes"}
        return column | {kind: [column[kind][row] for row in rows] for kind in kinds}

    columns = {name: part(results[name]) for name in ("thumb", "colour", "reason")}
    fields = {name: part(column) for name, column in results["fields"].items()}
    return {**results, **columns, "fields": fields, "at": [results["at"][row] for row in rows]}


def write_segments(folder: Path) -> list[str]:
    """Splits the results into even and odd seeds; each file notes that it was run."""
    page, results = folder / "page", read(folder / "page", "data/results-0.js")
    names = []
    for parity in (0, 1):
        names.append(f"data/results-{parity}.js")
        rows = [row for row, cell in enumerate(results["at"]) if cell // 2 % 2 == parity]
        write(page, names[-1], rows_of(results, rows))
        with (page / names[-1]).open("a") as file:
            file.write(NOTES_ITSELF.format(parity))
    return names


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


def test_what_comes_is_added_and_the_view_keeps_its_place(page_of, synthetic, tmp_path: Path) -> None:
    """Every file of results is run once."""
    folder = tmp_path / "grows é"
    shutil.copytree(synthetic, folder)
    first, second = write_segments(folder)
    change_head(folder, state="running", poll=100, results=[first])
    page = page_of(folder, "#rows=guider,seed&columns=value&zoom=200&filter=not+failed")
    window = page.locator(".grid-window")
    window.evaluate("one => one.scrollTo(350, 900)")
    there, waiting = (f"apg momentum=-0.5 eta=0 norm_threshold=15, value 3, seed {seed}, euler" for seed in (0, 1))
    page.get_by_role("button", name=there, exact=True).focus()
    assert page.get_by_role("button", name=f"{waiting}: not there yet").count() == 1
    place = window.evaluate("one => [one.scrollLeft, one.scrollTop]")
    assert min(place) > 0
    change_head(folder, state="running", poll=100, results=[first, second])
    page.get_by_role("button", name=waiting, exact=True).locator("img").wait_for()
    change_head(folder, state="done", results=[first, second])
    page.locator("header .progress").wait_for(state="detached")
    assert window.evaluate("one => [one.scrollLeft, one.scrollTop]") == place
    assert page.evaluate("document.activeElement.ariaLabel") == there
    assert "zoom=200" in page.evaluate("location.href")
    assert page.evaluate("window.parsed") == [0, 1]


@pytest.mark.slow
def test_a_head_that_is_damaged_for_a_moment_is_read_again(page_of, synthetic, tmp_path: Path) -> None:
    folder = tmp_path / "goes on"
    shutil.copytree(synthetic, folder)
    change_head(folder, state="running", poll=100)
    page = page_of(folder, allowed=("ERR_FILE_NOT_FOUND", "data.js"))
    content = json.dumps(read(folder / "page", "data.js") | {"state": "done"})
    asked = "(window.asked ??= []).push(document.currentScript.src)"
    (folder / "page/data.js").write_text(asked)
    wait_until(page, lambda: len(page.evaluate("window.asked ?? []")) > 1)
    assert page.locator("header .progress").count() == 1
    (folder / "page/data.js").write_text(f'cfgsweepPage("data.js",{content})')
    page.locator("header .progress").wait_for(state="detached")


@pytest.mark.slow
def test_it_says_nothing_of_a_run_that_is_done(page_of, synthetic) -> None:
    assert page_of(synthetic).locator(".progress").count() == 0


def test_a_run_that_gets_more_values_keeps_what_is_chosen_and_marked(page_of, synthetic, tmp_path: Path) -> None:
    folder = tmp_path / "gets more"
    shutil.copytree(synthetic, folder)
    change_head(folder, state="running", poll=100)
    page = page_of(folder, "#rows=guider&columns=sampler&at.value=2&hide.guider=1")
    first = "cfg, value 2, seed 0, euler"
    page.get_by_role("button", name=first, exact=True).focus()
    page.keyboard.press("f")
    page.evaluate("document.querySelector('.grid-window').scrollTo(0, 40)")
    plan = read(folder / "page", "data/plan-0.js")
    axes = plan["described"]
    axes[1]["values"].insert(0, {"title": "value 0.5", "text": "0.5", "number": 0.5})
    axes[0]["values"].insert(0, {"title": "new", "text": "new", "number": None})
    codes = {**plan["axes"], **{name: [one + 1 for one in plan["axes"][name]] for name in ("guider", "value")}}
    more = {"ids": ["new", *plan["ids"]], "axes": {name: [0, *values] for name, values in codes.items()}}
    write(folder / "page", "data/plan-1.js", {**more, "described": axes})
    for name in read(folder / "page", "data.js")["results"]:
        results = read(folder / "page", name)
        write(folder / "page", name.replace("-", "-of-more-"), {**results, "at": [one + 1 for one in results["at"]]})
    names = [name.replace("-", "-of-more-") for name in read(folder / "page", "data.js")["results"]]
    change_head(folder, plan="data/plan-1.js", results=names)
    page.get_by_role("rowheader", name="new").wait_for()
    page.get_by_role("button", name=f"{first}, starred", exact=True).wait_for()
    assert "hide.guider=2" in page.evaluate("location.href")
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()
    page.reload()
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()


def test_a_damaged_page_says_so(page_of, synthetic, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(synthetic, folder)
    (folder / "page/data.js").write_text('cfgsweepPage("data.js", {"format": 1')
    page = page_of(folder, allowed=("SyntaxError", "Unexpected", "missing }"), ready=".failure")
    assert page.get_by_role("alert").inner_text() == (
        "The page cannot be read: data.js is damaged. `cfgsweep page` writes it again."
    )
