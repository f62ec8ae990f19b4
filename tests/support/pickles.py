"""A pickle that shows whether it was loaded."""

from __future__ import annotations

import os
from pathlib import Path


class Payload:
    """Creates the folder `mark` when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.mark),)
