"""The command that compares guiders."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import Json, RunArgument, Where, tell_all


def compare(
    run: RunArgument,
    baseline: Annotated[str, typer.Option(help="the guider that the others are compared with")] = "cfg",
    matched: Annotated[str, typer.Option(help="what is equal: effective_scale, or value")] = "effective_scale",
    metric: Annotated[list[str] | None, typer.Option(help="only this one; may be repeated", show_default=False)] = None,
    as_json: Json = False,
    where: Where = None,
) -> None:
    """Tell what guiders do beyond plain guidance of the same strength, with 95% intervals."""
    found = cfgsweep.compare(run, baseline=baseline, matched=matched, metrics=metric, where=where)
    tell_all([json.dumps(found.as_json())] if as_json else found.lines())
