"""Whether a folder may be a run's: nothing of the user's is taken for a run, or written into."""

from __future__ import annotations

from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.storage.artifacts import ARTIFACTS, FOLDERS, GRIDS, IMAGES, INPUTS, SHARDS
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.system.files import is_left_behind
from cfgsweep.system.locks import LOCKS


def is_bare(folder: Path) -> bool:
    """Is there nothing in the folder that a run would not have begun with?"""
    own = [folder / name for name in (IMAGES, GRIDS, SHARDS)]
    there = (path for place in (folder, *own[:2]) if place.is_dir() for path in place.iterdir())
    shards = own[2].iterdir() if own[2].is_dir() else ()
    return all(is_left_behind(path) or path.name in LOCKS or (path in own and path.is_dir()) for path in there) and all(
        ShardOf.named(path) is not None and path.is_dir() for path in shards
    )


def check_kinds_of_files(folder: Path) -> None:
    """Raises UserError where a file of a run is a link or a folder, or a folder a file."""
    folders = [folder / name for name in (*FOLDERS, SHARDS)]
    files = [folder / artifact.pattern for artifact in ARTIFACTS if artifact.is_one_file]
    within = [*(folder / INPUTS).glob("*"), *(folder / SHARDS).glob("*-of-*")]
    for path in (*folders, *files, *within):
        if path.is_symlink():
            raise UserError("a link: a run writes nothing outside of its folder", where=str(path))
        is_right = path.is_file() if path in files else path.is_dir()
        if path.exists() and not is_right and path not in within:
            raise UserError(f"not a {'file' if path in files else 'folder'}", where=str(path))
