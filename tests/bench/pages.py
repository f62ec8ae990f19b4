"""Writes the tables of the benches."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import torch


def versions() -> str:
    """Versions that results depend on, as text."""
    return f"torch {torch.__version__}, Python {platform.python_version()}"


def publish(name: str, lines: Sequence[str]) -> None:
    """Prints a page, and writes it to NAME.md beside the benches."""
    text = "\n".join(lines) + "\n"
    print(text)
    (Path(__file__).parent / f"{name}.md").write_text(text)
