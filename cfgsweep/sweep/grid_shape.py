"""The shape of a grid of experiments: which axes multiply, and which only change when others do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import varying

Columns = Mapping[str, Sequence[int]]  # of axes: for every experiment the number of its value


@dataclass(frozen=True)
class GridShape:
    """counts: how many values each axis has that varies, in the order of a sweep file.

    follows: axes that have one value for every value of others, as zipped axes have.
    """

    counts: dict[str, int]
    follows: dict[str, tuple[str, ...]]
    experiments: int

    @classmethod
    def of(cls, experiments: Sequence[Experiment]) -> GridShape:
        columns = _columns(experiments, varying(experiments))
        leading = _factors(columns, len(experiments)) or _independent(columns)
        followers = {name: _leaders(columns, name, leading) for name in columns if name not in leading}
        return cls({name: _count(columns, name) for name in columns}, followers, len(experiments))

    def __str__(self) -> str:
        """'3 seed x 25 guider; value follows guider; 70 of 75 cells'."""
        leading = [name for name in self.counts if name not in self.follows]
        cells = math.prod(self.counts[name] for name in leading)
        parts = [" x ".join(f"{self.counts[name]} {name}" for name in leading) or "one cell"]
        parts += [f"{name} follows {' and '.join(leaders)}" for name, leaders in self.follows.items()]
        parts += [f"{self.experiments:,} of {cells:,} cells"] if cells != self.experiments else []
        return "; ".join(parts)


def axis_follows(experiments: Sequence[Experiment], name: str, leader: str) -> bool:
    """Do experiments that agree in the leading axis agree in this one?"""
    return follows(_columns(experiments, [name, leader]), name, [leader])


def _columns(experiments: Sequence[Experiment], names: Sequence[str]) -> Columns:
    columns = {}
    for name in names:
        numbers: dict[object, int] = {}
        columns[name] = [numbers.setdefault(e.value_of(name), len(numbers)) for e in experiments]
    return columns


def _count(columns: Columns, *names: str) -> int:
    """How many combinations of values these axes have."""
    return len(set(zip(*(columns[name] for name in names), strict=True)))


def follows(columns: Columns, name: str, leaders: Sequence[str]) -> bool:
    """Do experiments that agree in the leading axes agree in this one?"""
    return _count(columns, *leaders, name) == _count(columns, *leaders)


def _factors(columns: Columns, experiments: int) -> tuple[str, ...]:
    """The fewest axes whose full product the experiments are; none where cells were excluded."""
    counts = {name: _count(columns, name) for name in columns}
    for size in range(1, len(columns) + 1):
        for names in itertools.combinations(columns, size):
            if math.prod(counts[name] for name in names) == experiments == _count(columns, *names):
                return names
    return ()


def _independent(columns: Columns) -> tuple[str, ...]:
    """Axes that follow none with more values."""
    leading = list[str]()
    for name in sorted(columns, key=lambda name: -_count(columns, name)):
        if not any(follows(columns, name, [leader]) for leader in leading):
            leading.append(name)
    return tuple(name for name in columns if name in leading)


def _leaders(columns: Columns, name: str, leading: Sequence[str]) -> tuple[str, ...]:
    """The fewest of the leading axes that an axis follows."""
    for size in range(1, len(leading)):
        for some in itertools.combinations(leading, size):
            if follows(columns, name, some):
                return some
    return tuple(leading)
