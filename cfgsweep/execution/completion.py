"""Completes the arguments of commands in a shell. Every function returns the words that begin with `incomplete`."""

from __future__ import annotations

import glob
import os

from cfgsweep.execution.shipped_configs import Kind, shipped_configs


def complete_sweep(incomplete: str) -> list[str]:
    """Names of shipped sweeps, and paths."""
    return [*_names_of_configs(incomplete, "sweep"), *_paths(incomplete)]


def complete_training(incomplete: str) -> list[str]:
    """Names of shipped training files, and paths."""
    return [*_names_of_configs(incomplete, "training"), *_paths(incomplete)]


def complete_config_name(incomplete: str) -> list[str]:
    """Names of all shipped configs."""
    return _names_of_configs(incomplete)


def complete_guider(incomplete: str) -> list[str]:
    from cfgsweep.guidance import GUIDERS

    return [name for name in GUIDERS if name.startswith(incomplete)]


def complete_schedule(incomplete: str) -> list[str]:
    from cfgsweep.guidance.schedules import SCHEDULES

    return [name for name in SCHEDULES if name.startswith(incomplete)]


def _names_of_configs(incomplete: str, kind: Kind | None = None) -> list[str]:
    return [name for name in shipped_configs(kind) if name.startswith(incomplete)]


def _paths(incomplete: str) -> list[str]:
    """Files and folders; the latter with a slash at the end."""
    return sorted(f"{path}/" if os.path.isdir(path) else path for path in glob.glob(f"{glob.escape(incomplete)}*"))
