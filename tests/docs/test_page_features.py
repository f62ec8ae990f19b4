"""The tests that docs/page.md names for what the page does are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_feature_has_a_test_that_is_there() -> None:
    _, _, *lines = (line.strip("|").split("|") for line in features().splitlines() if line.startswith("|"))
    assert len(lines) > 20
    code = "".join(file.read_text() for file in (ROOT / "tests/pages/browser").glob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)", code, re.MULTILINE))
    for feature, _, named in lines:
        names = re.findall(r"`(\w+)`", named)
        assert set(names) <= there, (feature, set(names) - there)
        assert names or feature.startswith(" no "), feature


def features() -> str:
    """The table."""
    (found,) = re.findall(
        r"^## Beside other viewers\n(.*?)^## ", (ROOT / "docs/page.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return found
