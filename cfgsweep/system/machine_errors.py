"""Errors of the machine, such as a full disk or a file server that does not answer, apart from those of a path."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

# Of a path that was given: not there, too long, below a file, a folder in the place of a file.
PATH_ERRORS = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG}
NOT_THERE = PATH_ERRORS - {errno.EISDIR, errno.EEXIST}
ADVICE = {
    errno.ESTALE: "the file server has replaced the file or folder meanwhile",
    errno.ENOTCONN: "the file system is not mounted any more, or its server is gone",
    errno.ETIMEDOUT: "the file server does not answer",
    errno.EINVAL: "the file system does not take this operation or this name",
    errno.EBUSY: "another program, or the file server, holds the file",
    errno.ENOMEM: "there is not enough memory",
    errno.ENOLCK: "the file system gives no locks, as NFS mounted with `nolock`",
    errno.EOPNOTSUPP: "the file system lacks this operation, such as locks",
    errno.ENOSYS: "the file system lacks this operation, such as locks",
}


def is_of_machine(error: OSError) -> bool:
    """Is it the machine's error, with a number of the system, and not one of the path that was given?"""
    return error.errno is not None and error.errno not in PATH_ERRORS


def in_words(error: OSError) -> str:
    """'<file>: <what the system says> (<what that means>)', for an error that has a number of the system."""
    advice = ADVICE.get(error.errno or 0)
    return ": ".join(map(str, filter(None, (error.filename, error.strerror)))) + (f" ({advice})" if advice else "")


def status_of(path: Path) -> os.stat_result | None:
    """What the system says of a file, links followed; None where there is none.

    Raises OSError where the system cannot tell: a file must not count as lost because a server does not answer.
    """
    try:
        return path.stat()
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        error.filename = error.filename or str(path)
        raise
    except ValueError:  # a name that no file can have
        return None


def is_regular(path: Path) -> bool:
    """Is there a file, and no folder or pipe? Raises OSError where the system cannot tell."""
    found = status_of(path)
    return found is not None and stat.S_ISREG(found.st_mode)
