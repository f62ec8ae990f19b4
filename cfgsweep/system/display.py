"""Displays of progress and messages: a bar in terminals and notebooks, lines in logs, notices alone when quiet."""

from __future__ import annotations

import html
import importlib
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Status:
    """Progress of a job. unit: what is counted. fraction: of the work, in [0, 1]. note: more text, e.g. a rate."""

    done: int
    total: int
    unit: str
    fraction: float
    note: str = ""


class Display(Protocol):
    """Shows a command's messages and progress. It is passed to everything that takes long."""

    def notice(self, text: str) -> None:
        """Shows a warning, also when quiet."""
        ...

    def say(self, text: str) -> None:
        """Shows a message."""
        ...

    def update(self, status: Status) -> None:
        """Shows progress."""
        ...

    def close(self) -> None:
        """Ends the display of progress."""
        ...


def escape_controls(text: str) -> str:
    """The text with control characters escaped, which terminals would obey: escape sequences, bells, text direction."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def print_line(line: str) -> None:
    """Prints a line of a command's result."""
    print(escape_controls(line))


class SilentDisplay:
    """Shows notices alone, on standard error."""

    def notice(self, text: str) -> None:
        print(f"NOTICE: {escape_controls(text)}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        pass

    def update(self, status: Status) -> None:
        pass

    def close(self) -> None:
        pass


class PlainDisplay(SilentDisplay):
    """Prints lines for logs: progress every ten seconds at most, and at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock, self.eta, self.printed_at = clock, Eta(clock), float("-inf")

    def say(self, text: str) -> None:
        print(escape_controls(text), flush=True)

    def update(self, status: Status) -> None:
        now, left = self.clock(), self.eta.left(status)
        if now - self.printed_at >= 10 or status.done == status.total:
            self.printed_at = now
            print(f"{status.done}/{status.total} {status.unit}  {status.note}{left}", flush=True)


class RichDisplay:
    """A progress bar in a terminal, with an estimate of the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console()
        self.progress = Progress(
            TextColumn("{task.fields[unit]}"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[note]}{task.fields[left]}"),
            TimeElapsedColumn(),
            console=self.console,
        )
        self.eta = Eta(time.monotonic)

    def notice(self, text: str) -> None:
        from rich.markup import escape

        self.console.print(f"[bold yellow]NOTICE[/]: {escape(escape_controls(text))}")

    def say(self, text: str) -> None:
        self.console.print(escape_controls(text), markup=False, highlight=False)

    def update(self, status: Status) -> None:
        left = self.eta.left(status)
        if not self.progress.tasks:
            self.progress.start()
            self.progress.add_task("", total=status.total, unit=status.unit, note=status.note, left=left)
        task = self.progress.tasks[0]
        if task.fields["unit"] != status.unit:  # the next stage of the same job
            self.progress.reset(task.id, total=status.total)
        self.progress.update(task.id, completed=status.done, unit=status.unit, note=status.note, left=left)

    def close(self) -> None:
        self.progress.stop()


class Eta:
    """Estimates the time left from the progress since a stage of the job began here: the job may have been resumed."""

    def __init__(self, clock: Callable[[], float]):
        self.clock, self.unit, self.started, self.first = clock, "", 0.0, 0.0

    def left(self, status: Status) -> str:
        """The time left as text, empty while nothing is known."""
        if status.unit != self.unit:
            self.unit, self.started, self.first = status.unit, self.clock(), status.fraction
        if not self.first < status.fraction < 1:
            return ""
        seconds_per_fraction = (self.clock() - self.started) / (status.fraction - self.first)
        left = int(seconds_per_fraction * (1 - status.fraction))
        return f"  {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"


class NotebookDisplay(PlainDisplay):
    """A progress bar in the output of a notebook's cell, updated in place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__(clock)
        self.handle: Any = None  # IPython's, of the output that is updated

    def update(self, status: Status) -> None:
        from IPython.display import HTML, display

        now, left = self.clock(), self.eta.left(status)
        if now - self.printed_at < 0.2 and status.done != status.total:
            return
        self.printed_at = now
        words = f"{status.done}/{status.total} {status.unit}  {status.note}{left}"
        bar = f'<progress value="{status.fraction:.4f}" max="1" style="width: 20em"></progress>'
        shown = HTML(f"{bar} {html.escape(escape_controls(words))}")
        if self.handle is None:
            self.handle = display(shown, display_id=True)
        else:
            self.handle.update(shown)


def choose(quiet: bool) -> Display:
    """The display for the output of this process: a notebook, a terminal, or a file."""
    if quiet:
        return SilentDisplay()
    if in_notebook():
        return NotebookDisplay()
    return RichDisplay() if sys.stdout is not None and sys.stdout.isatty() else PlainDisplay()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def import_progress_bars() -> None:
    """In a notebook, imports tqdm without its warning that ipywidgets is not installed."""
    if in_notebook():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("tqdm.auto")


class Lines(list[str]):
    """Lines of text that are printed, and shown in notebooks, one below the other."""

    def __str__(self) -> str:
        return "\n".join(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def html_table(rows: Iterable[Sequence[object]], caption: str = "", head: Sequence[str] = ()) -> str:
    """A table in HTML for notebooks; its texts are escaped."""
    heads = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = ["".join(f"<td>{html.escape(escape_controls(str(cell)))}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in ([heads] if heads else []) + lines)
    return f"<table><caption>{html.escape(caption)}</caption>{body}</table>"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of a table in which each column is as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]
