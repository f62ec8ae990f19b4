"""Scripts in a mount namespace of their own, in which they may mount what they like."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

import pytest


def unshared(script: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs a script of bash. environment: None for that of this process."""
    words = ["unshare", "-Urm", "bash", "-c", script]
    return subprocess.run(words, capture_output=True, text=True, timeout=600, env=environment)


needs_mounts = pytest.mark.skipif(
    shutil.which("unshare") is None or unshared("mount -t tmpfs tmpfs /mnt").returncode != 0,
    reason="no file system may be mounted here",
)
