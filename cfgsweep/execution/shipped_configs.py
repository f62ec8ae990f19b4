"""The sweep files and training files that are installed with the package, found by their names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cfgsweep.errors import unknown_name

CONFIGS = Path(__file__).parents[1] / "configs"  # in the repository a link to configs/ at its top

Kind = Literal["sweep", "training"]
FOLDERS: dict[Kind, Path] = {"sweep": CONFIGS, "training": CONFIGS / "train"}


@dataclass(frozen=True)
class ShippedConfig:
    """A sweep file or training file of the package."""

    name: str
    kind: Kind
    path: Path

    @property
    def command(self) -> str:
        """The command that it is for; `plan` and `phase` take what `run` takes."""
        return "run" if self.kind == "sweep" else "train"

    @property
    def description(self) -> str:
        """The first line of the comment at the top of the file."""
        with open(self.path, encoding="utf-8") as file:
            return file.readline().removeprefix("#").strip()

    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


def shipped_configs(kind: Kind | None = None) -> dict[str, ShippedConfig]:
    """All of them by name, or those of one kind."""
    return {
        path.stem: ShippedConfig(path.stem, one, path)
        for one, folder in FOLDERS.items()
        if kind in (None, one)
        for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem)
    }


def shipped_config(name: str) -> ShippedConfig:
    """The one of that name. Raises UserError, with the nearest name, where there is none."""
    known = shipped_configs()
    if name not in known:
        raise unknown_name("config", name, known)
    return known[name]


def find_config(source: str | os.PathLike[str], kind: Kind) -> Path:
    """The path of a config: a file or folder that exists, else the shipped config of that name.

    Raises UserError where a plain name is neither. A path that does not exist is returned: reading it tells why.
    """
    path = Path(source)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # a name that no file can have
        exists = False
    if exists:
        return path
    known = shipped_configs(kind)
    if str(source) in known:
        return known[str(source)].path
    if path.name == str(source) and not path.suffix:
        raise unknown_name(f"{kind} file (no file and no shipped config has this name)", str(source), known)
    return path
