"""The page uses no network, and could not: its policy refuses it, and the browser's log has no request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import cfgsweep
from tests.pages.browser.large import FIRST, id_of, wait_until
from tests.support.browser import chromium, opened

# Ways to an address that a page has; what is refused is collected. Of frames and forms, browsers tell the rule alone.
TRY = """([address, canLeave]) => {
    window.refused = [];
    addEventListener("securitypolicyviolation", ({blockedURI, effectiveDirective: rule}) =>
        window.refused.push(["frame-src", "form-action"].includes(rule) ? rule : blockedURI.split("/").at(-1)));
    const add = (tag, attributes) => document.body.append(Object.assign(document.createElement(tag), attributes));
    const send = target => { const form = Object.assign(document.createElement("form"), {action: target});
        document.body.append(form); form.submit(); };
    const ways = {
        fetch: to => fetch(to).catch(() => null),
        request: to => { const request = new XMLHttpRequest(); request.open("GET", to); request.send(); },
        socket: to => new WebSocket(to.replace("http", "ws")),
        events: to => new EventSource(to),
        beacon: to => navigator.sendBeacon(to, "told"),
        image: to => add("img", {src: to}),
        script: to => add("script", {src: to}),
        style: to => add("link", {rel: "stylesheet", href: to}),
        "frame-src": to => add("iframe", {src: to}),
        video: to => add("video", {src: to}),
        font: to => new FontFace("told", `url(${to})`).load().catch(() => null),
        "form-action": send,
    };
    if (!canLeave) delete ways["form-action"];  // which opens another page
    for (const [name, go] of Object.entries(ways)) try { go(`${address}/${name}`); } catch {}
    return Object.keys(ways);
}"""


class Server(ThreadingHTTPServer):
    """On this machine; it notes what it is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path.split("?")[0].strip("/"))
                self.send_error(404)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A page that is closed does not wait for its answers."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture(params=["folder", "single"])
def file(request, synthetic: Path, real: Path, tmp_path: Path) -> Path:
    if request.param == "folder":
        return synthetic / "page/index.html"
    return Path(cfgsweep.page(real, single=True, out=tmp_path / "single.html"))


def test_the_policy_refuses_every_way_to_the_network(browser, file: Path, server: Server) -> None:
    with opened(browser, file, allowed=("",)) as page:  # it says on its console what it refuses
        page.wait_for_selector("main *")
        ways = page.evaluate(TRY, [server.address, True])
        wait_until(page, lambda: set(page.evaluate("window.refused")) >= set(ways))
    assert server.asked == []


@pytest.mark.slow
def test_without_the_policy_they_would_arrive(browser, synthetic: Path, server: Server) -> None:
    """So that the test above is one of the policy."""
    text = (synthetic / "page/index.html").read_text()
    bare = synthetic / "page/bare.html"
    bare.write_text(text.replace("Content-Security-Policy", "X-Nothing"))
    noticed = pytest.raises(pytest.fail.Exception, match=server.address)
    with noticed, opened(browser, bare) as page:
        ways = page.evaluate(TRY, [server.address, False])
        wait_until(page, lambda: set(server.asked) >= set(ways))
    bare.unlink()


def requests_in(log: Path) -> list[str]:
    """The addresses that pages asked for, in a log of Chromium's; what it asks for itself has no origin."""
    content = json.loads(log.read_text())
    start = content["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    found = (event.get("params", {}) for event in content["events"] if event["type"] == start)
    of_pages = (one["url"] for one in found if one.get("initiator") not in (None, "not an origin"))
    return [url for url in of_pages if not url.startswith(("file:", "data:", "blob:"))]


@pytest.mark.slow
@pytest.mark.parametrize("leaks", [False, True])
def test_chromiums_own_log_has_no_request_of_the_page(large: Path, server: Server, tmp_path: Path, leaks: bool) -> None:
    log = tmp_path / "log.json"
    with chromium(f"--log-net-log={log}") as browser:
        with opened(browser, large / "page/index.html", f"#open={id_of(FIRST)}") as page:
            page.locator(".chart canvas").first.wait_for()
            for key in ["p", "ArrowRight", "w", "d", "s", "Escape"]:
                page.keyboard.press(key)
            page.get_by_text("Plots", exact=True).click()
            page.locator(".plot-place canvas").wait_for()
        if leaks:
            page = browser.new_page()
            page.evaluate("to => { new Image().src = to }", f"{server.address}/seen")
            wait_until(page, lambda: server.asked == ["seen"])
    assert requests_in(log) == [f"{server.address}/seen"] * leaks
