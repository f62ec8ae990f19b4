"""Writes sweep files: one to begin with, and one from a picture of another program."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfgsweep.config import yaml_io
from cfgsweep.errors import UserError, shorten
from cfgsweep.sweep.foreign.a1111 import parse_parameters
from cfgsweep.sweep.foreign.as_sweep import as_sweep_file
from cfgsweep.sweep.foreign.comfyui import of_workflow, parse_graph
from cfgsweep.sweep.foreign.settings import ForeignSettings
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.picture_files import DamagedPicture

ENDINGS = (".yaml", ".yml")
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
LONGEST = 2**22  # characters of a picture's text

TEMPLATE = """\
# A sweep to start from: {command}
# Every key may have one value or a list; all lists are combined. `cfgsweep guiders` and `cfgsweep schedules` list what
# there is, and `cfgsweep plan {file}` says what a run would cost.
name: {name}                     # also the output folder's: outputs/{name}

model: emoji                      # bundled, 64x64 pixels. Yours: a hub id, a folder, a .safetensors file
prompt: 3d render style an astronaut riding a horse
negative_prompt: ""
seed: [0, 1]                      # or a range: {{range: [0, 9, 1]}}
steps: 20
sampler: euler                    # euler_a ddim ddpm dpm++2m dpm++2m_karras lms heun pndm unipc
# size: [512, 768]                # width, height; the model's own if it is left out

guider:                           # each with its own values of the guidance scale
  - cfg: {{value: [3, 7]}}
  - tnorm: {{value: [0.1, 0.2]}}
  # - cfg: {{value: 7, stop: 0.6}}  # guidance for the first 60% of the steps
  # - all                         # every guider, at its usual scale
schedule: constant                # over the steps: cosine, linear, {{expression: "value * sin(pi * u)"}}, …

# exclude:                        # cells to leave out
#   - {{guider: tnorm, seed: 1}}
# metrics: [contrast, saturation]
"""


@dataclass(frozen=True)
class WrittenFile:
    """A sweep file that was written, and what is to be known of it."""

    path: Path
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join([*self.remarks, str(self.path)])


def init(name: str | os.PathLike[str] = "sweep") -> WrittenFile:
    """Write a sweep file to begin with, NAME.yaml, which runs as it is.

    Raises UserError where there is such a file already, or the name is none of a sweep.
    """
    path = Path(name) if Path(name).suffix in ENDINGS else Path(f"{os.fspath(name)}.yaml")
    stem = path.stem
    if not re.fullmatch(NAME, stem):
        allowed = "letters, digits, dots, dashes and underscores, at most 100"
        raise UserError("not a name for a sweep", where="NAME", given=stem, allowed=allowed)
    quoted = stem if yaml_io.given_value(stem, "NAME") == stem else f'"{stem}"'
    text = TEMPLATE.format(name=quoted, file=path, command=f"cfgsweep run {path}")
    _check(text, path, "NAME")
    return WrittenFile(_written(path, text))


def convert(picture: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None) -> WrittenFile:
    """Write the settings in a PNG of A1111 or ComfyUI as a sweep file of one cell.

    out: the file to write, beside the picture if not given. Files of models and LoRAs are looked for beside the
    picture and in the current folder.

    Raises UserError where the picture has no settings that are known, or there is such a file already.
    """
    source = Path(picture)
    path = Path(out) if out is not None else source.with_suffix(".yaml")
    folders = [source.parent, Path()]

    def find(file: str) -> str | None:
        with suppress(OSError, ValueError):  # a name that is too long, or has a zero byte
            return next((os.path.abspath(folder / file) for folder in folders if (folder / file).is_file()), None)
        return None

    text, remarks = as_sweep_file(read_settings(source), source.stem, source.name, find)
    _check(text, path, str(source))
    return WrittenFile(_written(path, text), remarks)


def read_settings(picture: Path) -> ForeignSettings:
    """The settings that a picture's file has. Raises UserError where it has none, or is no PNG."""
    try:
        graphs = list(_graphs(picture))
        parameters = _text(picture, "parameters")
    except FileNotFoundError:
        raise UserError("no such picture file", where=str(picture)) from None
    except DamagedPicture as error:
        hint = "other kinds of pictures lose these settings when they are saved again"
        raise UserError(f"cannot be read: {error.args[0]}", where=str(picture), allowed="a PNG", hint=hint) from None
    if parameters and parameters.strip():
        return parse_parameters(parameters)
    for number, graph in enumerate(graphs):
        try:
            return parse_graph(graph)
        except UserError as error:
            if number == len(graphs) - 1:
                raise error.at(str(picture)) from None
    allowed = "a PNG as A1111 (text `parameters`) or ComfyUI (text `prompt` or `workflow`) saves it"
    raise UserError("there are no settings in the picture", where=str(picture), allowed=allowed)


def _graphs(picture: Path) -> Iterator[Any]:
    for name in ("prompt", "workflow"):
        text = _text(picture, name)
        with suppress(ValueError, RecursionError):
            graph = json.loads(text) if text else None
            if graph is not None:
                yield of_workflow(graph) if name == "workflow" else graph


def _text(picture: Path, name: str) -> str | None:
    """A text of the picture. Raises DamagedPicture where it is too long."""
    from cfgsweep.storage.decoding import text_of  # imports Pillow

    found = text_of(picture, name)
    if found is not None and len(found) > LONGEST:
        raise DamagedPicture(f"more than {LONGEST} characters of {name}")
    return found


def _check(text: str, path: Path, where: str) -> None:
    """Raises UserError where the text is no sweep file."""
    document = yaml_io.parsed(text, str(path))
    try:
        yaml_io.validate(Sweep, document)
    except UserError as error:
        raise UserError(f"cannot be a sweep file: {shorten(error.problem)}", where=where, given=error.given) from None


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError("there is such a file already", where=str(path), hint="name another one") from None
    return path
