"""The phase map of a page: a click, or keys, on a point of the plane of two settings opens its picture."""

from __future__ import annotations

from typing import Any

from tests.pages.browser.large import wait_for, wait_until

NAME = "Phase map: seed over guidance scale, 11 pictures of 2 kinds."


def test_a_point_opens_its_picture_by_the_pointer_and_by_keys(page_of: Any, large: Any) -> None:
    page = page_of(large)
    plane = page.get_by_role("application", name=NAME)
    plane.focus()
    for key in ["ArrowRight", "ArrowRight", "ArrowRight"]:
        page.keyboard.press(key)
    page.get_by_text("guidance scale 2, seed 0 · kind 2 · cfg · value 2 · seed 0 · euler").wait_for()
    ring = page.locator(".map-ring").bounding_box()
    page.keyboard.press("Enter")
    wait_for(page, 12)
    page.keyboard.press("Escape")
    wait_until(page, lambda: plane.evaluate("plane => plane === document.activeElement"))
    page.mouse.click(ring["x"] + ring["width"] / 2 + 5, ring["y"] + ring["height"] / 2 + 3)
    wait_for(page, 12)


def test_the_map_is_a_table_and_has_typical_pictures(page_of: Any, large: Any) -> None:
    page = page_of(large)
    page.get_by_text("Map as a table").click()
    table = page.get_by_role("group", name="Map as a table")
    assert table.get_by_role("row").nth(1).inner_text().split("\t")[:3] == ["1", "0", "1"]
    table.get_by_role("button").nth(1).click()
    wait_for(page, 2)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open a typical picture of kind 2").click()
    wait_for(page, 12)


def test_all_of_the_legend_is_seen_in_a_narrow_window(page_of, large) -> None:
    page = page_of(large, viewport={"width": 320, "height": 800})
    typical = page.locator(".map .typical img")
    typical.last.scroll_into_view_if_needed()
    wait_until(page, lambda: typical.evaluate_all("all => all.every(one => one.naturalWidth > 0)"))
    heights = page.locator(".map .plot-legend").evaluate("one => [one.scrollHeight, one.clientHeight]")
    assert heights[0] == heights[1]
    assert page.locator(".map .plot-legend li").count() == 3
