"""Errors whose text is written for the person at the command line or in a notebook."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self


class CfgsweepError(Exception):
    """A problem, where it is, what was given, what is allowed, and a hint.

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

    def at(self, where: str) -> Self:
        """Sets the place, unless one is known already, and returns the error."""
        self.where = self.where or where
        return self

    def _place(self) -> str:
        return self.where

    def __str__(self) -> str:
        lines = [f"{place}: {self.problem}" if (place := self._place()) else self.problem]
        if self.given is not None:
            lines.append(f"  given:   {shorten(repr(self.given))}")
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class UserError(CfgsweepError, ValueError):
    """An error in what the user gave. The command ends with exit code 2.

    It is a ValueError, so that pydantic passes it on from a validator.

    inside: the place within the field whose validator raised it, e.g. the index in a list.
    """

    inside: tuple[str | int, ...] = ()

    def _place(self) -> str:
        """The place, or the key where no file is known."""
        return self.where or ".".join(map(str, self.inside))

    def at_key(self, *inside: str | int) -> Self:
        """Sets the place within the field and returns the error."""
        self.inside = inside
        return self


class RunFailed(CfgsweepError):
    """A run that failed although its input was right. The command ends with exit code 1."""


@contextmanager
def error_context(where: str) -> Iterator[None]:
    """Gives errors raised inside the block this place, unless they have one."""
    try:
        yield
    except CfgsweepError as error:
        raise error.at(where) from None


@contextmanager
def error_key(*key: str | int) -> Iterator[None]:
    """Gives user errors raised inside the block this key of the file, unless they have a key or a place."""
    try:
        yield
    except UserError as error:
        raise error if error.where or error.inside else error.at_key(*key) from None


@contextmanager
def within_key(*key: str | int) -> Iterator[None]:
    """Puts this key before that of user errors raised inside the block."""
    try:
        yield
    except UserError as error:
        raise error.at_key(*key, *error.inside) from None


def unknown_name(kind: str, given: str, known: Iterable[str], where: str = "") -> UserError:
    """An error that lists the known names and suggests the nearest one ("did you mean 'tnorm'?")."""
    names = sorted(known)
    return UserError(
        f"unknown {kind} {shorten(repr(given))}", where=where, allowed=names, hint=did_you_mean(given, names)
    )


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A hint with the nearest of the known names; empty where none is near."""
    in_lower_case = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(given).lower(), in_lower_case, n=1)
    return f"did you mean {in_lower_case[close[0]]!r}?" if close else ""


def shorten(text: str, width: int = 120) -> str:
    """One line of at most `width` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
