"""What can be copied of one cell: a sweep file of it alone, Python, the line of A1111, a guider of diffusers."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from cfgsweep.config.yaml_io import dump
from cfgsweep.pages.diffusers_guider import diffusers_text
from cfgsweep.storage.png import parameters_line
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import written_axis

SWEEP_FILE, PYTHON, A1111, DIFFUSERS = "sweep file", "Python", "A1111", "diffusers"
LONGEST_NAME = 70  # of a sweep in that of the copy, so that the id still has room
AXES = (
    *("prompt", "label", "negative_prompt", "image", "mask", "strength", "seed", "steps", "sampler", "size", "call"),
    *("lora", "cache", "vae", "fork", "start", "guider", "schedule", "value"),
)


def copies_of(sweep: Sweep, e: Experiment, record: Record) -> dict[str, str]:
    """By what they are called. Sweep file and Python name the experiment itself: it has the same id when it runs."""
    fields = list(_fields(sweep, e))
    found = {
        SWEEP_FILE: "".join(_yaml(*field) for field in fields),
        PYTHON: _python(e, "".join(_argument(*field) for field in fields)),
    }
    if e.fork is not None or e.start is not None:
        return found  # A1111 and diffusers have neither, and what they have alone gives another picture
    if isinstance(record, DoneRecord):
        found[A1111] = parameters_line(record)
    guider = diffusers_text(e.guider, e.schedule, e.value)
    return found | ({DIFFUSERS: guider} if guider else {})


def _fields(sweep: Sweep, e: Experiment) -> Iterator[tuple[str, Any]]:
    """The fields of a sweep of this experiment alone, as experiments have them; those without effect left out."""
    yield "name", f"{sweep.name[:LONGEST_NAME]}-{e.id}"
    yield "model", e.model
    if e.revision is not None:
        yield "revision", e.revision
    if e.task != "text-to-image":
        yield "task", e.task
    if sweep.load.spec():
        yield "load", sweep.load
    for name in AXES:
        value = getattr(e, name)
        is_left_out = name == "value" and _has_own_value(e)
        if not is_left_out and (value not in (None, ()) or (name == "negative_prompt" and e.label is None)):
            yield name, value


def _has_own_value(e: Experiment) -> bool:
    """Is a value beside the guider or the schedule refused?"""
    return e.guider.own_scale is not None or e.schedule.max_val is not None or not e.schedule.uses_value


def _plain(name: str, value: Any) -> Any:
    if name == "load":
        return value.spec()
    return written_axis(name, [value]) if name in AXES else value


@functools.lru_cache(maxsize=65536)
def _yaml(name: str, value: Any) -> str:
    return dump({name: _plain(name, value)}).decode()


@functools.lru_cache(maxsize=65536)
def _argument(name: str, value: Any) -> str:
    return f"    {name}={_plain(name, value)!r},\n"


def _python(e: Experiment, arguments: str) -> str:
    code = bool({**e.guider.code(), **e.schedule.code()})
    made = f"sweep = cfgsweep.Sweep(\n{arguments})\n"
    if code:
        made = "with cfgsweep.allow_code():\n" + "".join(f"    {line}\n" for line in made.splitlines())
    allowed = ", allow_code=True" if code else ""
    picture = f'picture = cfgsweep.run(sweep{allowed})["{e.id}"].image  # a PIL image\n'
    return f"import cfgsweep\n\n{made}{picture}"
