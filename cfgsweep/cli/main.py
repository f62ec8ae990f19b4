"""All commands together, and what a command line ends with: its exit code."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated

import typer
from typer.main import get_command

import cfgsweep
from cfgsweep.cli import (
    catalogues,
    comparisons,
    drawing,
    files,
    measuring,
    mirrors,
    models,
    pages,
    ratings,
    runs,
    tables,
)
from cfgsweep.errors import CfgsweepError, RunFailed
from cfgsweep.system import signals
from cfgsweep.system.display import escape_controls, print_line
from cfgsweep.system.machine_errors import in_words, is_of_machine

# In the order in which --help lists them.
COMMANDS = (
    *(files.init, runs.run, runs.plan, runs.merge, mirrors.mirror, runs.phase, runs.verify),
    *(
        pages.page,
        drawing.grid,
        measuring.measure,
        tables.table,
        comparisons.compare,
        ratings.rate,
        comparisons.window,
        runs.export,
    ),
    *(catalogues.guiders, catalogues.schedules, models.check, catalogues.schema, catalogues.configs, models.train),
    files.convert,
)

app = typer.Typer(
    help="A laboratory for classifier-free guidance.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(cfgsweep.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """A laboratory for classifier-free guidance."""


def command_line() -> int:
    """Run the command line of this process; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where the stream was closed before
            stream.reconfigure(errors="backslashreplace")
    return run_command(sys.argv[1:])


def run_command(words: list[str]) -> int:
    """Run a command line; return its exit code.

    2 for wrong input, 1 for failures that are not the input's, 130, 143 or 129 after SIGINT, SIGTERM or SIGHUP.
    """
    try:
        _whole_command()(words)
    except CfgsweepError as error:
        print(f"error: {escape_controls(str(error))}", file=sys.stderr)
        return 1 if isinstance(error, RunFailed) else 2
    except OSError as error:
        if error.errno is None:  # a library's, without a number of the system
            raise
        print(f"error: {escape_controls(in_words(error))}", file=sys.stderr)
        if not is_of_machine(error):
            return 2
        if error.filename:
            print("  what was written before is whole; the same command goes on from here", file=sys.stderr)
        return 1
    except MemoryError:
        print("error: not enough memory", file=sys.stderr)
        return 1
    except SystemExit as done:  # typer ends every command with it
        code = done.code if isinstance(done.code, int) else 0
        return signals.say_stopped() if code == 130 else code
    except KeyboardInterrupt:  # before or after the time in which typer catches it
        return signals.say_stopped()
    return 0


@cache
def _whole_command() -> Callable[[list[str]], object]:
    """`app` as a click command, which `app` itself builds anew from all signatures whenever it is called."""
    return get_command(app)
