"""Stars and rejections on a page: keys, buttons, storage, filters, and what is exported."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from cfgsweep.sweep.exclude_entries import entry_values
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.sweep.titles import axis_label, varying
from tests.pages.browser.synthetic import head, write
from tests.support.browser import saved_by

SWEEP = """\
name: marked
model: emoji
prompt: ["a: {cat} # 1", "null"]
seed: [1, 2]
guider: [cfg, {cfg: {stop: 0.5}}, {apg: {eta: 0.5}}]
value: [0.1, 3]
"""


def picture(page: Any, cell: int) -> Any:
    return page.locator(f"[data-cell='{cell}']")


def mark(page: Any, cell: int, name: str) -> Any:
    return picture(page, cell).get_by_role("button", name=name)


def is_pressed(button: Any) -> bool:
    return button.get_attribute("aria-pressed") == "true"


def focus(page: Any, cell: int) -> None:
    picture(page, cell).get_by_role("button").first.focus()


def test_keys_star_and_reject_and_storage_keeps_it(page_of, synthetic) -> None:
    page = page_of(synthetic)
    focus(page, 0)
    page.keyboard.press("f")
    focus(page, 80)
    page.keyboard.press("x")
    assert is_pressed(mark(page, 0, "Star (f)"))
    assert is_pressed(mark(page, 80, "Reject (x)"))
    page.get_by_role("button", name="cfg, value 1, seed 0, euler, starred", exact=True).wait_for()
    page.get_by_text("Marked: ★ 1 ✕ 1").wait_for()
    page.reload()
    page.get_by_text("Marked: ★ 1 ✕ 1").wait_for()
    focus(page, 80)
    page.keyboard.press("x")
    page.keyboard.press("Control+x")  # a key of the browser
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()
    kept = page.evaluate("Object.keys(localStorage)")
    assert sorted(kept)[0] == "cfgsweep marks of data/plan-0.js"
    assert [one.startswith("cfgsweep page /") for one in sorted(kept)[1:]] == [True]
    page.get_by_label("Filter", exact=True).press_sequentially("xf")
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()


def test_buttons_mark_where_the_pointer_is(page_of, synthetic) -> None:
    page = page_of(synthetic)
    picture(page, 16).hover()
    mark(page, 16, "Star (f)").click()
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()
    assert "open=" not in page.evaluate("location.href")
    mark(page, 16, "Reject (x)").click()
    page.get_by_text("Marked: ★ 0 ✕ 1").wait_for()


def test_small_pictures_have_signs_in_place_of_buttons(page_of, synthetic) -> None:
    page = page_of(synthetic, "#zoom=48")
    focus(page, 0)
    page.keyboard.press("f")
    sign = picture(page, 0).locator(".starred").bounding_box()
    assert sign["width"] <= 16
    assert sign["height"] <= 16
    box = picture(page, 0).bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + 4)
    page.get_by_role("dialog").wait_for()
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()


def test_a_touch_marks_nothing_that_is_not_seen(page_of, synthetic) -> None:
    phone = {"viewport": {"width": 400, "height": 800}, "is_mobile": True, "has_touch": True}
    page = page_of(synthetic, **phone)
    box = picture(page, 0).bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 8, box["y"] + 8)
    page.get_by_role("dialog").wait_for()
    assert page.locator(".grid .marks [aria-pressed='true']").count() == 0


def test_keys_in_the_large_view(page_of, synthetic) -> None:
    page = page_of(synthetic, f"#open={16:016x}")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("f")
    assert is_pressed(page.get_by_role("dialog").get_by_role("button", name="Star (f)"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(f"open={24:016x}"))
    page.keyboard.press("x")
    assert is_pressed(page.get_by_role("dialog").get_by_role("button", name="Reject (x)"))
    page.keyboard.press("Escape")
    page.get_by_text("Marked: ★ 1 ✕ 1").wait_for()


def test_marks_filter(page_of, synthetic) -> None:
    page = page_of(synthetic)
    for cell, key in ((0, "f"), (16, "f"), (24, "x")):
        focus(page, cell)
        page.keyboard.press(key)
    page.get_by_role("button", name="starred", exact=True).click()
    assert page.locator("#filter-says").inner_text() == "2 of 480 cells"
    assert "filter=starred" in page.evaluate("location.href")
    focus(page, 16)
    page.keyboard.press("f")
    assert page.locator("#filter-says").inner_text() == "1 of 480 cells"
    page.get_by_label("Filter", exact=True).fill("not rejected")
    assert page.locator("#filter-says").inner_text() == "479 of 480 cells"


def test_without_storage_marks_work_and_it_is_told(page_of, synthetic) -> None:
    page = page_of(synthetic)
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied'); }})")
    page.reload()
    focus(page, 0)
    page.keyboard.press("f")
    page.get_by_text("Marked: ★ 1 ✕ 0").click()
    page.get_by_text("This browser keeps no marks").wait_for()


def test_marks_are_downloaded_as_json(page_of, synthetic) -> None:
    page = page_of(synthetic)
    for cell, key in ((0, "f"), (24, "x")):
        focus(page, cell)
        page.keyboard.press(key)
    page.get_by_text("Marked: ★ 1 ✕ 1").click()
    name, text = saved_by(page, page.get_by_role("button", name="Download as JSON").click)
    assert name == "synthetic-marks.json"
    assert json.loads(text) == {"starred": [f"{0:016x}"], "rejected": [f"{24:016x}"]}


@pytest.fixture(scope="module")
def experiments(tmp_path_factory) -> list[Experiment]:
    return expanded(tmp_path_factory.mktemp("sweep"), SWEEP)


def expanded(folder: Path, text: str) -> list[Experiment]:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return expand(*read_sweep(path))


@pytest.fixture(scope="module")
def of_sweep(tmp_path_factory, front: Path, experiments: list[Experiment]) -> Path:
    """The page of a sweep of which nothing is computed yet."""
    folder = tmp_path_factory.mktemp("runs") / "sweep #1%é"
    shutil.copytree(front, folder / "page")
    (folder / "page/data").mkdir()
    axes, codes = [], {}
    for name in varying(experiments):
        values = list(dict.fromkeys(e.value_of(name) for e in experiments))
        codes[name] = [values.index(e.value_of(name)) for e in experiments]
        titles = [axis_label(name, value) for value in values]
        entries = entry_values(name, values)
        made = [
            {"title": title, "text": title, "number": None, "entry": entries[place]}
            for place, title in enumerate(titles)
        ]
        axes.append({"name": name, "label": name, "values": made})
    plan = {"ids": [e.id for e in experiments], "axes": codes, "described": axes}
    write(folder / "page", "data/plan-0.js", plan)
    write(folder / "page", "data.js", {**head([]), "metrics": [], "transitions": []})
    return folder


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 2))])
def test_the_exported_block_leaves_out_exactly_what_is_rejected(
    page_of, of_sweep, experiments, tmp_path, seed: int
) -> None:
    count = len(experiments)
    assert count == math.prod([2, 2, 3, 2])
    rejected = set(random.Random(seed).sample(range(count), 1 + 7 * seed))
    address = "#rows=prompt,guider&columns=seed,value"
    page = page_of(of_sweep, address, permissions=["clipboard-read", "clipboard-write"])
    for cell in rejected:
        focus(page, cell)
        page.keyboard.press("x")
    page.get_by_text(f"Marked: ★ 0 ✕ {len(rejected)}").click()
    page.get_by_role("button", name="Copy rejected as exclude").click()
    page.get_by_text("Copied: paste it into the sweep file.").wait_for()
    block = page.evaluate("navigator.clipboard.readText()")
    left = expanded(tmp_path, SWEEP + block)
    assert [e.id for e in left] == [e.id for cell, e in enumerate(experiments) if cell not in rejected]
    assert len(yaml.safe_load(block)["exclude"]) <= len(rejected)


def test_where_copying_is_denied_the_block_is_shown(page_of, of_sweep) -> None:
    page = page_of(of_sweep)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_text("Marked: ★ 0 ✕ 0").click()
    page.get_by_role("button", name="Copy rejected as exclude").click()
    page.get_by_text("No picture is rejected.").wait_for()
    page.keyboard.press("Escape")
    focus(page, 0)
    page.keyboard.press("x")
    page.get_by_text("Marked: ★ 0 ✕ 1").click()
    page.get_by_role("button", name="Copy rejected as exclude").click()
    assert page.locator(".marks-export textarea").input_value().startswith("exclude:\n  - {prompt: ")
