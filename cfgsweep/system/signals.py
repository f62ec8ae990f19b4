"""Ctrl-C, SIGTERM and a terminal that is closed: the first ends a command in order, a second one at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_caught: list[int] = []  # signals that came
_waiting = False  # one of them for the end of a block


def listen() -> None:
    """From now on in this process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
        signal.signal(signal.SIGHUP, _on_signal)


def exit_code() -> int:
    """As shells have it: 130, or 143 where SIGTERM came first, 129 where SIGHUP did."""
    return 128 + (_caught[0] if _caught else signal.SIGINT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A first signal waits until the block is done."""
    global _waiting
    _waiting, before = True, len(_caught)
    try:
        yield
    finally:
        _waiting = False
    if len(_caught) > before:
        raise KeyboardInterrupt


def _on_signal(number: int, _: FrameType | None) -> None:
    _caught.append(number)
    if len(_caught) > 1:
        os._exit(128 + number)
    if not _waiting:
        raise KeyboardInterrupt
