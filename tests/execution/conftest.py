"""Saved pipelines that several files of tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import tiny_pipelines


@pytest.fixture(scope="session")
def flux(saved) -> Path:
    """A tiny Flux."""
    return saved(tiny_pipelines.build("flux"))
