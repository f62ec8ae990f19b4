"""The command that measures a finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import (
    AllowCode,
    Cluster,
    Device,
    Gpus,
    Json,
    Quiet,
    RunArgument,
    Wait,
    Where,
    Workers,
    tell_all,
)


def measure(
    run: RunArgument,
    metrics: Annotated[
        str, typer.Option(help="which, by commas; settings as YAML: 'fid,{clip_score: {model: FOLDER}}'")
    ],
    reference: Annotated[
        Path | None, typer.Option(help="folder of pictures or parquet file to compare with", show_default=False)
    ] = None,
    device: Device = "auto",
    gpus: Gpus = None,
    workers: Workers = None,
    cluster: Cluster = None,
    where: Where = None,
    wait: Wait = False,
    quiet: Quiet = False,
    as_json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Measure a finished run: only numbers that its records lack."""
    found = cfgsweep.measure(
        run,
        metrics,
        reference=reference,
        device=device,
        gpus=gpus,
        workers=workers,
        cluster=cluster,
        where=where,
        wait=wait,
        quiet=quiet or as_json,
        allow_code=allow_code,
    )
    tell_all([json.dumps(found.as_json())] if as_json else found.lines())
