"""The page of `cfgsweep rate` in a browser, from its file: keys, mouse, touch, reload, saving, hostile texts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import cfgsweep
from tests.support.browser import opened
from tests.support.run_state import run_of

pytestmark = pytest.mark.slow
PAGE = "rate/index.html"

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=document.title='taken'> ] & \u202e \u2028"
SWEEP = f"""\
name: c
model: emoji
prompt: [{json.dumps(HOSTILE)}, a horse]
seed: [1, 2, 3]
steps: 2
guider: [cfg, cfg_zero]
value: 3
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = run_of(SWEEP, tmp_path_factory.mktemp("rate"))
    cfgsweep.rate(folder, matched="value", question="Better? <b>")
    return folder


@pytest.fixture
def page(browser, run: Path) -> Iterator[Any]:
    """The page in a window of its own. Nothing is said on its console, and nothing is loaded but the file."""
    with opened(browser, run / PAGE) as found:
        yield found


def ids(run: Path) -> list[str]:
    """Of the pairs, in the order of the page."""
    (key,) = run.glob("rate/key-*.json")
    return [pair["id"] for pair in json.loads(key.read_text())["pairs"]]


def saved(page) -> dict[str, Any]:
    """What the button saves."""
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == f"answers-{page.evaluate('page.id')}.json"  # as the command tells
    return json.loads(Path(download.value.path()).read_text())


def reload_until(page, status: str) -> None:
    """Loads the page again, several times if need be: Chromium writes what a page stores a moment later."""
    for _ in range(20):
        page.reload()
        if page.inner_text("#status").startswith(status):
            return
    raise AssertionError(page.inner_text("#status"))


def test_keys_give_answers_and_go_back(page, run: Path) -> None:
    first, second, third, *_ = ids(run)
    for key in ("ArrowLeft", "ArrowDown", "ArrowLeft", "Backspace", "ArrowRight"):
        page.keyboard.press(key)
    assert page.inner_text("#status") == f"Pair 4 of {len(ids(run))}"
    assert saved(page)["answers"] == {first: "left", second: "tie", third: "right"}


def test_keys_with_others_held_and_in_the_field_of_the_name_are_no_answers(page) -> None:
    page.keyboard.press("Control+ArrowLeft")
    page.fill("#rater", " Ann ")
    page.press("#rater", "ArrowLeft")
    page.press("#rater", "Backspace")
    found = saved(page)
    assert (found["answers"], found["rater"]) == ({}, "An")


def test_the_mouse_and_the_tab_key_do_the_same(page, run: Path) -> None:
    first, second, third, fourth, *_ = ids(run)
    page.click("#right")
    page.click("#tie")
    page.click("#back")
    page.click("#left-picture")
    page.focus("#right")
    page.keyboard.press("Enter")
    page.focus("#tie")
    page.keyboard.press("Space")
    assert saved(page)["answers"] == {first: "right", second: "left", third: "right", fourth: "tie"}


def test_answers_stay_when_the_page_is_loaded_again(page, run: Path) -> None:
    page.keyboard.press("ArrowLeft")
    page.fill("#rater", "Ann")
    page.press("#rater", "Tab")
    reload_until(page, "Pair 2 of")
    found = saved(page)
    assert (found["answers"], found["rater"]) == ({ids(run)[0]: "left"}, "Ann")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#restart")
    reload_until(page, "Pair 1 of")
    assert saved(page) == {**found, "answers": {}, "rater": ""}


def test_it_works_where_storage_is_not_allowed(browser, run: Path) -> None:
    with opened(browser, run / PAGE) as page:
        page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})")
        page.reload()
        page.keyboard.press("ArrowLeft")
        assert saved(page)["answers"] == {ids(run)[0]: "left"}


def test_what_it_saves_is_read(page, run: Path, cli, tmp_path: Path) -> None:
    for _ in ids(run):
        page.keyboard.press("ArrowLeft")
    assert page.is_visible("#done")
    assert not page.is_visible("#pair")
    page.keyboard.press("ArrowLeft")  # without effect
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(saved(page)))
    done = cli("compare", run, "--ratings", answers, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["raters"][0]["left"] == len(ids(run))


def test_it_shows_the_pictures_of_its_key(page, run: Path) -> None:
    """The pixels on the left and on the right, of every pair."""
    from PIL import Image

    pixels = """side => {
        const image = document.getElementById(side + "-picture"), canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data);
    }"""
    (key,) = run.glob("rate/key-*.json")
    for pair in json.loads(key.read_text())["pairs"]:
        page.wait_for_function("['left', 'right'].every(side => document.getElementById(side + '-picture').complete)")
        for side in ("left", "right"):
            with Image.open(run / f"images/{pair[f'{side}_picture']}.png") as picture:
                assert bytes(page.evaluate(pixels, side)) == picture.convert("RGBA").tobytes()
        page.keyboard.press("ArrowDown")


def test_texts_of_the_run_are_text(page, run: Path) -> None:
    shown = []
    for _ in ids(run):
        shown.append(page.text_content("#text"))
        page.keyboard.press("ArrowDown")
    assert set(shown) == {HOSTILE, "a horse"}
    assert page.text_content("#question") == "Better? <b>"
    assert page.title() == "Rating of pictures"
    assert page.locator("script").count() == 2


def test_its_policy_allows_no_network_and_no_other_code(browser, run: Path) -> None:
    """Code in the page that asks a server on this machine is refused, and the server hears nothing."""
    heard: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url, page = f"http://127.0.0.1:{server.server_address[1]}/x.png", browser.new_page()
        page.goto((run / "rate/index.html").as_uri())
        assert page.evaluate(f"fetch('{url}').then(() => 'loaded', () => 'refused')") == "refused"
        ends = "i.onload = () => end('loaded'); i.onerror = () => end('refused'); i.src = url"
        assert page.evaluate(f"url => new Promise(end => {{ const i = new Image(); {ends}; }})", url) == "refused"
        script = "s = document.createElement('script'); s.textContent = 'window.taken = 1'; document.body.append(s)"
        assert page.evaluate(f"const {script}; window.taken || 'refused'") == "refused"
        page.close()
        server.shutdown()
    assert heard == []


def test_it_fits_a_phone_in_the_dark(browser, run: Path) -> None:
    """Both pictures and the buttons are on the screen, large enough for a finger, and touch gives an answer."""
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}
    with opened(browser, run / PAGE, **phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for name in ("#left", "#right", "#tie", "#back", "#save"):
            box = page.locator(name).bounding_box()
            assert box["height"] >= 44
            assert box["y"] + box["height"] <= 740
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert sum(dark[:3]) < 150
        page.tap("#right")
        assert saved(page)["answers"] == {ids(run)[0]: "right"}


def test_screen_readers_are_told_what_is_what(page) -> None:
    assert page.get_by_role("button", name="The left picture").is_visible()
    assert page.get_by_role("button", name="The right picture").is_visible()
    assert page.get_by_role("button", name="No difference").is_visible()
    assert page.get_by_role("img", name="left picture").count() == 1
    assert page.get_by_role("progressbar", name="Pairs with an answer").count() == 1
    assert page.get_by_role("status").inner_text().startswith("Pair 1 of")
    assert page.get_by_label("Your name, if you like").count() == 1
