"""What axe-core finds on a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parents[3] / "page/node_modules/axe-core/axe.min.js"


def violations(page: Any, within: str = "html") -> list[str]:
    """Of the rules, with the first element. Tests are skipped where axe-core is not installed, but not in CI."""
    if not AXE.exists() and not os.environ.get("CI"):
        pytest.skip("axe-core is not installed: npm ci in page/")
    page.evaluate(AXE.read_text() + "; null")
    told = "found => found.violations.map(one => `${one.id}: ${one.nodes.length} like ${one.nodes[0].html}`)"
    # Without `preload`, it would request style sheets, which the page's policy forbids.
    return page.evaluate(f"axe.run({within!r}, {{resultTypes: ['violations'], preload: false}}).then({told})")
