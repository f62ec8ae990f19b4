"""Tables of the benches, and the folders of their runs."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cfgsweep.phases.transitions import Transition


def versions() -> str:
    """Versions that results depend on, as text."""
    return f"torch {version('torch')}, Python {platform.python_version()}"


def in_folder(main: Callable[[Path], None]) -> None:
    """Calls `main` with the folder that the command line gives, which is kept, or with a temporary one."""
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made) / "runs")


def told(text: str, transition: Transition) -> str:
    """The text on a transition, bold where it is abrupt."""
    return f"**{text}**" if transition.verdict == "abrupt" else text


def publish(name: str, lines: Sequence[str]) -> None:
    """Prints a page, and writes it to NAME.md beside the benches."""
    text = "\n".join(lines) + "\n"
    print(text)
    (Path(__file__).parent / f"{name}.md").write_text(text)
