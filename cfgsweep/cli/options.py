"""Arguments and options that several commands have, and how they print."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from cfgsweep.execution.completion import complete_sweep
from cfgsweep.system.display import print_line


def one_of_them(complete: Callable[[str], list[str]]) -> Any:
    return typer.Argument(help="one of them", show_default=False, autocompletion=complete)


SweepFile = Annotated[
    str,
    typer.Argument(
        help="a sweep file, the name of a shipped one, or a run folder to go on with",
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
Where = Annotated[
    list[str] | None,
    typer.Option("--where", help="only these: guider=tnorm, 'value>0.1', seed=1,2", metavar="CONDITION"),
]
Model = Annotated[str | None, typer.Option("--model", help="run this model, and never its fallback")]

Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu")]
Dtype = Annotated[str, typer.Option(help="auto, float32, float16 or bfloat16")]
BatchSize = Annotated[int | None, typer.Option(min=1, max=1024, help="rows in every call of the denoiser")]
Gpus = Annotated[
    str | None, typer.Option(help="compute on so many GPUs at once, by Ray", metavar="all|N", show_default=False)
]
Workers = Annotated[int | None, typer.Option(help="compute on CPUs, in so many processes, by Ray", show_default=False)]
Cluster = Annotated[
    str | None,
    typer.Option(help="of which Ray cluster: auto or HOST:PORT  [default: local, made here]", metavar="ADDRESS"),
]
Mixed = Annotated[bool, typer.Option("--mixed", help="use GPUs, or CPUs, of all kinds at once")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress")]
Wait = Annotated[bool, typer.Option("--wait", help="wait while another command is at work in the folder")]
AllowPickle = Annotated[bool, typer.Option("--allow-pickle", help="load weights that can run code")]
AllowCode = Annotated[bool, typer.Option("--allow-code", help="import the Python files that are named")]
NoPage = Annotated[bool, typer.Option("--no-page", help="write no page on which the run is browsed")]
Json = Annotated[bool, typer.Option("--json", help="print JSON alone")]


def tell_all(lines: Iterable[object]) -> None:
    """Print every line."""
    for line in lines:
        print_line(str(line))
