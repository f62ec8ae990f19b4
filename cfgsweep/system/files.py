"""Files that are whole or absent, after a kill and after a loss of power, and that share nothing with linked copies."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, which removes no file that is open
    fcntl = None  # type: ignore[assignment]

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{1,16}\.tmp")  # in earlier versions, the number of the process
NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF}  # of folders, on some network file systems


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the path to any OSError from inside: the system does not say which file it could not write."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def is_utf8(name: str | Path) -> bool:
    """Is the name UTF-8? Python keeps the bytes of a file name that are not as half surrogate pairs."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_left_behind(path: Path) -> bool:
    """Whether this is a temporary file of `open_atomic` that nobody writes any more.

    Its writer holds a lock on it, which other machines and process namespaces see too; numbers of processes they do
    not. Where the file system gives no locks, no file counts as left behind.
    """
    if TEMPORARY.fullmatch(path.name) is None or path.is_symlink() or not path.is_file():
        return False
    try:
        with open(path, "rb") as file:
            return _lock(file)
    except OSError:
        return False


def remove_left_behind(path: Path) -> None:
    """Removes a temporary file unless somebody writes it. The lock is held, so that a writer notices: `open_atomic`."""
    try:
        with open(path, "rb") as file:
            if _lock(file):
                path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass


def _lock(file: BinaryIO, write: bool = False) -> bool:
    """Locks an open file until it is closed; returns whether that was possible.

    write: wait until nobody looks at it. Else a lock for reading, since NFS gives a reader no other, without waiting.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX if write else fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _new_temporary(path: Path) -> tuple[Path, BinaryIO]:
    """A new temporary file for `path`, locked: never one that is there, which may be linked to another place."""
    while True:
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        file = open(fresh, "xb")  # noqa: SIM115 - the caller closes it
        _lock(file, write=True)
        if os.fstat(file.fileno()).st_nlink:  # else somebody took it for left behind, before it was locked
            return fresh, file
        file.close()


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Opens a binary file that appears under its name only when it is complete and on disk, and its name, too."""
    with naming(path):
        fresh, file = _new_temporary(path)
    try:
        with naming(path), file:
            yield file
            sync_file(file)
            os.replace(fresh, path)
        sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)  # without effect after the rename


def copy_file(source: Path, target: Path) -> None:
    """Copies a file, whole or not at all, into a folder that is made if need be."""
    make_folder(target.parent)
    with source.open("rb") as given, open_atomic(target) as file:
        shutil.copyfileobj(given, file)


def append(path: Path, content: bytes) -> None:
    """Adds to the end of a file, on a line of its own, and syncs it. A file with hard links is copied first."""
    with naming(path):
        is_new = not path.exists()
        if not is_new and path.stat().st_nlink > 1:  # such as a copy of the folder by `cp -al`
            _break_links(path)
        with open(path, "ab+") as file:
            if file.tell():  # a line cut short by a kill must not swallow this one
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    content = b"\n" + content
            file.write(content)
            sync_file(file)
    if is_new:
        sync_folder(path.parent)


def _break_links(path: Path) -> None:
    """Gives the path a file of its own with the same content."""
    content = path.read_bytes()
    with open_atomic(path) as file:
        file.write(content)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it that are missing, and syncs their names."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def sync_file(file: BinaryIO) -> None:
    """Writes an open file to disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Writes the names in a folder to disk: before that, a loss of power can undo a rename."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    with naming(folder):
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(place)
        except OSError as error:
            if error.errno not in NO_SYNC:
                raise
        finally:
            os.close(place)
