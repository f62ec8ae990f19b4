"""Sweep files of saved pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def sweep_of(model: Path | str, **settings: Any) -> str:
    """The text of a sweep file: two steps with the pipeline's own sampler, 32x32 pixels, and other settings."""
    base = {"name": "s", "model": str(model), "prompt": "a cat", "steps": 2, "size": 32}
    return yaml.safe_dump({**base, "guider": "cfg", "sampler": "model", **settings})
