"""Back and the address: an open picture is an entry of the history, other changes are none."""

from __future__ import annotations

from typing import Any

from tests.pages.browser.large import wait_for


def open_first(page: Any) -> None:
    page.get_by_role("button", name="cfg, value 1, seed 0, euler", exact=True).click()
    wait_for(page, 0)


def test_back_closes_a_picture_and_keeps_what_was_chosen(page_of, large) -> None:
    page = page_of(large)
    page.get_by_role("button", name="Larger").click()
    before = page.evaluate("history.length")
    open_first(page)
    page.keyboard.press("ArrowRight")
    wait_for(page, 6)
    page.keyboard.press("]")
    assert page.evaluate("history.length") == before + 1
    page.evaluate("history.back()")
    page.wait_for_selector("dialog", state="detached")
    assert "zoom=" in page.evaluate("location.href")
    assert "open=" not in page.evaluate("location.href")
    assert "at.guider=1" in page.evaluate("location.href")
    page.evaluate("history.forward()")
    page.get_by_role("dialog").wait_for()
    page.evaluate("history.back()")
    page.wait_for_selector("dialog", state="detached")
    page.locator(".grid").wait_for()


def test_a_picture_that_is_closed_leaves_no_entry_to_go_back_to(page_of, large) -> None:
    page = page_of(large)
    for _ in range(2):
        open_first(page)
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        page.wait_for_function("history.state === null")
    open_first(page)
    page.evaluate("history.back()")
    page.wait_for_selector("dialog", state="detached")
    assert "open=" not in page.evaluate("location.href")
