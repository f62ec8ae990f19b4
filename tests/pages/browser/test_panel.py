"""What is beside the large picture: record, metrics, numbers by step, copies; for mouse, keys, fingers and readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.axe import violations
from tests.pages.browser.large import FIRST, LONG, MARKUP, id_of


@pytest.fixture
def panel(page_of, large: Path) -> Any:
    """A function that opens the large view of a cell, with further parts of the address."""

    def open_panel(cell: int = FIRST, more: str = "", **options: Any) -> Any:
        page = page_of(large, f"#open={id_of(cell)}&{more}", **options)
        page.get_by_text("Record", exact=True).wait_for()
        return page

    return open_panel


def field(page: Any, name: str) -> Any:
    return page.locator(".fields > div", has=page.get_by_text(name, exact=True)).locator("dd")


def test_the_record_is_shown_and_what_differs_from_the_references_is_marked(panel) -> None:
    page = panel(FIRST, f"pinned={id_of(6)}")
    assert field(page, "guider.apg.eta").inner_text().startswith("0")
    page.locator(".differs").first.wait_for()
    assert field(page, "title").inner_text() == "cell 0 (reference: cell 6)"
    assert field(page, "status").inner_text() == "done"


def test_hostile_texts_are_texts(panel) -> None:
    page = panel()
    assert field(page, "prompt").locator("bdi").text_content() == MARKUP
    assert page.title() == "synthetic"
    long = field(page, "negative_prompt")
    assert len(long.inner_text()) < 400
    long.get_by_role("button").click()
    assert long.locator("bdi").text_content() == LONG
    assert page.locator(".panel").evaluate("panel => panel.scrollWidth <= panel.clientWidth")


def test_metrics_are_beside_the_references(panel) -> None:
    page = panel(6, f"pinned={id_of(0)}")
    rows = page.locator(".metrics tr").all_inner_texts()
    assert [row.split() for row in rows] == [
        ["metric", "picture", "reference", "difference"],
        ["contrast", "0.22", "0", "+0.22"],
        ["adherence", "(higher", "is", "better)", "0.18", "0", "+0.18"],
    ]


def numbers(page: Any) -> list[str]:
    return [text for text in page.locator(".curves li").all_inner_texts() if "sigma" in text or "cosine" in text]


def test_the_step_under_the_pointer_is_marked_in_all_charts_with_its_numbers(panel) -> None:
    page = panel()
    assert numbers(page) == ["cosine", "sigma"]
    plot = page.locator(".chart", has_text="Noise level").locator(".u-over")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 10 / 19, box["y"] + 40)
    page.get_by_text("step 11 of 20").wait_for()
    assert numbers(page) == ["cosine 0.975", "sigma 7"]
    places = page.locator(".u-cursor-x").evaluate_all("all => all.map(one => one.getBoundingClientRect().x)")
    assert len(places) == 3
    assert max(places) - min(places) < 1
    page.mouse.move(0, 0)
    assert numbers(page) == ["cosine 0.975", "sigma 7"]


def test_the_step_goes_by_keys_as_well(panel) -> None:
    page = panel()
    page.get_by_role("slider", name="Marked step").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="Marked step").get_attribute("aria-valuetext") == "step 19 of 20"
    assert numbers(page) == ["cosine 0.955", "sigma 1.4"]
    assert id_of(FIRST) in page.evaluate("location.href")


def test_the_references_numbers_are_beside_them(panel) -> None:
    page = panel(1, f"pinned={id_of(6)}")
    page.get_by_role("slider", name="Marked step").press("End")
    page.get_by_text("sigma 0.7 (0.7)").wait_for()
    page.get_by_text("cond norm –", exact=True).wait_for()


def test_charts_are_drawn_under_the_pages_policy(panel) -> None:
    page = panel()
    drawn = """all => all.map(canvas => {
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    })"""
    assert all(colours > 10 for colours in page.locator(".chart canvas").evaluate_all(drawn))
    assert page.locator(".chart .u-over").first.evaluate("one => getComputedStyle(one).position") == "absolute"


def test_the_same_numbers_are_a_table(panel) -> None:
    page = panel()
    page.get_by_text("Numbers as a table").click()
    table = page.get_by_role("group", name="Numbers as a table").get_by_role("table")
    table.get_by_role("row").nth(20).wait_for()
    rows = table.get_by_role("row").all_inner_texts()
    assert rows[0].split("\t") == ["step", "schedule", "cosine", "sigma"]
    assert rows[11].split("\t") == ["11", "1", "0.975", "7"]
    assert len(rows) == 21


def test_texts_are_copied(panel) -> None:
    page = panel(permissions=["clipboard-read", "clipboard-write"])
    for name, text in [("sweep file", f"prompt: {MARKUP}\n"), ("A1111", "a cat\nSteps: 20")]:
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_text(f"Copied: {name}").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == text
    page.keyboard.press("p")
    page.get_by_role("button", name="Link to this view").click()
    page.get_by_text("Copied: link").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.evaluate("location.href")
    assert f"open={id_of(FIRST)}" in page.evaluate("location.href")
    assert f"pinned={id_of(FIRST)}" in page.evaluate("location.href")


def test_a_text_is_selected_where_nothing_can_be_copied(panel) -> None:
    page = panel()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="A1111", exact=True).click()
    page.get_by_text("lets a page copy nothing").wait_for()
    assert page.evaluate("getSelection().toString() || document.activeElement.value") == "a cat\nSteps: 20"


def test_the_panel_scrolls_by_keys_and_closes(panel) -> None:
    page = panel(viewport={"width": 1200, "height": 500})
    page.get_by_role("complementary").focus()
    page.keyboard.press("PageDown")
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('.panel').scrollTop") > 0
    assert id_of(FIRST) in page.evaluate("location.href")
    page.keyboard.press("i")
    assert not page.get_by_role("complementary").count()
    page.get_by_role("button", name="Details").click()
    assert page.get_by_role("complementary").count()


def test_a_cell_without_details_has_none(page_of, large) -> None:
    page = page_of(large, f"#open={id_of(7)}")
    page.get_by_role("complementary").wait_for()
    assert not page.locator(".chart, .fields").count()


def test_on_a_phone_it_is_under_the_picture_and_closed_at_first(panel) -> None:
    page = panel(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    assert page.locator(".panel").bounding_box()["y"] > page.locator(".stage").bounding_box()["y"]
    page.locator(".fields").wait_for(state="hidden")
    page.get_by_text("By step", exact=True).tap()
    page.locator(".chart canvas").first.wait_for()
    assert 300 < page.locator(".chart canvas").first.bounding_box()["width"] <= 400
    width = "document.querySelector('dialog').scrollWidth"
    assert page.evaluate(width) <= 400


OTHER_WAYS = [("none", "light"), ("difference", "light"), ("side", "dark")]


@pytest.mark.parametrize(
    ("way", "scheme"),
    [
        ("wipe", "dark"),
        *(pytest.param(way, scheme, marks=pytest.mark.slow) for way, scheme in OTHER_WAYS),
    ],
)
def test_axe_finds_nothing(panel, way, scheme) -> None:
    page = panel(6, f"pinned={id_of(0)}&compare={way}", color_scheme=scheme)
    page.get_by_text("Numbers as a table").click()
    assert violations(page, "dialog") == []


def test_it_works_where_storage_is_switched_off(browser, large) -> None:
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw 1; }})")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((large / "page/index.html").as_uri() + f"#open={id_of(FIRST)}")
    page.get_by_text("Record", exact=True).wait_for()
    for key in ["p", "ArrowRight", "w", "Escape"]:
        page.keyboard.press(key)
    page.wait_for_selector("dialog", state="detached")
    context.close()
    assert errors == []


@pytest.mark.slow
def test_dashed_curves_are_named(panel) -> None:
    page = panel(FIRST)
    page.locator(".curves").first.wait_for()
    assert not page.get_by_text("dashed: reference").count()
    page = panel(FIRST, f"pinned={id_of(6)}")
    page.get_by_text("dashed: reference").first.wait_for()
