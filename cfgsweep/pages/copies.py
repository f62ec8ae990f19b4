"""What can be copied of one cell: a sweep file of it alone, Python, the line of A1111, a guider of diffusers."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from cfgsweep.config.yaml_io import dump
from cfgsweep.pages.diffusers_guider import diffusers_text
from cfgsweep.samplers import TEXT_TO_IMAGE
from cfgsweep.storage.png import parameters_line
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import written_axis

SWEEP_FILE, PYTHON, A1111, DIFFUSERS = "sweep file", "Python", "A1111", "diffusers"
LONGEST_NAME = 70  # of a sweep in that of the copy, so that the id still has room


class Copies:
    """What can be copied of the cells of a run. The text of a field that several cells have is made once."""

    def __init__(self, sweep: Sweep):
        self._sweep = sweep
        self._texts: dict[str, tuple[str, str]] = {}  # in YAML and in Python, by names and values
        self._diffusers = functools.cache(diffusers_text)

    def of(self, e: Experiment, record: Record) -> dict[str, str]:
        """By what they are called. Sweep file and Python are of the same experiment: it has the same id."""
        texts = [self._text(*field) for field in self._fields(e)]
        found = {
            SWEEP_FILE: "".join(yaml for yaml, _ in texts),
            PYTHON: _python(e, "".join(argument for _, argument in texts)),
        }
        if e.fork is not None or e.start is not None:
            return found  # A1111 and diffusers have neither, and what they have alone gives another picture
        if isinstance(record, DoneRecord):
            found[A1111] = parameters_line(record)
        guider = self._diffusers(e.guider, e.schedule, e.value)
        return found | ({DIFFUSERS: guider} if guider else {})

    def _fields(self, e: Experiment) -> Iterator[tuple[str, Any]]:
        """The fields of a sweep of this experiment alone, as experiments have them; those without effect left out."""
        yield "name", f"{self._sweep.name[:LONGEST_NAME]}-{e.id}"
        yield "model", e.model
        if e.revision is not None:
            yield "revision", e.revision
        if e.task != TEXT_TO_IMAGE:
            yield "task", e.task
        if self._sweep.load.spec():
            yield "load", self._sweep.load
        for name in AXES:
            value = getattr(e, name)
            is_left_out = name == "model" or (name == "value" and _has_own_value(e))
            if not is_left_out and (value not in (None, ()) or (name == "negative_prompt" and e.label is None)):
                yield name, value

    def _text(self, name: str, value: Any) -> tuple[str, str]:
        key = f"{name} {value!r}"  # not the value itself: 1 is equal to true, which is another one in a file
        if key not in self._texts:
            plain = _plain(name, value)
            self._texts[key] = dump({name: plain}).decode(), f"    {name}={plain!r},\n"
        return self._texts[key]


def _has_own_value(e: Experiment) -> bool:
    """Is a value beside the guider or the schedule refused?"""
    return e.guider.own_scale is not None or e.schedule.max_val is not None or not e.schedule.uses_value


def _plain(name: str, value: Any) -> Any:
    if name == "load":
        return value.spec()
    return written_axis(name, [value]) if name in AXES and name != "model" else value


def _python(e: Experiment, arguments: str) -> str:
    code = bool({**e.guider.code(), **e.schedule.code()})
    made = f"sweep = cfgsweep.Sweep(\n{arguments})\n"
    if code:
        made = "with cfgsweep.allow_code():\n" + "".join(f"    {line}\n" for line in made.splitlines())
    allowed = ", allow_code=True" if code else ""
    picture = f'picture = cfgsweep.run(sweep{allowed})["{e.id}"].image  # a PIL image\n'
    return f"import cfgsweep\n\n{made}{picture}"
