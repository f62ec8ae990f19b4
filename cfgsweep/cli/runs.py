"""Commands that make run folders, and those that read one."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import (
    AllowCode,
    AllowPickle,
    BatchSize,
    Cluster,
    Device,
    Dtype,
    Gpus,
    Json,
    Mixed,
    Model,
    NoPage,
    Out,
    Quiet,
    RunArgument,
    Set,
    SweepFile,
    Wait,
    Where,
    Workers,
    tell_all,
)
from cfgsweep.execution.completion import complete_sweep
from cfgsweep.metrics.distances import DISTANCES
from cfgsweep.system.display import escape_controls


def run(
    config: SweepFile,
    out: Out = None,
    model: Model = None,
    set: Set = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    batch_size: BatchSize = None,
    limit: Annotated[int | None, typer.Option(min=1, help="compute at most this many pictures")] = None,
    shard: Annotated[
        str | None, typer.Option(help="compute one part of several: 2/16; `merge` joins them", metavar="I/N")
    ] = None,
    gpus: Gpus = None,
    workers: Workers = None,
    cluster: Cluster = None,
    mixed: Mixed = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="stop at the first picture that fails")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="try only those that failed before")] = False,
    mirror: Annotated[
        str | None, typer.Option(help="a copy on other storage, kept in step: s3://bucket/place", metavar="URL")
    ] = None,
    no_page: NoPage = False,
    live: Annotated[bool, typer.Option("--live", help="let the page grow while the run goes on")] = False,
    wait: Wait = False,
    quiet: Quiet = False,
    allow_pickle: AllowPickle = False,
    allow_code: AllowCode = False,
) -> None:
    """Run a sweep: compute the pictures that are missing, write records, grids and a page."""
    found = cfgsweep.run(
        config,
        out=out,
        model=model,
        overrides=set,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        limit=limit,
        shard=shard,
        gpus=gpus,
        workers=workers,
        cluster=cluster,
        mixed=mixed,
        fail_fast=fail_fast,
        retry_failed=retry_failed,
        mirror=mirror,
        page=not no_page,
        live=live,
        wait=wait,
        quiet=quiet,
        allow_pickle=allow_pickle,
        allow_code=allow_code,
        command=_command(),
    )
    if not quiet:
        tell_all([*found.grid_files, *([found.page_file] if found.page_file else [])])
    for result in found.failed_now:
        print(f"failed: {escape_controls(f'{result.title}: {result.reason}')}", file=sys.stderr)
    if found.failed_now:
        raise typer.Exit(1)


def merge(
    run: Annotated[Path, typer.Argument(help="the folder of a run with shards", metavar="RUN", show_default=False)],
    device: Device = "auto",
    gpus: Gpus = None,
    workers: Workers = None,
    cluster: Cluster = None,
    mixed: Annotated[bool, typer.Option("--mixed", help="also shards of several kinds of device")] = False,
    wait: Wait = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Join the shards of a run that are there, measure what they have together, and write grids and page."""
    found = cfgsweep.merge(
        run,
        device=device,
        gpus=gpus,
        workers=workers,
        cluster=cluster,
        mixed=mixed,
        wait=wait,
        quiet=quiet,
        allow_code=allow_code,
        command=_command(),
    )
    tell_all(found.lines())
    if found.missing:
        raise typer.Exit(1)


def plan(
    config: SweepFile,
    out: Out = None,
    model: Model = None,
    set: Set = None,
    shards: Annotated[
        int | None, typer.Option(help="what so many parts take, each by `run --shard`", show_default=False)
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="what is missing takes on so many GPUs at once", show_default=False)
    ] = None,
    batch_size: BatchSize = None,
    batch_seconds: Annotated[
        float | None,
        typer.Option(help="what a batch takes  [default: as measured in the folder]", show_default=False),
    ] = None,
    as_json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Show what a sweep would compute and what it costs."""
    found = cfgsweep.plan(
        config,
        out=out,
        model=model,
        overrides=set,
        shards=shards,
        gpus=gpus,
        batch_size=batch_size,
        batch_seconds=batch_seconds,
        allow_code=allow_code,
    )
    tell_all([json.dumps(found.as_json())] if as_json else found.lines())


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
    gpus: Gpus = None,
    workers: Workers = None,
    cluster: Cluster = None,
    mixed: Mixed = False,
    no_page: NoPage = False,
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
        gpus=gpus,
        workers=workers,
        cluster=cluster,
        mixed=mixed,
        page=not no_page,
        wait=wait,
        quiet=quiet or as_json,
        allow_pickle=allow_pickle,
        allow_code=allow_code,
        command=_command(),
    )
    page = [found.page_file] if found.page_file else []
    tell_all([json.dumps(found.report)] if as_json else [*found.lines(), found.plot_file, *page])


def verify(run: RunArgument, where: Where = None) -> None:
    """Look for damage, lost records and unknown files in a run folder. Changes nothing."""
    found = cfgsweep.verify(run, where=where)
    tell_all([*found.findings, found.summary()])
    if not found.ok:
        raise typer.Exit(1)


def export(
    run: RunArgument,
    mp4: Annotated[bool, typer.Option("--mp4", help="write <id>.mp4 for every video, by PyAV")] = False,
    out: Annotated[Path | None, typer.Option(help="the folder to write into  [default: RUN/videos]")] = None,
    where: Where = None,
) -> None:
    """Write a run's videos in a form that players know."""
    tell_all(cfgsweep.export(run, mp4=mp4, out=out, where=where) or ["none of the pictures that are there is a video"])


def _command() -> str:
    """This command as environment.json records it."""
    return shlex.join(["cfgsweep", *sys.argv[1:]])
