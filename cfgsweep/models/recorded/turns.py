"""Blocks of threads that go together where they choose the same, and after one another where they do not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Turns:
    """current: what the blocks have chosen that are, or were last, within. None, which nobody chooses, may be set."""

    def __init__(self, current: Any, change: Callable[[Any], None] = lambda _: None):
        """change: is called with a choice that differs from the current one, while no block is within."""
        self.current, self._change = current, change
        self._users = 0
        self._left = threading.Condition()

    @contextmanager
    def taken(self, choice: Any) -> Iterator[None]:
        """Waits until every block within has made the same choice. Blocks of one thread may be nested with the same."""
        with self._left:
            while self._users and self.current != choice:
                self._left.wait()
            if self.current != choice:
                self._change(choice)
                self.current = choice
            self._users += 1
        try:
            yield
        finally:
            with self._left:
                self._users -= 1
                self._left.notify_all()
