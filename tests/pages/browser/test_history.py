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


def test_a_reload_shows_what_was_chosen(page_of, synthetic) -> None:
    page = page_of(synthetic)
    page.get_by_role("group", name="Rows", exact=True).get_by_role("combobox").nth(1).select_option("seed")
    page.get_by_role("radio", name="euler", exact=True).press("ArrowRight")
    page.get_by_role("columnheader", name="2.5", exact=True).click()
    page.get_by_role("button", name="Smaller").click()
    page.get_by_role("combobox", name="Metric", exact=True).select_option("adherence")
    page.get_by_label("Filter", exact=True).fill("guider=cfg,tnorm")
    shown = ".grid [role=rowheader], .grid [role=columnheader], .grid [aria-label]"
    texts = "all => all.map(one => `${one.ariaLabel} ${one.textContent} ${one.getBoundingClientRect().width}`)"
    address, before = page.evaluate("location.href"), page.locator(shown).evaluate_all(texts)
    for part in ("rows=", "at.sampler=1", "hide.value=3", "zoom=", "overlay=", "filter="):
        assert part in address
    page.reload()
    page.locator(".grid [role=gridcell]").first.wait_for()
    assert page.evaluate("location.href") == address
    assert page.locator(shown).evaluate_all(texts) == before


def test_the_address_is_written_seldom_and_is_there_when_the_window_is_left(page_of, large) -> None:
    page = page_of(large)
    page.evaluate("""() => { window.written = 0; const own = history.replaceState;
        history.replaceState = function (...all) { window.written++; return own.apply(this, all) } }""")
    page.locator(".grid button").first.focus()
    page.evaluate("""() => { for (let k = 0; k < 301; k++) document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key: k % 2 ? "-" : "+", bubbles: true})) }""")
    assert 1 <= page.evaluate("window.written") <= 30
    page.evaluate("dispatchEvent(new Event('blur'))")
    assert "zoom=152" in page.evaluate("location.href")
