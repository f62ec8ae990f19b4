"""The command line. Every command calls the function of the same name in `cfgsweep` and prints what it returns.

Those functions import what they need when they are called, so that --help is quick.
"""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

import cfgsweep
from cfgsweep.errors import CfgsweepError, RunFailed, UserError
from cfgsweep.execution.completion import (
    complete_config_name,
    complete_guider,
    complete_schedule,
    complete_sweep,
    complete_training,
)
from cfgsweep.metrics.distances import DISTANCES
from cfgsweep.system import signals
from cfgsweep.system.display import escape_controls, print_line
from cfgsweep.system.machine_errors import in_words, is_of_machine

app = typer.Typer(
    help="A laboratory for classifier-free guidance.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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


def _one_of_them(complete: Callable[[str], list[str]]) -> Any:
    return typer.Argument(help="one of them", show_default=False, autocompletion=complete)


SweepFile = Annotated[
    str,
    typer.Argument(
        help="a sweep file, or the name of a shipped one",
        metavar="CONFIG",
        show_default=False,
        autocompletion=complete_sweep,
    ),
]
RunArgument = Annotated[Path, typer.Argument(help="a run folder", metavar="RUN", show_default=False)]
Out = Annotated[
    Path | None, typer.Option("--out", help="the run folder  [default: outputs/<name>]", show_default=False)
]
Set = Annotated[list[str] | None, typer.Option("--set", help="override a field: --set steps=20 --set value=[0.1,0.2]")]
Model = Annotated[str | None, typer.Option("--model", help="run this model, and never its fallback")]

Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu")]
Dtype = Annotated[str, typer.Option(help="auto, float32, float16 or bfloat16")]
BatchSize = Annotated[int | None, typer.Option(min=1, max=1024, help="rows in every call of the denoiser")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress")]
Wait = Annotated[bool, typer.Option("--wait", help="wait while another command is at work in the folder")]
AllowPickle = Annotated[bool, typer.Option("--allow-pickle", help="load weights that can run code")]
AllowCode = Annotated[bool, typer.Option("--allow-code", help="import the Python files that are named")]
Json = Annotated[bool, typer.Option("--json", help="print JSON alone")]


@app.command()
def run(
    config: SweepFile,
    out: Out = None,
    model: Model = None,
    set: Set = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    batch_size: BatchSize = None,
    limit: Annotated[int | None, typer.Option(min=1, help="compute at most this many pictures")] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="stop at the first picture that fails")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="try only those that failed before")] = False,
    wait: Wait = False,
    quiet: Quiet = False,
    allow_pickle: AllowPickle = False,
    allow_code: AllowCode = False,
) -> None:
    """Run a sweep: compute the pictures that are missing, write records and grids."""
    found = cfgsweep.run(
        config,
        out=out,
        model=model,
        overrides=set,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        limit=limit,
        fail_fast=fail_fast,
        retry_failed=retry_failed,
        wait=wait,
        quiet=quiet,
        allow_pickle=allow_pickle,
        allow_code=allow_code,
        command=_command(),
    )
    if not quiet:
        _tell_all(found.grid_files)
    for result in found.failed_now:
        print(f"failed: {escape_controls(f'{result.title}: {result.reason}')}", file=sys.stderr)
    if found.failed_now:
        raise typer.Exit(1)


@app.command()
def plan(
    config: SweepFile,
    out: Out = None,
    model: Model = None,
    set: Set = None,
    as_json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Show what a sweep would compute and what it costs."""
    found = cfgsweep.plan(config, out=out, model=model, overrides=set, allow_code=allow_code)
    _tell_all([json.dumps(found.as_json())] if as_json else found.lines())


@app.command()
def phase(
    source: Annotated[
        str,
        typer.Argument(
            help="a sweep file, the name of a shipped one, or a run folder",
            metavar="CONFIG",
            show_default=False,
            autocompletion=complete_sweep,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="the run folder  [default: outputs/<name>, or RUN-phase]", show_default=False)
    ] = None,
    low: Annotated[float | None, typer.Option(help="where the range begins", show_default=False)] = None,
    high: Annotated[float | None, typer.Option(help="where it ends", show_default=False)] = None,
    tolerance: Annotated[float | None, typer.Option(help="how exactly to locate it", show_default=False)] = None,
    scan: Annotated[int | None, typer.Option(help="number of values of the first scan", show_default=False)] = None,
    search: Annotated[str | None, typer.Option(help="what to vary: value, guider.tnorm.start, ...")] = None,
    distance: Annotated[str | None, typer.Option(help=f"{', '.join(DISTANCES.built_in())}", show_default=False)] = None,
    model: Model = None,
    set: Set = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    batch_size: BatchSize = None,
    wait: Wait = False,
    quiet: Quiet = False,
    as_json: Json = False,
    allow_pickle: AllowPickle = False,
    allow_code: AllowCode = False,
) -> None:
    """Find the values at which the picture abruptly changes."""
    found = cfgsweep.phase(
        source,
        low=low,
        high=high,
        tolerance=tolerance,
        scan=scan,
        distance=distance,
        out=out,
        model=model,
        overrides=[*(set or []), *([f"search={search}"] if search else [])],
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        wait=wait,
        quiet=quiet or as_json,
        allow_pickle=allow_pickle,
        allow_code=allow_code,
        command=_command(),
    )
    _tell_all([json.dumps(found.report)] if as_json else [*found.lines(), found.plot_file])


@app.command()
def verify(run: RunArgument) -> None:
    """Look for damage, lost records and unknown files in a run folder. Changes nothing."""
    found = cfgsweep.verify(run)
    _tell_all([*found.findings, found.summary()])
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def grid(
    run: RunArgument,
    rows: Annotated[str | None, typer.Option(help="the axis that goes down")] = None,
    cols: Annotated[str | None, typer.Option(help="the axis that goes across")] = None,
    pages: Annotated[str | None, typer.Option(help="the axis that gets a page for each value")] = None,
    out: Annotated[Path | None, typer.Option(help="the file to write  [default: in RUN/grids]")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="draw the run's metrics over the swept value, too")] = False,
    empty_pages: Annotated[bool, typer.Option("--empty-pages", help="draw also pages without a picture")] = False,
    frames: Annotated[int, typer.Option(min=1, help="how many frames of a video to show; 1: the middle one")] = 1,
) -> None:
    """Render a run's pictures as titled grids."""
    axes = {"rows": rows, "cols": cols, "pages": pages}
    _tell_all(cfgsweep.grid(run, **axes, out=out, plot=plot, empty_pages=empty_pages, frames=frames))


@app.command()
def export(
    run: RunArgument,
    mp4: Annotated[bool, typer.Option("--mp4", help="write <id>.mp4 for every video, by PyAV")] = False,
    out: Annotated[Path | None, typer.Option(help="the folder to write into  [default: RUN/videos]")] = None,
) -> None:
    """Write a run's videos in a form that players know."""
    _tell_all(cfgsweep.export(run, mp4=mp4, out=out) or ["none of the pictures that are there is a video"])


@app.command()
def guiders(
    name: Annotated[str | None, _one_of_them(complete_guider)] = None,
    new: Annotated[Path | None, typer.Option(help="write one to begin your own with, and its test")] = None,
    allow_code: AllowCode = False,
) -> None:
    """List the guiders, or show one: formula, cost, parameters, source."""
    print(cfgsweep.guiders(name, new=new, allow_code=allow_code))


@app.command()
def schedules(
    name: Annotated[str | None, _one_of_them(complete_schedule)] = None,
    plot: Annotated[Path | None, typer.Option(help="draw it, or all, into this file", show_default=False)] = None,
    allow_code: AllowCode = False,
) -> None:
    """List the schedules, or show one; plot them."""
    print(cfgsweep.schedules(name, plot=plot, allow_code=allow_code))
    if plot is not None:
        print_line(str(plot))


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="a model's name, folder, file or hub id", metavar="MODEL")],
    device: Device = "auto",
    dtype: Dtype = "auto",
    allow_pickle: AllowPickle = False,
    as_json: Json = False,
) -> None:
    """Load a model, compare it with its own pipeline, and tell what of it can be swept."""
    try:
        report = cfgsweep.check(model, device=device, dtype=dtype, allow_pickle=allow_pickle)
    except UserError as error:
        raise RunFailed(str(error)) from None
    print_line(json.dumps(report.as_json(), indent=2) if as_json else str(report))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a sweep file, for editors."""
    print(json.dumps(cfgsweep.schema(), indent=2))


@app.command()
def configs(
    name: Annotated[str | None, _one_of_them(complete_config_name)] = None,
) -> None:
    """List the configs that are installed, which commands take by name; or print one."""
    print(cfgsweep.configs(name))


@app.command()
def train(
    config: Annotated[
        str,
        typer.Argument(
            help="a training file, or the name of a shipped one",
            metavar="CONFIG",
            show_default=False,
            autocompletion=complete_training,
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="the folder to train in  [default: outputs/train/<name>]")] = None,
    set: Set = None,
    wait: Wait = False,
    quiet: Quiet = False,
) -> None:
    """Train a small model with condition dropout; continues after an interruption."""
    print_line(str(cfgsweep.train(config, out=out, overrides=set, wait=wait, quiet=quiet)))


def _tell_all(lines: Iterable[object]) -> None:
    for line in lines:
        print_line(str(line))


def _command() -> str:
    """This command as environment.json records it."""
    return shlex.join(["cfgsweep", *sys.argv[1:]])


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
        app(words)
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
