"""Skips tests of what an older diffusers than that of constraints.txt lacks. With that one, the same is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import diffusers
import pytest
import torch
from packaging.version import Version

CONSTRAINTS = (Path(__file__).parents[2] / "constraints.txt").read_text()
NEWEST = Version(re.search(r"^diffusers==(\S+)$", CONSTRAINTS, re.MULTILINE)[1])
IS_OLDER = Version(diffusers.__version__) < NEWEST


@contextmanager
def skipped_where_missing() -> Iterator[None]:
    """Skips the test where an older diffusers lacks a class that is used in the block, or needs a further package."""
    try:
        yield
    except AttributeError as error:
        of_diffusers = isinstance(error.obj, ModuleType) and error.obj.__name__.startswith("diffusers")
        if not (IS_OLDER and of_diffusers):
            raise
        pytest.skip(f"diffusers {diffusers.__version__} has no {error.name}")
    except ModuleNotFoundError as error:
        if not IS_OLDER:
            raise
        pytest.skip(f"diffusers {diffusers.__version__} needs {error.name}")


needs_group_offload = pytest.mark.skipif(
    IS_OLDER and not torch.accelerator.is_available(), reason="diffusers before 0.41 offloads only with an accelerator"
)
