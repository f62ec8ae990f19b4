"""What is on the screen in the large view, against numpy: difference, wipe, side by side, sizes, videos, previews."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.pages.browser.large import (
    BOX,
    FIRST,
    VIDEO,
    colours,
    id_of,
    mean_error,
    open_cell,
    pixels_of,
    screenshot,
    wait_for,
    wait_for_focus,
    wait_until,
)


@pytest.mark.parametrize("gain", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_the_difference_is_that_of_numpy(viewer, gain) -> None:
    page = viewer(6, f"pinned={id_of(0)}&large.scale=1&large.gain={gain}")
    page.keyboard.press("d")
    page.locator(".reference img").wait_for()
    expected = (np.abs(pixels_of(6) - pixels_of(0)) * gain).clip(0, 255)
    assert mean_error(screenshot(page, BOX), expected) < 1
    assert expected.mean() > 20
    assert mean_error(screenshot(page, BOX), pixels_of(6)) > 20


def test_the_factor_of_differences_can_be_chosen(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}&large.scale=1&compare=difference")
    page.get_by_label("What differences are multiplied by").select_option("× 16")
    expected = (np.abs(pixels_of(6) - pixels_of(0)) * 16).clip(0, 255)
    assert mean_error(screenshot(page, BOX), expected) < 1


def test_a_difference_has_the_metrics_of_both_under_it(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}")
    assert not page.locator(".difference-numbers").count()
    page.keyboard.press("d")
    rows = page.locator(".difference-numbers tbody tr").all_inner_texts()
    assert [row.split()[-3:] for row in rows] == [["0.22", "0", "+0.22"], ["0.18", "0", "+0.18"]]
    assert page.get_by_role("status").filter(has_text="difference from the reference cfg").count() == 1


def wiped(split: int, scale: int) -> Any:
    """What a wipe of cell 6 over cell 0 shows; split: columns of pixels of the reference."""
    both = np.concatenate([pixels_of(0)[:, :split], pixels_of(6)[:, split:]], axis=1)
    return both.repeat(scale, axis=0).repeat(scale, axis=1)


def wipe_error(page: Any, split: int, scale: int) -> float:
    """The mean error beside the handle, which is 14 pixels wide."""
    shown, expected = screenshot(page, BOX), wiped(split, scale)
    is_beside = np.abs(np.arange(shown.shape[1]) - split * scale) > 9
    return mean_error(shown[:, is_beside], expected[:, is_beside])


def test_the_wipe_is_that_of_numpy_and_goes_by_mouse_and_keys(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}&large.scale=8")
    page.keyboard.press("w")
    page.locator(".reference img").wait_for()
    assert wipe_error(page, 32, 8) < 1
    box = page.locator(BOX).bounding_box()
    page.mouse.move(box["x"] + 256, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 384, box["y"] + 200, steps=4)
    page.mouse.up()
    assert page.get_by_role("slider", name="Divide").input_value() == "75"
    assert wipe_error(page, 48, 8) < 1
    page.get_by_role("slider", name="Divide").focus()
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="Divide").input_value() == "62.5"
    assert wipe_error(page, 40, 8) < 1
    assert open_cell(page) == 6


@pytest.mark.slow
def test_arrows_step_again_after_the_wipe_was_dragged(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}&compare=wipe")
    page.locator(".wipe-range").click()
    page.keyboard.press("ArrowRight")
    assert open_cell(page) == 12


def test_a_finger_wipes_and_taps(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}", viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Wipe").tap()
    box = page.locator(BOX).bounding_box()
    touch = page.context.new_cdp_session(page)
    for kind, share in [("touchStart", 0.5), ("touchMove", 0.4), ("touchMove", 0.25), ("touchEnd", None)]:
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": box["y"] + 90}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert float(page.get_by_role("slider", name="Divide").input_value()) == pytest.approx(25, abs=1)
    page.get_by_role("button", name="Next guidance scale").tap()
    assert open_cell(page) == 12


def test_arrows_step_again_after_a_wipe_was_taken_away(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}&compare=wipe", has_touch=True)
    box = page.locator(BOX).bounding_box()
    touch = page.context.new_cdp_session(page)
    points = [{"x": box["x"] + 90, "y": box["y"] + 90}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})
    wait_for_focus(page, "Picture")
    page.keyboard.press("ArrowRight")
    assert open_cell(page) == 12


def test_side_by_side_shows_both_whole(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}&large.scale=2")
    page.get_by_role("button", name="Side by side").click()
    page.locator(".reference img").wait_for()
    own, other = (page.locator(BOX).nth(number).bounding_box() for number in range(2))
    assert other["x"] + other["width"] < own["x"]
    assert other["y"] == own["y"]
    enlarged = [pixels_of(cell).repeat(2, axis=0).repeat(2, axis=1) for cell in (6, 0)]
    assert mean_error(screenshot(page, BOX), enlarged[0]) == 0
    assert mean_error(screenshot(page, ".viewport + .viewport .box"), enlarged[1]) == 0


def test_pixels_of_the_picture_are_squares_and_fit_is_as_large_as_possible(viewer) -> None:
    page = viewer(6)
    stage, box = (page.locator(one).bounding_box() for one in (".stage", BOX))
    assert box["height"] == stage["height"] > 64
    page.keyboard.press("1")
    assert mean_error(screenshot(page, BOX), pixels_of(6)) == 0
    for _ in range(2):
        page.keyboard.press("+")
    assert mean_error(screenshot(page, BOX), pixels_of(6).repeat(4, axis=0).repeat(4, axis=1)) == 0
    page.keyboard.press("-")
    assert page.get_by_label("Size").input_value() == "2"
    page.keyboard.press("0")
    assert page.locator(BOX).bounding_box() == box


def test_an_enlarged_picture_is_moved_by_shift_and_arrows_and_by_the_mouse(viewer) -> None:
    page = viewer(6, "large.scale=8", viewport={"width": 1000, "height": 500})
    place = "(() => { const {scrollLeft: x, scrollTop: y} = document.querySelector('.viewport'); return [x, y]; })()"
    page.keyboard.press("Shift+ArrowDown")
    assert page.evaluate(place)[1] > 0
    assert open_cell(page) == 6
    box = page.locator(".viewport").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 350)
    page.mouse.up()
    assert page.evaluate(place)[1] == 0
    page.keyboard.press("Shift+ArrowDown")
    before = page.evaluate(place)
    page.keyboard.press("ArrowLeft")
    wait_for(page, 0)
    assert page.evaluate(place) == before


@pytest.mark.usefixtures("chromium_alone")
def test_an_enlarged_picture_is_moved_by_a_mouse_beyond_the_window(viewer) -> None:
    page = viewer(6, "large.scale=8", viewport={"width": 1000, "height": 500})
    top = "document.querySelector('.viewport').scrollTop"
    box = page.locator(".viewport").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, -200)
    assert page.evaluate(top) > 200
    page.mouse.up()
    page.mouse.move(box["x"] + 100, box["y"] + 50)
    assert page.evaluate(top) > 200


def test_videos_play(viewer) -> None:
    assert colours(viewer(VIDEO)) == {(255, 0, 0), (0, 0, 255)}


def test_videos_stay_still_for_less_motion_until_they_are_asked_to_play(viewer) -> None:
    page = viewer(VIDEO, reduced_motion="reduce")
    assert len(colours(page)) == 1
    page.get_by_role("button", name="Play the video").click()
    wait_for(page, VIDEO)
    assert colours(page) == {(255, 0, 0), (0, 0, 255)}


def test_previews_play_in_place_of_the_picture(viewer) -> None:
    page = viewer()
    page.get_by_role("button", name="Previews").click()
    page.locator(".box img[src*='previews/']").wait_for()
    page.get_by_text("x0 after steps 10, 20, in turn").wait_for()
    assert colours(page) == {(255, 0, 0), (0, 0, 255)}
    page.keyboard.press("v")
    wait_for(page, FIRST)


@pytest.mark.slow
def test_enlarged_pictures_side_by_side_move_together(viewer) -> None:
    page = viewer(6, f"pinned={id_of(0)}&large.scale=8&compare=side", viewport={"width": 1000, "height": 500})
    page.locator(".reference img").wait_for()
    page.locator(".viewport").first.hover()
    page.mouse.wheel(60, 90)
    places = "all => all.map(one => [one.scrollLeft, one.scrollTop])"
    wait_until(page, lambda: page.locator(".viewport").evaluate_all(places) == [[60, 90], [60, 90]])
