"""Features of reference pictures, in a run's folder `metrics`, under a hash of what they were computed from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.system.files import make_folder, open_atomic

if TYPE_CHECKING:
    import numpy as np


def read_features(path: Path) -> np.ndarray | None:
    """The features in a file, float32 [pictures, features]; None where there is none, or it is damaged."""
    import numpy as np

    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_right = isinstance(found, np.ndarray) and found.ndim == 2 and found.dtype == np.float32
    return found if is_right and bool(np.isfinite(found).all()) else None


def is_features(path: Path) -> bool:
    """Is the file whole?"""
    return read_features(path) is not None


def write_features(features: np.ndarray, path: Path) -> None:
    import numpy as np

    make_folder(path.parent)
    with open_atomic(path) as file:
        np.save(file, features.astype(np.float32), allow_pickle=False)
