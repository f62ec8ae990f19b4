"""The large view: steps, playing, the reference, what is said where there is no picture; by keys and buttons."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.pages.browser.large import (
    BOX,
    CONTROL,
    FIRST,
    VIDEO,
    id_of,
    open_cell,
    screenshot,
    wait_for,
    wait_for_focus,
    wait_until,
)


def test_keys_step_along_both_axes_and_the_third(viewer) -> None:
    page = viewer()
    before = FIRST
    for key, after in [("ArrowRight", 6), ("ArrowRight", 12), ("ArrowDown", 14), ("]", 38), ("[", 14), (".", 15)]:
        page.keyboard.press(key)
        wait_for(page, after)
        assert open_cell(page) == after != before
        before = after
    for key, after in [(",", 14), ("ArrowUp", 12), ("ArrowUp", 12), ("ArrowLeft", 6), ("PageDown", 30), ("PageUp", 6)]:
        page.keyboard.press(key)
        assert open_cell(page) == after
    assert page.get_by_role("status").filter(has_text="value 1.5").count() == 1


def test_steps_pass_over_hidden_values_and_what_a_filter_leaves_out(viewer) -> None:
    page = viewer(more="hide.value=1&filter=not contrast%3D0.18")
    page.keyboard.press("ArrowRight")
    assert open_cell(page) == 12
    page.keyboard.press("ArrowDown")  # beyond cell 14, whose contrast is 0.18
    assert open_cell(page) == 16


def test_escape_and_the_button_close_it_and_the_cell_has_the_focus(page_of, large) -> None:
    page = page_of(large)
    page.get_by_role("button", name="cfg, value 1, seed 0, euler", exact=True).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    wait_for_focus(page, "cfg, value 1.5, seed 0, euler")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Close").click()
    page.wait_for_selector("dialog", state="detached")
    wait_for_focus(page, "cfg, value 1.5, seed 0, euler")
    assert "open=" not in page.evaluate("location.href")


def test_the_step_on_another_slider_is_where_the_grid_is_when_it_closes(viewer) -> None:
    page = viewer()
    page.keyboard.press("]")
    page.keyboard.press("Escape")
    wait_for_focus(page, "apg momentum=-0.5 eta=0 norm_threshold=15, value 1, seed 0, euler")


def test_buttons_and_lists_step_along_every_axis(viewer) -> None:
    page = viewer()
    page.get_by_role("button", name="Next guidance scale").click()
    assert open_cell(page) == 6
    page.get_by_role("dialog").get_by_role("combobox", name="sampler").select_option("ddim")
    assert open_cell(page) == 7
    page.get_by_role("button", name="Previous guidance scale").click()
    assert open_cell(page) == 1
    assert page.get_by_role("button", name="Previous guidance scale").get_attribute("aria-disabled") == "true"


def test_pictures_keep_their_place_and_are_never_gone_while_they_change(viewer) -> None:
    page = viewer(more="zoom=32")
    page.evaluate(
        """() => {
        const place = document.querySelector('.box .large-picture > div');
        window.seen = [];
        const see = () => {
          const image = place.firstElementChild, box = place.getBoundingClientRect();
          window.seen.push([Boolean(image?.complete && image.naturalWidth), box.x, box.y, box.width, box.height]);
        };
        see();
        new MutationObserver(see).observe(place, {childList: true, subtree: true, attributes: true});
        }"""
    )
    page.keyboard.press("ArrowRight")
    wait_for(page, 6)
    for name, value, cell in [("guidance scale", "2.5", 18), ("seed", "2", 22)]:  # pictures that are not preloaded
        page.get_by_role("dialog").get_by_role("combobox", name=name).select_option(value)
        wait_for(page, cell)
    seen = page.evaluate("window.seen")
    assert len(seen) > 2
    assert all(one == seen[0] for one in seen)
    assert seen[0][0] is True


@pytest.mark.usefixtures("chromium_alone")
def test_neighbours_are_loaded_before_they_are_asked_for(viewer) -> None:
    page = viewer(VIDEO, "zoom=32")  # so that the grid behind has thumbnails
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url[-20:-4]))
    page.keyboard.press("]")
    wait_for(page, VIDEO + 24)
    wait_until(page, lambda: {id_of(VIDEO + 24 + by) for by in (-6, 6, 2)} <= asked)


@pytest.mark.parametrize("motion", ["no-preference", pytest.param("reduce", marks=pytest.mark.slow)])
def test_space_plays_an_axis_around_until_it_is_pressed_again(viewer, motion) -> None:
    page = viewer(more="hide.value=2,3", reduced_motion=motion)
    said = page.locator("dialog > [role=status]")
    assert said.inner_text() == "cfg, value 1, seed 0, euler".replace(", ", " · ")
    page.keyboard.press("Space")
    wait_for(page, 6)
    assert said.inner_text() == ""
    if motion == "no-preference":
        wait_for(page, FIRST)
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Play guidance scale", exact=True).get_attribute("aria-pressed") == "false"


@pytest.mark.slow
def test_a_button_plays_another_axis(viewer) -> None:
    page = viewer()
    page.get_by_role("button", name="Play sampler", exact=True).click()
    wait_for(page, 1)
    assert page.get_by_role("button", name="Play sampler", exact=True).get_attribute("aria-pressed") == "true"
    assert "large.axis=sampler" in page.evaluate("location.href")


def test_the_titles_say_in_which_settings_picture_and_reference_differ(viewer) -> None:
    page = viewer()
    page.keyboard.press("p")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("]")
    marked = page.locator(".titles mark").all_inner_texts()
    assert marked == ["apg momentum=-0.5 eta=0 norm_threshold=15", "value 1.5", "cfg", "value 1"]
    assert page.locator(".reference-title").inner_text() == "Reference: cfg · value 1 · seed 0 · euler"
    page.keyboard.press("r")
    assert open_cell(page) == FIRST
    assert f"pinned={id_of(30)}" in page.evaluate("location.href")
    page.keyboard.press("r")
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert "pinned" not in page.evaluate("location.href")
    assert not page.locator(".reference-title").count()


def test_without_a_reference_nothing_is_compared_and_it_says_what_is_needed(viewer) -> None:
    page = viewer(6)
    advice = page.get_by_role("status").filter(has_text="Choose a reference first: p")
    for key in "wds":
        page.keyboard.press(key)
        advice.wait_for()
        assert "pinned" not in page.evaluate("location.href")
        assert "compare" not in page.evaluate("location.href")
    page.keyboard.press("p")
    advice.wait_for(state="detached")
    page.keyboard.press("s")
    assert "compare=side" in page.evaluate("location.href")
    page.keyboard.press("s")
    assert "compare" not in page.evaluate("location.href")


def test_a_key_compares_with_the_control_of_each_picture(viewer) -> None:
    page = viewer(6)
    page.keyboard.press("c")
    page.locator(f".reference img[src$='{CONTROL}.png']").wait_for()
    assert "compare=side" in page.evaluate("location.href")
    said = page.locator(".reference-title")
    assert said.inner_text() == "Control (left): cfg 2.31, the baseline at the effective scale 2.25"
    page.keyboard.press("r")
    page.get_by_role("status").filter(has_text="The control is no cell of this page").wait_for()
    page.keyboard.press("d")
    page.get_by_text("its metrics are not here").wait_for()
    page.keyboard.press("w")
    page.keyboard.press("ArrowRight")
    page.get_by_text("This picture has no control.").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.locator(f".reference img[src$='{id_of(2)}.png']").wait_for()
    assert said.inner_text().startswith("Control (left): cfg · value 1 · seed 1")
    page.keyboard.press("c")
    assert "compare" not in page.evaluate("location.href")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("c")
    page.get_by_role("status").filter(has_text="This picture has no control").wait_for()


def test_it_says_why_there_is_no_picture(page_of, large) -> None:
    page = page_of(large, f"#open={id_of(11)}")
    assert page.locator(".stage").inner_text() == "not enough <b>memory</b>"
    page.keyboard.press("ArrowLeft")
    wait_for(page, 5)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    wait_for(page, 17)
    page = page_of(large, f"#open={id_of(7)}")
    assert page.locator(".stage").inner_text() == "This picture is not there yet."


def test_a_missing_file_is_told_of(page_of, large, tmp_path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(large, folder)
    (folder / f"images/{id_of(6)}.png").unlink()
    page = page_of(folder, f"#open={id_of(0)}", allowed=("ERR_FILE_NOT_FOUND",))
    page.locator(".box img").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("The file of this picture is not there.").wait_for()
    page.keyboard.press("ArrowRight")
    wait_for(page, 12)
    assert not page.get_by_text("The file of this picture is not there.").count()


def test_the_keys_are_shown_and_closed_by_themselves(viewer) -> None:
    page = viewer()
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    page.keyboard.press("ArrowRight")
    assert open_cell(page) == FIRST
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Keys").wait_for(state="detached")
    assert open_cell(page) == FIRST
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("dialog", name="Keys").get_by_role("button", name="Close").click()
    page.get_by_role("heading", name="Keys").wait_for(state="detached")
    page.keyboard.press("ArrowRight")
    wait_for(page, 6)
    assert open_cell(page) == 6


def test_all_of_the_view_is_in_the_address(viewer, page_of, large) -> None:
    page = viewer()
    for key in ["p", "ArrowRight", "d", "+", "i"]:
        page.keyboard.press(key)
    other = page_of(large, "#" + page.evaluate("location.hash.slice(1)"))
    other.locator(".reference img").wait_for()
    assert np.array_equal(screenshot(page, BOX), screenshot(other, BOX))
    assert not other.get_by_role("complementary").count()
