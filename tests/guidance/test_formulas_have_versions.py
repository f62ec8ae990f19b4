"""A formula changes only with its `formula_version`, since it makes other pictures under the same id.

`python -m tests.guidance.test_formulas_have_versions` writes the snapshot for what is new, or has a new version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES
from tests.support.guidance_steps import guided

SNAPSHOT = Path(__file__).with_name("snapshot_of_formulas.yaml")


def of_guider(name: str) -> dict[str, Any]:
    """Two numbers of the guided prediction for each kind of prediction, at two scales."""
    guider, generator = GUIDERS[name](), torch.Generator().manual_seed(7)
    base, direction = (torch.randn(1, 4, 8, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    branches = ("cond", "uncond", "perturbed", "blurred", "empty")
    some = {
        branch: base + 0.3 * torch.randn(base.shape, generator=generator, dtype=torch.float64) for branch in branches
    }
    found = {}
    for kind in ("epsilon", "x0", "v", "flow"):
        results = [guided(guider, some, kind, scale=factor * guider.default_scale) for factor in (0.3, 1.0)]
        found[kind] = [float((result * each).mean()) for result in results for each in (result, direction)]
    return {"formula_version": GUIDERS[name].formula_version, "numbers": found}


def of_schedule(name: str) -> dict[str, Any]:
    """The values at nine steps."""
    numbers = SCHEDULES[name].example(9).values(3.0, 9)
    return {"formula_version": SCHEDULES[name].formula_version, "numbers": {"values": numbers}}


def current() -> dict[str, Any]:
    return {
        "guiders": {name: of_guider(name) for name in GUIDERS.built_in()},
        "schedules": {name: of_schedule(name) for name in SCHEDULES.built_in()},
    }


def agree(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the numbers are the same, or the versions are not. Formulas are computed in float64, alike everywhere."""
    if before["formula_version"] != now["formula_version"]:
        return True
    return all(numbers == pytest.approx(now["numbers"][kind], rel=1e-6) for kind, numbers in before["numbers"].items())


def test_a_formula_changes_only_with_its_version() -> None:
    before, now = yaml.safe_load(SNAPSHOT.read_text()), current()
    for kind, known in before.items():
        assert [name for name in known if not agree(known[name], now[kind][name])] == []
        assert [name for name in now[kind] if name not in known] == [], "write the snapshot: see the top of this file"


def test_the_snapshot_notices_another_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_guider("cfg_zero")
    monkeypatch.setattr(GUIDERS["cfg_zero"], "flow_space", None)
    assert not agree(before, of_guider("cfg_zero"))
    monkeypatch.setattr(GUIDERS["cfg_zero"], "formula_version", 3)
    assert agree(before, of_guider("cfg_zero"))


if __name__ == "__main__":
    known = yaml.safe_load(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    made = current()
    for kind, parts in made.items():
        for name, old in known.get(kind, {}).items():
            if name in parts and old["formula_version"] == parts[name]["formula_version"]:
                parts[name] = old
    SNAPSHOT.write_text(yaml.safe_dump(made, sort_keys=False))
