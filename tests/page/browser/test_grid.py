"""The grid of a page: pivot, headings, keys, zoom, hidden values, phone, print."""

from __future__ import annotations

from tests.page.browser.synthetic import REASON


def test_it_shows_pictures_and_why_there_is_none(page_of, synthetic) -> None:
    page = page_of(synthetic, "#rows=sampler,seed")
    cell = page.get_by_role("button", name="cfg, value 1, seed 0, euler", exact=True)
    assert cell.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    assert page.get_by_role("button", name="cfg, value 1, seed 3, ddim: not there yet").is_visible()
    assert page.get_by_text(REASON, exact=True).is_visible()
