"""Progress for people: rich on a terminal, plain lines elsewhere, nothing when quiet."""

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
    """How far a job is. `unit` names what is counted; `note` says what else is worth a glance."""

    done: int
    total: int
    unit: str
    fraction: float
    note: str = ""


class Display(Protocol):
    def notice(self, text: str) -> None:
        """Something the user should not miss."""
        ...

    def say(self, text: str) -> None:
        """Something that is good to know."""
        ...

    def update(self, status: Status) -> None: ...

    def close(self) -> None: ...


def harmless(text: str) -> str:
    """Without what would command a terminal: escape sequences, changes of direction, bells."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def tell(line: str) -> None:
    """What a command answers."""
    print(harmless(line))


class SilentDisplay:
    """Only notices, on standard error."""

    def notice(self, text: str) -> None:
        print(f"NOTICE: {harmless(text)}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        pass

    def update(self, status: Status) -> None:
        pass

    def close(self) -> None:
        pass


class PlainDisplay(SilentDisplay):
    """Lines for logs: at most one in ten seconds, and the last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock, self.eta, self.spoke = clock, Eta(clock), float("-inf")

    def say(self, text: str) -> None:
        print(harmless(text), flush=True)

    def update(self, status: Status) -> None:
        now, left = self.clock(), self.eta.left(status)
        if now - self.spoke >= 10 or status.done == status.total:
            self.spoke = now
            print(f"{status.done}/{status.total} {status.unit}  {status.note}{left}", flush=True)


class RichDisplay:
    """A progress bar with what is left."""

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

        self.console.print(f"[bold yellow]NOTICE[/]: {escape(harmless(text))}")

    def say(self, text: str) -> None:
        self.console.print(harmless(text), markup=False, highlight=False)

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
    """The time left, from the pace since this job (or stage of it) was first heard of: it may have been resumed."""

    def __init__(self, clock: Callable[[], float]):
        self.clock, self.unit, self.started, self.first = clock, "", 0.0, 0.0

    def left(self, status: Status) -> str:
        if status.unit != self.unit:
            self.unit, self.started, self.first = status.unit, self.clock(), status.fraction
        if not self.first < status.fraction < 1:
            return ""
        pace = (self.clock() - self.started) / (status.fraction - self.first)
        left = int(pace * (1 - status.fraction))
        return f"  {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"


class NotebookDisplay(PlainDisplay):
    """A progress bar in the output of a notebook's cell, updated in place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__(clock)
        self.handle: Any = None  # IPython's, of the output that is updated

    def update(self, status: Status) -> None:
        from IPython.display import HTML, display

        now, left = self.clock(), self.eta.left(status)
        if now - self.spoke < 0.2 and status.done != status.total:
            return
        self.spoke = now
        words = f"{status.done}/{status.total} {status.unit}  {status.note}{left}"
        bar = f'<progress value="{status.fraction:.4f}" max="1" style="width: 20em"></progress>'
        shown = HTML(f"{bar} {html.escape(harmless(words))}")
        if self.handle is None:
            self.handle = display(shown, display_id=True)
        else:
            self.handle.update(shown)


def choose(quiet: bool) -> Display:
    """The display for where this process writes: a notebook, a terminal, or a file."""
    if quiet:
        return SilentDisplay()
    if in_notebook():
        return NotebookDisplay()
    return RichDisplay() if sys.stdout is not None and sys.stdout.isatty() else PlainDisplay()


def in_notebook() -> bool:
    """Is this process the kernel of a notebook?"""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def import_progress_bars() -> None:
    """In a notebook, import what huggingface_hub imports, without the warning that ipywidgets is not installed."""
    if in_notebook():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("tqdm.auto")


class Lines(list[str]):
    """Lines of text, which print and are shown in notebooks as they are."""

    def __str__(self) -> str:
        return "\n".join(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def html_table(rows: Iterable[Sequence[object]], caption: str = "", head: Sequence[str] = ()) -> str:
    """A table for notebooks, everything in it escaped."""
    heads = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = ["".join(f"<td>{html.escape(harmless(str(cell)))}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in ([heads] if heads else []) + lines)
    return f"<table><caption>{html.escape(caption)}</caption>{body}</table>"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of a table, its columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]
