"""Loads a class from a user's own Python file (`guider: my.py:Mine`). This runs the file, so it has to be allowed."""

from __future__ import annotations

import hashlib
import re
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError, shorten, unknown_name

REFERENCE = re.compile(r"(?P<file>.+\.py):(?P<cls>[A-Za-z_]\w*)")

_allowed: ContextVar[bool] = ContextVar("code_allowed", default=False)
MODULES = "cfgsweep_user_code."  # the names of their modules begin with this
_modules: dict[tuple[Path, str], types.ModuleType] = {}


@contextmanager
def allow_code(allowed: bool = True) -> Iterator[None]:
    """Lets sweeps that are made or read inside the block import users' Python files, as `--allow-code` does.

    allowed: if False, nothing changes.
    """
    token = _allowed.set(allowed or _allowed.get())
    try:
        yield
    finally:
        _allowed.reset(token)


def is_reference(name: object) -> bool:
    """Is this `file.py:Class`?"""
    return isinstance(name, str) and REFERENCE.fullmatch(name) is not None


def is_user_class(cls: type) -> bool:
    """Is the class defined in a user's file? Such classes are not registered by their names."""
    return cls.__module__.startswith(MODULES)


def load_class(reference: str, base: type, kind: str) -> type[Any]:
    """The class of `file.py:Class`, a path relative to the current folder.

    Raises UserError if code is not allowed, or if the file cannot be imported or has no such class.
    """
    match = REFERENCE.fullmatch(reference)
    assert match is not None
    if not _allowed.get():
        hint = "--allow-code (in Python: cfgsweep.allow_code) runs it; read a file first that is not your own"
        raise UserError(f"{match['file']} would run its code", given=reference, hint=hint)
    return import_class(Path(match["file"]).absolute(), reference, base, kind)


def import_class(path: Path, reference: str, base: type, kind: str, expected: str | None = None) -> type[Any]:
    """Imports the file at `path` and prepares the class that `reference` names: its name, file and hash.

    expected: the hash that the file must have to be imported; any if None.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", given=reference) from None
    code_hash = hashlib.sha256(content).hexdigest()[:16]
    if expected not in (None, code_hash):
        raise UserError("the file has changed since the run began", where=str(path), given=reference)
    if (path, code_hash) not in _modules:
        _modules[path, code_hash] = _import_module(path, content, code_hash)
    module = _modules[path, code_hash]
    name = reference.rpartition(":")[2]
    own = {key: cls for key, cls in vars(module).items() if getattr(cls, "__module__", "") == module.__name__}
    if name not in own:
        candidates = [key for key, cls in own.items() if isinstance(cls, type) and issubclass(cls, base)]
        raise unknown_name(f"class of {path.name}", name, candidates)
    cls = own[name]
    if not (isinstance(cls, type) and issubclass(cls, base)):
        allowed = f"a class derived from {base.__module__}.{base.__qualname__}"
        raise UserError(f"{name} of {path.name} is no {kind}", given=reference, allowed=allowed)
    cls.name, cls.code_hash, cls.code_file = reference, code_hash, str(path)  # type: ignore[attr-defined]
    return cls


def _import_module(path: Path, content: bytes, code_hash: str) -> types.ModuleType:
    """Runs the file as a module of its own. It stays in `sys.modules`, where pydantic looks up annotations."""
    module = types.ModuleType(f"{MODULES}{path.stem}_{code_hash}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(content, str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise _failure(path, error) from None
    return module


@contextmanager
def errors_of(cls: type) -> Iterator[None]:
    """Turns exceptions that a class from a user's file raises into UserErrors with its file and line.

    Other classes' exceptions, and what a device raises where its memory does not suffice, pass through.
    """
    file = getattr(cls, "code_file", None)
    try:
        yield
    except (MemoryError, UserError):
        raise
    except Exception as error:
        if file is None or type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported here
            raise
        raise _failure(Path(file), error) from error


def _failure(path: Path, error: BaseException) -> UserError:
    """File, line and text of the exception that a user's file raised."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    text = str(error)
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines, text = [error.lineno], error.msg
    line = f", line {lines[-1]}" if lines else ""
    return UserError(f"{path.name}{line}: {type(error).__name__}: {shorten(text, 300)}")
