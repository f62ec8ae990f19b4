"""Filter and sort of a page: conditions, their errors, states, the list, all of it in the address."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

from tests.pages.browser.synthetic import REASON


def field(page: Any) -> Any:
    return page.get_by_label("Filter", exact=True)


def told(page: Any) -> str:
    return page.locator("#filter-says").inner_text()


def cells(page: Any) -> set[int]:
    return {int(one) for one in page.locator("[data-cell]").evaluate_all("all => all.map(one => one.dataset.cell)")}


def test_conditions_leave_cells_and_are_in_the_address(page_of, synthetic) -> None:
    page = page_of(synthetic)
    assert told(page) == "480 of 480 cells"
    field(page).fill("guider=cfg,tnorm; ")
    field(page).press_sequentially("value<2")
    assert told(page) == "32 of 480 cells"
    assert page.get_by_role("rowheader").all_inner_texts() == ["cfg", "tnorm"]
    assert page.get_by_role("columnheader").all_inner_texts()[-2:] == ["1", "1.5"]
    assert "filter=guider=cfg,tnorm; value<2" in unquote_plus(page.evaluate("location.href"))
    again = page_of(synthetic, "#" + page.evaluate("location.href").partition("#")[2])
    assert (field(again).input_value(), told(again)) == ("guider=cfg,tnorm; value<2", "32 of 480 cells")
    field(page).fill("")
    assert told(page) == "480 of 480 cells"
    assert "filter" not in page.evaluate("location.href")


def test_what_is_wrong_is_told_and_the_cells_stay(page_of, synthetic) -> None:
    page = page_of(synthetic, "#filter=value%3C2")
    field(page).fill("adherance>0.5")
    assert told(page) == "There is no field “adherance”. Did you mean adherence?"
    assert field(page).get_attribute("aria-invalid") == "true"
    assert "filter=value%3C2" in page.evaluate("location.href")
    field(page).fill("adherence>0.5")
    assert re.fullmatch(r"\d+ of 480 cells", told(page))
    assert field(page).get_attribute("aria-invalid") == "false"
    hostile = page_of(synthetic, "#filter=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    assert "There is no field" in told(hostile) or "not a condition" in told(hostile)


def test_names_and_values_are_offered(page_of, synthetic) -> None:
    page = page_of(synthetic)
    offered = "all => all.map(one => one.value)"
    assert {"guider", "adherence", "failed"} <= set(page.locator("#filter-names option").evaluate_all(offered))
    field(page).fill("value<2; sampler=")
    values = page.locator("#filter-names option").evaluate_all(offered)
    assert values == ["value<2; sampler=euler", "value<2; sampler=ddim"]


def test_states_are_buttons_and_sliders_go_where_cells_are(page_of, synthetic) -> None:
    page = page_of(synthetic)
    page.get_by_role("button", name="failed", exact=True).click()
    assert told(page) == "1 of 480 cells"
    assert field(page).input_value() == "failed"
    page.get_by_text(REASON, exact=True).wait_for()  # it has another seed and sampler than the first view
    page.get_by_role("button", name="failed", exact=True).click()
    page.get_by_role("button", name="waiting", exact=True).click()
    assert told(page) == "2 of 480 cells"
    assert cells(page) & {7, 8}
    field(page).fill("not done; not waiting")
    assert told(page) == "1 of 480 cells"


def test_a_sort_makes_a_list_with_numbers(page_of, synthetic) -> None:
    page = page_of(synthetic, "#filter=seed%3D1&at.seed=1")
    page.get_by_label("Sort by").select_option("adherence")
    assert "sort=-adherence" in page.evaluate("location.href")  # higher is better
    values = [float(text.split()[1]) for text in page.locator(".tile-value").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    assert values[0] == max(cell * 53 % 100 / 100 for cell in range(480) if cell // 2 % 4 == 1)
    page.get_by_role("button", name="descending").click()
    assert "sort=adherence" in page.evaluate("location.href")
    lowest = page.get_by_role("gridcell").first
    lowest.get_by_role("button", name=re.compile("seed 1.*adherence 0.0")).wait_for()
    page.get_by_label("Sort by").select_option("")
    page.get_by_role("rowheader").first.wait_for()


def test_a_list_has_no_sliders_and_what_plays_stops(page_of, synthetic) -> None:
    page = page_of(synthetic)
    page.get_by_role("button", name="Play seed").click()
    page.get_by_label("Sort by").select_option("adherence")
    page.locator(".tile").first.wait_for()
    assert page.locator(".axis-slider").count() == 0
    page.get_by_label("Sort by").select_option("")
    assert page.get_by_role("button", name="Play seed").get_attribute("aria-pressed") == "false"


def test_keys_in_the_list(page_of, synthetic) -> None:
    page = page_of(synthetic, "#sort=contrast&zoom=100")
    focused = "document.activeElement.getAttribute('aria-label')"
    page.locator(".tile button[tabindex='0']").focus()
    across = page.locator(".list-row").first.get_by_role("gridcell").count()
    order = sorted(set(range(480)) - {7, 8, 11}, key=lambda cell: (cell * 37 % 100, cell))
    place_of = "Number(document.activeElement.closest('[data-cell]').dataset.cell)"
    for key, place in (("ArrowRight", 1), ("ArrowDown", 1 + across), ("ArrowLeft", across), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate(place_of) == order[place], key
    page.keyboard.press("End")
    assert "no contrast" in page.evaluate(focused)
    assert page.evaluate(place_of) == 11
    page.keyboard.press("Home")
    assert page.evaluate(place_of) == order[0]
    assert page.locator("[data-cell]").count() < 300
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert f"open={order[1]:016x}" in page.evaluate("location.href")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate(place_of) == order[1]


def test_hidden_values_are_not_counted(page_of, synthetic) -> None:
    page = page_of(synthetic, "#hide.seed=1,3")
    assert told(page) == "240 of 480 cells"
    field(page).fill("guider=cfg")
    assert told(page) == "40 of 480 cells"
