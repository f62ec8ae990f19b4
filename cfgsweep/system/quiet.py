"""Silences libraries while cfgsweep uses them, and restores their settings afterwards.

Logger levels, progress bars and warning filters belong to the whole process. A notebook that imports cfgsweep must
find them unchanged, so they are changed by the context managers below alone, for as long as a command runs.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Restore = Callable[[], None]


def _silence_logger(name: str, level: int) -> Restore:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    return lambda: logger.setLevel(before)


def _silence_huggingface_hub(library: Any) -> Restore:
    bars = library.utils
    change_back = bars.disable_progress_bars if bars.are_progress_bars_disabled() else bars.enable_progress_bars
    restore_logger = _silence_logger("huggingface_hub", logging.ERROR)
    bars.disable_progress_bars()

    def restore() -> None:
        restore_logger()
        change_back()

    return restore


def _silence_diffusers_or_transformers(library: Any) -> Restore:
    """Their warnings and errors reach users as cfgsweep's own messages."""
    log = library.utils.logging
    was_enabled = log.is_progress_bar_enabled()
    restore_logger = _silence_logger(library.__name__, logging.CRITICAL)
    log.disable_progress_bar()

    def restore() -> None:
        restore_logger()
        if was_enabled:
            log.enable_progress_bar()

    return restore


def _silence_datasets(library: Any) -> Restore:
    return _silence_logger("datasets", logging.ERROR)


def _silence_pillow(image: Any) -> Restore:
    """No warning of a large picture: it is compared with its record, or refused in cfgsweep's own words."""
    filters = warnings.catch_warnings()
    filters.__enter__()
    warnings.filterwarnings("ignore", category=image.DecompressionBombWarning)
    return lambda: filters.__exit__(None, None, None)


def _silence_tracing(torch: Any) -> Restore:
    """No warnings of torch.jit about tracing (see models/jit_trace.py), in any thread."""
    filters = warnings.catch_warnings()
    filters.__enter__()
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    return lambda: filters.__exit__(None, None, None)


# In this order: transformers changes the progress bars of huggingface_hub with its own, and is restored before it.
SILENCERS: dict[str, Callable[[Any], Restore]] = {
    "torch": _silence_tracing,
    "PIL.Image": _silence_pillow,
    "huggingface_hub": _silence_huggingface_hub,
    "transformers": _silence_diffusers_or_transformers,
    "diffusers": _silence_diffusers_or_transformers,
    "datasets": _silence_datasets,
}


class _Silence:
    """What is silenced now. Blocks may nest, and overlap in threads; the end of the last one restores everything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._silenced: set[str] = set()
        self._restores = ExitStack()

    def enter(self) -> None:
        """Silences the libraries that are imported by now. One that is imported later needs another `enter`."""
        with self._lock:
            self._blocks += 1
            for name, silence in SILENCERS.items():
                if name in sys.modules and name not in self._silenced:
                    self._silenced.add(name)
                    self._restores.callback(silence(sys.modules[name]))

    def leave(self) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks == 0:
                self._silenced.clear()
                self._restores.close()


_silence = _Silence()


@contextmanager
def quiet_libraries(*libraries: str) -> Iterator[None]:
    """Within the block, log messages, progress bars and tracing warnings of libraries are not shown.

    libraries: imported first, since a library sets its own log level when it is imported. Others are silenced where
    they are imported already. May be entered by any thread.
    """
    with ExitStack() as stack:
        for name in ("", *libraries):  # the first pass silences what a library's import makes another one log
            if name:
                importlib.import_module(name)
            _silence.enter()
            stack.callback(_silence.leave)
        yield
