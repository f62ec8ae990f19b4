"""The grid of a page: axes, headings, keys, zoom, hidden values, many cells, phone, print."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.axe import violations
from tests.pages.browser.large import wait_until
from tests.pages.browser.synthetic import GUIDERS, HOSTILE, REASON, write_run
from tests.support.browser import is_firefox
from tests.support.run_state import run_of


def cell(page: Any, name: str) -> Any:
    return page.locator(".grid").get_by_role("button", name=name, exact=True)


def place(page: Any) -> str | None:
    """The name of what has the focus."""
    return page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")


def test_it_shows_pictures_and_why_there_is_none(page_of, synthetic) -> None:
    page = page_of(synthetic, "#rows=sampler,seed")
    found = cell(page, "cfg, value 1, seed 0, euler")
    assert found.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    cell(page, "cfg, value 1, seed 3, ddim: not there yet").wait_for()
    page.get_by_text(REASON, exact=True).wait_for()


def test_axes_are_chosen_by_lists(page_of, synthetic) -> None:
    page = page_of(synthetic)
    rows = page.get_by_role("group", name="Rows", exact=True).get_by_role("combobox")
    rows.nth(1).select_option("seed")
    page.get_by_role("group", name="Inside cells").get_by_role("combobox").first.select_option("sampler")
    assert "rows=guider%2Cseed" in page.evaluate("location.href")
    assert "inside=sampler" in page.evaluate("location.href")
    assert page.get_by_role("rowheader").nth(1).inner_text() == "0"
    assert page.get_by_role("gridcell").first.get_by_role("button").count() >= 2  # both samplers
    page.get_by_title("Rows as columns").click()
    assert "columns=guider%2Cseed" in page.evaluate("location.href")
    assert page.get_by_role("columnheader", name="cfg", exact=True).get_attribute("aria-colspan") == "4"


def test_values_are_hidden_by_their_headings_and_shown_again(page_of, synthetic) -> None:
    page = page_of(synthetic)
    page.get_by_role("rowheader", name="tnorm").click()
    assert page.get_by_role("rowheader", name="tnorm").count() == 0
    page.get_by_role("group", name="Hidden values").get_by_role("button", name="tnorm").click()
    assert page.get_by_role("rowheader", name="tnorm").count() == 1
    page.get_by_role("columnheader", name="2.5", exact=True).click(modifiers=["Shift"])
    assert page.get_by_role("grid").get_attribute("aria-colcount") == "2"
    page.locator("summary", has_text="Values").click()
    page.get_by_role("group", name="guidance scale").get_by_role("button", name="Show all").click()
    page.get_by_role("checkbox", name="cfg_zero").press("Space")
    page.keyboard.press("Escape")
    assert page.get_by_role("rowheader", name="cfg_zero").count() == 0
    assert page.get_by_role("grid").get_attribute("aria-colcount") == "11"


def test_headings_show_their_whole_text_at_every_zoom(page_of, synthetic) -> None:
    """Also turned by a right angle, and hostile; markup is text."""
    page = page_of(synthetic, "#rows=value&columns=guider,seed")
    for zoom in (32, 64, 128, 300):
        page.evaluate("zoom => { location.hash = `rows=value&columns=guider,seed&zoom=${zoom}` }", zoom)
        page.wait_for_timeout(100)
        text = page.get_by_role("columnheader").locator(".heading-text")
        cut = text.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length")
        assert (zoom, cut) == (zoom, 0)
        lower = text.evaluate_all("all => all.filter(one => one.scrollHeight > one.clientHeight + 1).length")
        assert (zoom, lower) == (zoom, 0)
    assert page.locator("main b").count() == 0
    page.evaluate("document.querySelector('.grid-window').scrollBy(99999, 0)")
    page.get_by_role("columnheader", name=HOSTILE.split(" &")[0]).wait_for()


def test_headings_stay_in_the_window(page_of, synthetic) -> None:
    page = page_of(synthetic, "#rows=guider,seed&columns=sampler,value")
    page.evaluate("document.querySelector('.grid-window').scrollTo(300, 250)")
    page.wait_for_timeout(100)
    window = page.locator(".grid-window").bounding_box()
    for role, name in (("columnheader", "euler"), ("rowheader", "cfg")):
        box = page.get_by_role(role, name=name, exact=True).locator(".heading-text").bounding_box()
        assert box["x"] >= window["x"]
        assert box["y"] >= window["y"]


def test_keys_go_through_the_grid_and_open_a_cell(page_of, synthetic) -> None:
    page = page_of(synthetic)
    cell(page, "cfg, value 1, seed 0, euler").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert place(page) == "apg momentum=-0.5 eta=0 norm_threshold=15, value 1.5, seed 0, euler"
    page.keyboard.press("Control+End")
    assert (place(page) or "").endswith("value 5.5, seed 0, euler")
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowUp")
    assert place(page) == "1"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert (place(page) or "").startswith("apg")
    page.keyboard.press("ArrowRight")
    assert page.locator(".grid [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    assert "open=" in page.evaluate("location.href")


def test_sliders_step_and_play(page_of, synthetic) -> None:
    page = page_of(synthetic, "#rows=guider&columns=sampler")
    scale = page.get_by_role("slider", name="guidance scale")
    scale.press("ArrowRight")
    assert scale.get_attribute("aria-valuetext") == "value 1.5"
    cell(page, "tnorm, value 1.5, seed 0, euler").wait_for()
    page.get_by_role("radio", name="2", exact=True).press("ArrowRight")
    assert "at.seed=3" in page.evaluate("location.href")
    page.clock.install(time=0)
    page.clock.pause_at(60)  # from here on, time passes by `run_for` alone
    scale.press("Space")
    for passed, shown in ((600, "1.5"), (200, "2"), (700, "2.5")):
        page.clock.run_for(passed)
        assert scale.get_attribute("aria-valuetext") == f"value {shown}"
    scale.press("Space")
    page.clock.run_for(5000)
    assert scale.get_attribute("aria-valuetext") == "value 2.5"


def test_zoom_goes_from_32_pixels_to_enlarged_pixels(page_of, synthetic) -> None:
    page = page_of(synthetic)
    first = cell(page, "cfg, value 1, seed 0, euler")
    first.focus()
    page.keyboard.press("1")
    assert first.bounding_box()["width"] == 64
    assert "/images/" in first.locator("img").get_attribute("src")
    assert page.get_by_role("button", name="64 px").get_attribute("aria-pressed") == "true"
    page.keyboard.press("+")
    assert first.bounding_box()["width"] == 76
    assert first.locator("img").evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    page.keyboard.press("0")
    page.wait_for_timeout(100)
    sizes = page.locator(".grid-window").evaluate(
        "one => [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight]"
    )
    assert sizes == [0, 0]
    for _ in range(20):
        page.get_by_role("button", name="Smaller").click()
    assert first.bounding_box()["width"] == 32
    assert "thumbs/" in first.locator("img").get_attribute("src")


@pytest.fixture(scope="module")
def many(tmp_path_factory, front: Path) -> Path:
    """A folder with the page of a run of 40 guiders, 25 values and 2 seeds."""
    folder = tmp_path_factory.mktemp("runs") / "many"
    write_run(folder, [40, 25, 2], side=512, each=True)
    shutil.copytree(front, folder / "page", dirs_exist_ok=True)
    return folder


def test_many_small_pictures_are_on_one_canvas(page_of, many) -> None:
    """The one that has the focus, those beside it and the one under the pointer are elements."""
    page = page_of(many, "#rows=guider,seed&columns=value&zoom=32", allowed=("ERR_FILE_NOT_FOUND",))
    canvas = page.locator("canvas.overview")
    assert page.get_by_role("gridcell").count() <= 5
    assert page.get_by_role("rowheader").count() > 25
    grid, left = page.locator(".grid").bounding_box(), page.locator(".row-headings").first.bounding_box()["width"]
    top = page.locator(".column-headings").bounding_box()["height"]
    place = (grid["x"] + left + 36 * 3 + 18, grid["y"] + top + 36 * 2 + 18)  # row 2, column 3
    page.mouse.move(*place)
    cell(page, f"{GUIDERS[1]}, value 2.5, seed 0").wait_for()
    page.mouse.click(*place)
    page.get_by_role("dialog").wait_for()
    assert f"open={50 + 3 * 2:016x}" in page.evaluate("location.href")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("ArrowDown")
    assert place_of_focus(page, f"{GUIDERS[1]}, value 2.5, seed 1")
    page.keyboard.press("f")
    page.get_by_text("Marked: ★ 1 ✕ 0").wait_for()
    page.keyboard.press("Control+End")
    assert place_of_focus(page, f"{GUIDERS[39 % 6]} 39, value 13, seed 1")
    colours = canvas.screenshot()
    page.get_by_role("combobox", name="Metric", exact=True).select_option("adherence")
    page.get_by_role("combobox", name="as", exact=True).select_option("heat")
    wait_until(page, lambda: canvas.screenshot() != colours)
    for _ in range(9):
        page.get_by_role("button", name="Larger").click()
    assert canvas.count() == 0
    assert page.get_by_role("gridcell").count() > 100


def test_pictures_come_back_after_fast_scrolling(page_of, many) -> None:
    page = page_of(many, "#rows=guider,seed&columns=value")
    page.evaluate("""async () => { const grid = document.querySelector(".grid-window");
        const frame = () => new Promise(requestAnimationFrame);
        for (let k = 0; k < 24; k++) { grid.scrollBy(0, k < 12 ? 700 : -700); await frame() } }""")
    seen = """() => [...document.querySelectorAll(".grid-row:not(.late) img")].filter(one => {
        const { top, bottom } = one.getBoundingClientRect(); return bottom > 300 && top < innerHeight })
        .map(one => one.naturalWidth > 0 && getComputedStyle(one).visibility === "visible")"""
    wait_until(page, lambda: (found := page.evaluate(seen)) and len(found) > 50 and all(found))
    assert page.locator(".grid-row.late").count() == 0


def test_what_has_the_focus_is_not_beneath_headings(page_of, many) -> None:
    page = page_of(many, "#rows=guider,seed&columns=value")
    page.locator(".grid .grid-picture button[tabindex='0']").focus()
    page.keyboard.press("Control+End")
    headings = page.locator(".column-headings").bounding_box()
    left = page.locator(".row-headings").first.bounding_box()
    for _ in range(12):
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
    box = page.locator("[data-active]").bounding_box()
    assert box["y"] >= headings["y"] + headings["height"]
    assert box["x"] >= left["x"] + left["width"]


def place_of_focus(page: Any, name: str) -> bool:
    wait_until(page, lambda: place(page) == name)
    return True


@pytest.mark.slow
def test_ten_thousand_cells_are_not_all_in_the_document(page_of, front: Path, tmp_path: Path) -> None:
    write_run(tmp_path, [40, 25, 10], side=512, each=True)
    shutil.copytree(front, tmp_path / "page", dirs_exist_ok=True)
    page = page_of(tmp_path, "#rows=guider,seed&columns=value")
    grid = page.get_by_role("grid")
    assert [grid.get_attribute("aria-rowcount"), grid.get_attribute("aria-colcount")] == ["401", "27"]
    for _ in range(3):
        assert 100 < page.locator("[role=gridcell]").count() <= 600
        page.evaluate("document.querySelector('.grid-window').scrollBy(500, 9000)")
        page.wait_for_timeout(200)
        tops = page.locator(".grid img").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
        seen = sum(0 < top < 1000 for top in tops)
        assert seen > 50
    assert page.locator("[role=row]").nth(5).get_attribute("aria-rowindex") > "100"


VIEWS = {
    "grid": "#rows=guider,seed&columns=value&hide.value=2&overlay=bar:contrast",
    "large": f"#open={3:016x}",
    "list": "#sort=-adherence&overlay=heat:adherence",
}


@pytest.mark.parametrize(
    ("view", "scheme"),
    [("grid", "dark"), ("large", "dark"), ("list", "light"), pytest.param("grid", "light", marks=pytest.mark.slow)],
)
def test_axe_finds_nothing(page_of, synthetic, view: str, scheme: str) -> None:
    page = page_of(synthetic, VIEWS[view], color_scheme=scheme)
    if view == "grid":
        page.locator("summary", has_text="Values").click()
    page.wait_for_timeout(300)
    assert violations(page) == []


def test_axe_finds_nothing_in_a_run_of_one_cell(page_of, tmp_path: Path) -> None:
    one = "{name: one, model: digits, label: 3, seed: 1, steps: 2, guider: cfg, value: 2}"
    page = page_of(run_of(one, tmp_path))
    page.get_by_role("button", name="one", exact=True).click()
    page.get_by_role("heading", name="one", exact=True).last.wait_for()
    assert violations(page) == []


def test_it_fits_a_phone(page_of, synthetic) -> None:
    phone = {"viewport": {"width": 400, "height": 800}, "is_mobile": True, "has_touch": True}
    page = page_of(synthetic, **phone)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator(".grid-window").bounding_box()["height"] > 500
    page.locator("summary", has_text="View").tap()
    page.get_by_role("group", name="Columns").get_by_role("combobox").first.select_option("seed")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("summary", has_text="View").tap()
    page.set_viewport_size({"width": 1000, "height": 800})
    page.get_by_role("group", name="Columns").wait_for()  # as on any wide window
    page.set_viewport_size({"width": 400, "height": 800})
    page.get_by_role("group", name="Columns").wait_for(state="hidden")
    cell(page, "cfg, value 1, seed 0, euler").tap()
    assert "open=" in page.evaluate("location.href")


@pytest.mark.usefixtures("chromium_alone")
def test_what_is_in_the_window_is_printed_as_a_table(page_of, synthetic) -> None:
    page = page_of(synthetic, "#rows=sampler,guider&inside=seed&zoom=64", viewport={"width": 1000, "height": 900})
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    table = page.locator(".paper table")
    table.wait_for()
    page.locator("main").wait_for(state="hidden")
    assert table.locator("tbody th").first.inner_text() == "euler"
    assert table.locator("td img").count() > 50
    page.set_viewport_size({"width": 720, "height": 900})  # as paper is
    letters = table.locator("th").evaluate_all("all => all.map(one => one.clientWidth / (1 + one.innerText.length))")
    assert min(letters) > 3, "names are not broken into letters"
    assert table.evaluate("one => one.getBoundingClientRect().right <= innerWidth")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator(".paper").count() == 0
    page.locator("main").wait_for()


@pytest.mark.parametrize(("width", "height"), [(400, 800), pytest.param(1600, 600, marks=pytest.mark.slow)])
def test_the_grid_keeps_room_on_small_windows_and_the_page_scrolls(page_of, synthetic, width: int, height: int) -> None:
    page = page_of(synthetic, viewport={"width": width, "height": height})
    if width < 700:
        page.locator("summary", has_text="View").click()
    page.locator("summary", has_text="Plots").click()
    page.locator(".plot-place canvas").wait_for()
    shown = page.locator(".grid-window")
    assert shown.bounding_box()["height"] >= min(0.6 * height, 400) - 1
    assert page.evaluate("document.documentElement.scrollHeight") > height
    page.locator(".grid button").first.focus()
    shown.scroll_into_view_if_needed()
    page.mouse.wheel(0, 5000)
    box = shown.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= height + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_question_mark_shows_the_keys_of_the_grid(page_of, synthetic) -> None:
    page = page_of(synthetic)
    cell(page, "cfg, value 1, seed 0, euler").focus()
    page.keyboard.press("?")
    assert "hide its value" in page.get_by_role("dialog", name="Keys").inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert place(page) == "cfg, value 1, seed 0, euler"


@pytest.mark.parametrize("width", [1600, pytest.param(720, marks=pytest.mark.slow)])
def test_the_list_of_values_opens_at_its_button(page_of, synthetic, width: int) -> None:
    page = page_of(synthetic, viewport={"width": width, "height": 900})
    button = page.locator("summary", has_text="Values")
    button.click()
    opened, place = page.locator(".menu-content").bounding_box(), button.bounding_box()
    assert 0 <= opened["y"] - place["y"] - place["height"] <= 6
    assert 0 <= opened["x"] <= place["x"] <= opened["x"] + opened["width"] <= width
    bar = 12 if is_firefox(page.context.browser) else 0  # room that it keeps for a scroll bar
    is_at_its_left = opened["x"] == pytest.approx(place["x"], abs=1)
    assert is_at_its_left or width - 11 - bar <= opened["x"] + opened["width"] <= width - 9
    for label in page.locator(".value label").all():
        box, text = label.locator("input").bounding_box(), label.locator("span").bounding_box()
        assert text["x"] > box["x"] + box["width"]
        assert text["y"] < box["y"] + box["height"]
