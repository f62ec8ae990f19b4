"""The one exception a user is meant to see."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something a user can mend: where it is, what was given, what is allowed, the nearest valid name.

    where: file, line and key, as far as they are known ("configs/tnorm.yaml:11: guider").
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str = "",
        given: object = None,
        allowed: str | Iterable[str] = "",
        hint: str = "",
    ):
        self.problem, self.where, self.given, self.hint = problem, where, given, hint
        self.allowed = allowed if isinstance(allowed, str) else ", ".join(allowed)
        super().__init__(problem)

    def at(self, where: str) -> UserError:
        """The same error, told where it is; a place already known stays."""
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.problem}" if self.where else self.problem]
        if self.given is not None:
            lines.append(f"  given:   {shorten(repr(self.given))}")
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class RunFailed(UserError):
    """What a run could not do, for no fault of its input. The command ends in exit code 1."""


def unknown_name(kind: str, given: str, known: Iterable[str], where: str = "") -> UserError:
    """'tnrom' is no guider; the known ones; did you mean 'tnorm'?"""
    names = sorted(known)
    close = difflib.get_close_matches(str(given).lower(), names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else ""
    return UserError(f"unknown {kind} {shorten(repr(given))}", where=where, allowed=names, hint=hint)


def shorten(text: str, width: int = 120) -> str:
    """One line of at most `width` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
