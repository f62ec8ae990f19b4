"""The versions that pyproject.toml allows are those that continuous integration tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().replace("_", "-").splitlines()
    return dict(re.fullmatch(r"(\S+)==(\S+)", line).groups() for line in lines)


@pytest.mark.parametrize("name", ["accelerate", "diffusers", "transformers"])
def test_the_lowest_version_allowed_is_tested(name: str) -> None:
    (allowed,) = (each for each in map(Requirement, DEPENDENCIES) if each.name == name)
    (lowest,) = (each.version for each in allowed.specifier if each.operator == ">=")
    assert Version(pinned("constraints-oldest.txt")[name]) == Version(lowest)


@pytest.mark.parametrize("constraints", ["constraints.txt", "constraints-oldest.txt"])
def test_what_is_tested_is_allowed(constraints: str) -> None:
    versions = pinned(constraints)
    for allowed in map(Requirement, DEPENDENCIES):
        assert allowed.name not in versions or versions[allowed.name] in allowed.specifier, allowed
