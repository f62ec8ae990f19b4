"""Metrics over the pictures of a page, marks of abrupt changes, and plots."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.large import read, wait_until
from tests.pages.browser.synthetic import write

FIRST = "cfg, value 1, seed 0, euler"


def bottom(one: Any) -> float:
    return sum(one.bounding_box()[side] for side in ("y", "height"))


def picture(page: Any, cell: int) -> Any:
    return page.locator(f"[data-cell='{cell}']")


def choice(page: Any, name: str) -> Any:
    return page.get_by_role("combobox", name=name, exact=True)


def test_a_metric_is_drawn_over_the_pictures(page_of, synthetic) -> None:
    page = page_of(synthetic)
    choice(page, "Metric").select_option("adherence")
    page.get_by_role("img", name="colours of adherence, from 0 to 0.99; higher is better").wait_for()
    for kind in ("outline", "bar", "heat"):
        choice(page, "as").select_option(kind)
        assert f"overlay={kind}%3Aadherence" in page.evaluate("location.href")
        overlay = picture(page, 16).locator(f".overlay.{kind}")
        assert overlay.inner_text() == "0.48"  # 16 * 53 % 100 / 100
        # Between the colours of 4 and 5 ninths of cividis.
        assert overlay.evaluate("one => one.style.getPropertyValue('--colour')") == "rgb(122 121 119)"
    page.get_by_role("button", name="cfg, value 2, seed 0, euler, adherence 0.48").wait_for()
    assert picture(page, 8).locator(".overlay").count() == 0  # not there yet
    choice(page, "Metric").select_option("")
    assert page.locator(".overlay").count() == 0
    assert "overlay" not in page.evaluate("location.href")


@pytest.mark.slow
def test_the_share_of_a_bar_is_that_of_the_range(page_of, synthetic) -> None:
    page = page_of(synthetic, "#overlay=bar%3Aadherence")
    box = (
        picture(page, 16)
        .locator(".overlay")
        .evaluate("one => [parseFloat(getComputedStyle(one).getPropertyValue('--share')), one.clientWidth]")
    )
    assert box[0] == pytest.approx(0.48 / 0.99)
    assert box[1] == 128


def test_abrupt_changes_are_marks_between_cells(page_of, synthetic) -> None:
    page = page_of(synthetic)
    text = "changes abruptly between value 2.5 and value 3 (distance 0.4)"
    assert page.locator(".change").count() == 1
    cell = page.get_by_role("button", name=f"cfg, value 2.5, seed 0, euler, {text}")
    mark, before, after = (
        one.bounding_box() for one in (page.locator(".change"), picture(page, 24), picture(page, 32))
    )
    assert before["x"] + before["width"] - 2 <= mark["x"] < mark["x"] + mark["width"] <= after["x"]
    tooltip = page.locator(".change-text")
    tooltip.wait_for(state="hidden")
    cell.focus()
    tooltip.wait_for()
    assert tooltip.inner_text() == text
    page.get_by_role("button", name=FIRST, exact=True).focus()
    tooltip.wait_for(state="hidden")
    page.locator(".change").hover()
    tooltip.wait_for()
    turned = page_of(synthetic, "#rows=value&columns=guider")
    assert turned.locator(".change.bottom").count() == 1
    assert page_of(synthetic, "#rows=guider&columns=seed&at.value=3").locator(".change.aside").count() == 4


# Whether the whole of an element is in the window, and nothing is drawn over its corners.
IS_ON_TOP = """one => {
    one.style.pointerEvents = "auto"
    const {left, top, right, bottom} = one.getBoundingClientRect()
    return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight &&
        [left + 3, right - 3].every(x => [top + 3, bottom - 3].every(y =>
            one.contains(document.elementFromPoint(x, y))))
}"""


@pytest.mark.parametrize(
    ("view", "size"),
    [
        ("#rows=guider&columns=value&hide.value=0,1,2&zoom=64", (1000, 800)),  # beside the names of rows
        ("#rows=value&columns=guider&hide.guider=1,2,3&zoom=64", (1000, 800)),
        ("#rows=guider,seed&columns=value&zoom=128", (500, 500)),
    ],
)
def test_the_text_of_a_change_is_above_all_else(page_of, synthetic, view: str, size: tuple[int, int]) -> None:
    page = page_of(synthetic, view, viewport={"width": size[0], "height": size[1]})
    page.get_by_role("button", name="changes abruptly").first.focus()
    text = page.locator(".change-text")
    text.wait_for()
    assert text.evaluate(IS_ON_TOP)


def test_the_text_of_a_change_follows_its_mark(page_of, synthetic) -> None:
    page = page_of(synthetic, "#rows=guider&columns=value&hide.value=0,1,2&zoom=64")
    mark, text = page.locator(".change"), page.locator(".change-text")
    page.get_by_role("button", name="changes abruptly").focus()
    text.wait_for()
    page.evaluate("location.hash = location.hash.replace('zoom=64', 'zoom=256')")
    wait_until(page, lambda: 0 <= text.bounding_box()["y"] - bottom(mark) < 6)
    page.evaluate("location.hash = location.hash.replace('hide.value=', 'hide.value=3,')")
    text.wait_for(state="hidden")


def test_a_plot_opens_pictures_by_keys(page_of, synthetic) -> None:
    page = page_of(synthetic, "#filter=guider%3Dcfg%2Ctnorm")
    page.get_by_text("Plots", exact=True).click()
    page.get_by_role("application", name="contrast over value, 40 points").wait_for()
    page.get_by_label("means over seed").uncheck()
    plot = page.get_by_role("application", name="contrast over value, 157 points")
    plot.wait_for()
    assert "plot.x=value&plot.y=contrast&plot.by=guider" in page.evaluate("location.href")
    assert page.locator(".plot-legend li").all_inner_texts()[:2] == ["cfg", "tnorm"]
    page.get_by_text("No Pareto front: it is of two metrics").wait_for()
    plot.focus()
    page.keyboard.press("ArrowRight")
    lowest = min((cell for cell in (*range(8), *range(240, 248)) if cell not in (7, 8, 11)), key=lambda c: c * 37 % 100)
    said = page.locator(".point-text output")
    assert said.inner_text().startswith(f"value 1, contrast {lowest * 37 % 100 / 100:g}")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    opened = max((cell for cell in (*range(72, 80), *range(312, 320))), key=lambda cell: cell * 37 % 100)
    page.get_by_role("dialog").wait_for()
    assert f"open={opened:016x}" in page.evaluate("location.href")
    page.keyboard.press("Escape")
    wait_until(page, lambda: plot.evaluate("plot => plot === document.activeElement"))


def test_a_plot_has_an_axis_of_names_across(page_of, synthetic) -> None:
    page = page_of(synthetic, "#plot.x=value&plot.y=adherence&plot.by=guider&plot.means=1")
    choice(page, "x axis").select_option("guider")
    plot = page.get_by_role("application", name="adherence over guider, 120 points")
    plot.press("End")
    assert page.locator(".point-text output").inner_text().startswith("guider a very long <b>name</b>")


def test_a_click_on_a_point_of_two_metrics_opens_its_picture(page_of, synthetic) -> None:
    page = page_of(synthetic, "#plot.x=value&plot.y=adherence&filter=seed%3D0%3B+sampler%3Deuler%3B+guider%3Dcfg")
    choice(page, "x axis").select_option("contrast")
    assert "plot.x=contrast" in page.evaluate("location.href")
    plot = page.get_by_role("application", name="adherence over contrast, 9 points")
    plot.focus()
    page.keyboard.press("Home")
    ring = page.locator(".plot-ring").bounding_box()
    page.keyboard.press("End")
    assert page.locator(".plot-ring").bounding_box()["x"] > ring["x"] + 300
    page.mouse.click(ring["x"] + ring["width"] / 2 + 5, ring["y"] + ring["height"] / 2)
    cells = [cell for cell in range(0, 80, 8) if cell != 8]
    assert f"open={min(cells, key=lambda cell: cell * 37 % 100):016x}" in page.evaluate("location.href")


def test_a_mean_is_one_point(page_of, synthetic) -> None:
    page = page_of(synthetic, "#plot.x=value&plot.y=adherence&filter=guider%3Dtnorm")
    page.get_by_role("application", name="80 points").wait_for()
    page.get_by_label("means over seed").check()
    page.get_by_role("application", name="20 points").wait_for()
    assert "plot.means=1" in page.evaluate("location.href")


def rows_of(column: Any, rows: list[int]) -> Any:
    """Some rows of a column of results, or of their list of cells."""
    if isinstance(column, list):
        return [column[row] for row in rows]
    return {key: values if key in ("same", "values") else rows_of(values, rows) for key, values in column.items()}


def test_a_plot_stays_while_pictures_come(page_of, synthetic, tmp_path: Path) -> None:
    """It is not made anew, so that the point under the keys stays what it was."""
    folder = tmp_path / "goes on"
    shutil.copytree(synthetic, folder)
    page_folder = folder / "page"
    head, results = read(page_folder, "data.js"), read(page_folder, "data/results-0.js")
    there = [row for row, cell in enumerate(results["at"]) if cell // 2 % 4 < 3]  # without the last seed
    first = {name: rows_of(column, there) for name, column in results.items() if name not in ("fields", "details")}
    first["fields"] = {name: rows_of(column, there) for name, column in results["fields"].items()}
    write(page_folder, "data/results-1.js", {**first, "details": results["details"]})
    write(page_folder, "data.js", {**head, "results": ["data/results-1.js"], "state": "running", "poll": 200})
    page = page_of(folder, "#plot.x=value&plot.y=adherence&plot.by=guider")
    plot = page.get_by_role("application", name="adherence over value, 358 points")
    plot.press("ArrowRight")
    said = page.locator(".point-text output").inner_text()
    page.evaluate("() => { document.querySelector('.plot-place canvas').isFirst = true; }")
    write(page_folder, "data.js", head)
    page.get_by_role("application", name="adherence over value, 477 points").wait_for()
    assert page.evaluate("document.querySelector('.plot-place canvas').isFirst")
    assert page.locator(".point-text output").inner_text() == said
