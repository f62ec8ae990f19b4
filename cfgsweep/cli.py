"""The command line. Heavy imports stay inside the commands, so that --help is there at once."""

from __future__ import annotations

import errno
import io
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cfgsweep.errors import CfgsweepError, RunFailed
from cfgsweep.system import signals
from cfgsweep.system.display import harmless, tell

# Of the machine and not of ours: no space, no quota, a read-only place, too many open files, a broken disk.
OUT_OF_OUR_HANDS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.EIO),
}
# Of the path that was given: too long, below a file, a folder in the place of a file.
NO_SUCH_PLACE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG}

app = typer.Typer(
    help="A laboratory for classifier-free guidance.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Config = Annotated[Path, typer.Argument(help="a sweep file", metavar="CONFIG", show_default=False)]
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


@app.command()
def run(
    config: Config,
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
) -> None:
    """Expand a sweep, run what is not there yet, write pictures, records and grids."""
    from cfgsweep.sweep.schema import read_sweep
    from cfgsweep.system import display as displays

    sweep, document = read_sweep(config, set)
    display = displays.choose(quiet)
    from cfgsweep.execution.options import Options
    from cfgsweep.execution.run_sweep import run_sweep

    options = Options(model, device, dtype, batch_size, limit, allow_pickle, fail_fast, retry_failed, wait, _command())
    try:
        outcome = run_sweep(sweep, document, out or Path("outputs") / sweep.name, options, display)
    finally:
        display.close()
    for path in outcome.grids:
        display.say(str(path))
    for line in outcome.failed:
        print(f"failed: {harmless(line)}", file=sys.stderr)
    if outcome.failed:
        raise typer.Exit(1)


@app.command()
def plan(
    config: Config,
    out: Out = None,
    model: Model = None,
    set: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON alone")] = False,
) -> None:
    """What a sweep would run and what it costs, without running it."""
    from cfgsweep.execution.dry_run import summarise_plan
    from cfgsweep.sweep.schema import read_sweep

    sweep, document = read_sweep(config, set)
    found = summarise_plan(sweep, document, out or Path("outputs") / sweep.name, model)
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        for line in found.lines():
            tell(line)


@app.command()
def phase(
    source: Annotated[Path, typer.Argument(help="a sweep file, or a run folder", metavar="CONFIG", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="the run folder  [default: outputs/<name>, or RUN-phase]", show_default=False)
    ] = None,
    low: Annotated[float | None, typer.Option(help="where the range begins", show_default=False)] = None,
    high: Annotated[float | None, typer.Option(help="where it ends", show_default=False)] = None,
    tolerance: Annotated[float | None, typer.Option(help="how exactly to know a value", show_default=False)] = None,
    scan: Annotated[int | None, typer.Option(help="values of the first look", show_default=False)] = None,
    search: Annotated[str | None, typer.Option(help="what to vary: value, guider.tnorm.start, ...")] = None,
    distance: Annotated[
        str | None, typer.Option(help="layout, pixels, ssim, latents, features, clip, dino, ...", show_default=False)
    ] = None,
    model: Model = None,
    set: Set = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    batch_size: BatchSize = None,
    wait: Wait = False,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON alone")] = False,
    allow_pickle: AllowPickle = False,
) -> None:
    """Find the values at which the picture abruptly changes."""
    from cfgsweep.system import display as displays

    flags = {"low": low, "high": high, "tolerance": tolerance, "scan": scan, "distance": distance}
    overrides = [f"phase.{name}={value}" for name, value in flags.items() if value is not None]
    overrides += [f"search={search}"] if search else []
    from cfgsweep.execution.options import Options
    from cfgsweep.phases.report import table
    from cfgsweep.phases.run_search import find_phases, folder_for, read

    sweep, document, run = read(source, [*(set or []), *overrides])
    display = displays.choose(quiet or as_json)
    options = Options(model, device, dtype, batch_size, None, allow_pickle, wait=wait, command=_command())
    folder = out or folder_for(sweep, run)
    try:
        report = find_phases(sweep, document, run, folder, options, display)
    finally:
        display.close()
    if as_json:
        print(json.dumps(report))
        return
    for line in [*table(report), str(folder / "phase.png")]:
        tell(line)


@app.command()
def verify(run: Annotated[Path, typer.Argument(help="a run folder", metavar="RUN", show_default=False)]) -> None:
    """Look for damaged pictures, lost records and strangers in a run folder. Changes nothing."""
    from cfgsweep.storage.open_run import sweep_of_run
    from cfgsweep.storage.verify import findings

    folder, _, experiments = sweep_of_run(run)
    found = list(findings(folder))
    for line in found:
        tell(line)
    done = len(folder.done(experiments))
    print(f"{done} of {len(experiments)} pictures are there and whole" + ("" if found else ", and nothing is amiss"))
    if found:
        raise typer.Exit(1)


@app.command()
def grid(
    run: Annotated[Path, typer.Argument(help="a run folder", metavar="RUN", show_default=False)],
    rows: Annotated[str | None, typer.Option(help="the axis that goes down")] = None,
    cols: Annotated[str | None, typer.Option(help="the axis that goes across")] = None,
    pages: Annotated[str | None, typer.Option(help="the axis that gets a page for each value")] = None,
    out: Annotated[Path | None, typer.Option(help="the file to write  [default: in RUN/grids]")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="draw the run's metrics over the swept value, too")] = False,
) -> None:
    """Render a run's pictures as titled grids."""
    from cfgsweep.reports.write import write_grids, write_plot
    from cfgsweep.storage.open_run import sweep_of_run

    folder, sweep, experiments = sweep_of_run(run)
    for path in write_grids(folder, sweep.name, experiments, rows, cols, pages, out):
        tell(str(path))
    if plot:
        tell(str(write_plot(folder, sweep.name, experiments, sweep.metrics)))


@app.command()
def guiders(name: Annotated[str | None, typer.Argument(help="one of them", show_default=False)] = None) -> None:
    """What guiders there are: what they compute, what they cost, their parameters, where they come from."""
    from cfgsweep.reports import catalogue

    for line in catalogue.guider_page(name) if name else catalogue.guiders_table():
        print(line)


@app.command()
def schedules(
    name: Annotated[str | None, typer.Argument(help="one of them", show_default=False)] = None,
    plot: Annotated[Path | None, typer.Option(help="draw it, or all, into this file", show_default=False)] = None,
) -> None:
    """What schedules there are, and how they run."""
    from cfgsweep.reports import catalogue

    for line in catalogue.schedule_page(name) if name else catalogue.schedules_table():
        print(line)
    if plot is not None:
        catalogue.plot_schedules([name] if name else list(catalogue.SCHEDULES), plot)
        tell(str(plot))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a sweep file, for editors."""

    from cfgsweep.sweep.schema import schema as sweep_schema

    print(json.dumps(sweep_schema(), indent=2))


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="a training file", metavar="CONFIG", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="the folder to train in  [default: outputs/train/<name>]")] = None,
    set: Set = None,
    wait: Wait = False,
    quiet: Quiet = False,
) -> None:
    """Train a small model with condition dropout, of texts or of labels; the same command goes on after a kill."""
    from cfgsweep.config import yaml_io
    from cfgsweep.system import display as displays
    from cfgsweep.training.config import TrainConfig

    document = yaml_io.read(config)
    document.override(set or [])
    settings = yaml_io.validate(TrainConfig, document)
    from cfgsweep.training.train import train as train_model

    display = displays.choose(quiet)
    try:
        folder = train_model(settings, out or Path("outputs/train") / settings.name, display, wait)
    finally:
        display.close()
    tell(str(folder))


def _command() -> str:
    return shlex.join(["cfgsweep", *sys.argv[1:]])


def main() -> None:
    """The entry point."""
    signals.listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # none at all where it was closed
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_command(sys.argv[1:]))


def run_command(words: list[str]) -> int:
    """Run a command line; return its exit code.

    User errors are told in words and end in 2, what fails for no fault of the input in 1, an interrupt in 130 or 143.
    """
    try:
        app(words)
    except CfgsweepError as error:
        print(f"error: {harmless(str(error))}", file=sys.stderr)
        return 1 if isinstance(error, RunFailed) else 2
    except OSError as error:
        if error.errno not in OUT_OF_OUR_HANDS | NO_SUCH_PLACE:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {harmless(f'{place}{error.strerror}')}", file=sys.stderr)
        if error.errno in NO_SUCH_PLACE:
            return 2
        if error.filename:
            print("  what was written before is whole; the same command goes on from here", file=sys.stderr)
        return 1
    except SystemExit as done:  # typer's way to end, whatever the end
        code = done.code if isinstance(done.code, int) else 0
        if code == 130:
            print("stopped; the same command goes on from here", file=sys.stderr)
            return signals.exit_code()
        return code
    return 0
