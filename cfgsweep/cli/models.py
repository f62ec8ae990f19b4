"""Commands about models: what can be done with one, and how one is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import AllowPickle, Device, Dtype, Json, Quiet, Set, Wait
from cfgsweep.errors import RunFailed, UserError
from cfgsweep.execution.completion import complete_training
from cfgsweep.system.display import print_line


def check(
    model: Annotated[str, typer.Argument(help="a model's name, folder, file or hub id", metavar="MODEL")],
    device: Device = "auto",
    dtype: Dtype = "auto",
    allow_pickle: AllowPickle = False,
    dry: Annotated[bool, typer.Option("--dry", help="read the configurations alone, and no weights")] = False,
    as_json: Json = False,
) -> None:
    """Load a model, compare it with its own pipeline, and tell what of it can be swept."""
    try:
        report = cfgsweep.check(model, device=device, dtype=dtype, allow_pickle=allow_pickle, dry=dry)
    except UserError as error:
        raise RunFailed(str(error)) from None
    print_line(json.dumps(report.as_json(), indent=2) if as_json else str(report))


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
