"""Where the benches put their tables."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import torch


def versions() -> str:
    """What figures depend on, besides the machine."""
    return f"torch {torch.__version__}, Python {platform.python_version()}"


def publish(name: str, lines: Sequence[str]) -> None:
    """Print a page, and write it beside the benches."""
    text = "\n".join(lines) + "\n"
    print(text)
    (Path(__file__).parent / f"{name}.md").write_text(text)
