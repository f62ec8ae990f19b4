"""Tables of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cfgsweep
from cfgsweep.cli.options import RunArgument, Where, tell_all
from cfgsweep.errors import UserError


def table(
    run: RunArgument,
    csv: Annotated[bool, typer.Option("--csv", help="comma-separated values")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet; needs --out")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="for READMEs and issues")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="a tabular with the rules of booktabs")] = False,
    each: Annotated[bool, typer.Option("--each", help="one row for each picture, not means over seeds")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="the file to write: .csv, .parquet, .md, .tex, .txt  [default: print]", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that is there")] = False,
    where: Where = None,
) -> None:
    """Print the metrics of a run: means over seeds, labels and prompts, with 95% intervals."""
    asked = {"csv": csv, "parquet": parquet, "markdown": markdown, "latex": latex}
    forms = [form for form, wanted in asked.items() if wanted]
    if len(forms) > 1:
        raise UserError("one form at a time", where="table", given=" ".join(f"--{form}" for form in forms))
    form = forms[0] if forms else None
    found = cfgsweep.table(run, form=form, each=each, out=out, overwrite=overwrite, where=where)
    tell_all([found] if isinstance(found, Path) else found)
