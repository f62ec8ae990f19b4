"""Ctrl-C, SIGTERM and a closed terminal: the first signal ends a command in order, a second one ends it at once.

The command line alone installs handlers, by `listen`. In a notebook, signals do what they always do there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _SignalHandler:
    """Raises KeyboardInterrupt at the first signal, at once or after an uninterrupted block; exits at the second."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.in_block = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.received.append(number)
        if len(self.received) > 1:
            os._exit(128 + number)
        if not self.in_block:
            raise KeyboardInterrupt


_handler = _SignalHandler()
HANGUP = getattr(signal, "SIGHUP", None)  # not on Windows
HANDLED = [number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None]


def listen() -> None:
    """Installs the handler for SIGINT, SIGTERM and SIGHUP, except for a SIGHUP that is ignored, as under `nohup`."""
    for number in HANDLED:
        if number != HANGUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handler)


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Puts the handlers back that a library replaces within the block."""
    if threading.current_thread() is not threading.main_thread():  # Python sets handlers in no other
        yield
        return
    before = {number: signal.getsignal(number) for number in HANDLED}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else it was not set from Python
                signal.signal(number, handler)


def received() -> bool:
    """Has a signal come?"""
    return bool(_handler.received)


def say_stopped() -> int:
    """Tells that a signal has stopped the command; returns its exit code, as shells define it: 128 + the signal."""
    print("stopped; the same command goes on from here", file=sys.stderr)
    return 128 + (_handler.received[0] if _handler.received else signal.SIGINT)


def end_at_once() -> None:
    """After a command's work: a signal now ends the process, without a traceback from Python's own ending."""
    for number in HANDLED:
        if signal.getsignal(number) is _handler:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays the KeyboardInterrupt of a first signal to the end of the block.

    Where `listen` was not called, as in a notebook, Ctrl-C alone is delayed, by a handler that is replaced afterwards.
    """
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
        and threading.current_thread() is threading.main_thread()
    ):
        with _delayed_interrupt():
            yield
        return
    before = len(_handler.received)
    _handler.in_block = True
    try:
        yield
    finally:
        _handler.in_block = False
    if len(_handler.received) > before:
        raise KeyboardInterrupt


@contextmanager
def _delayed_interrupt() -> Iterator[None]:
    """Raises KeyboardInterrupt at the end of the block if SIGINT came within it."""
    received: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if received:
        raise KeyboardInterrupt
