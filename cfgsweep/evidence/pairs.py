"""Pairs of pictures of two cells: what they have in common, and the differences of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from cfgsweep.evidence.cells import Cell, Draw, Pair, unit_of
from cfgsweep.storage.records import DoneRecord


class Partners(NamedTuple):
    """A picture of a cell and one of its match, with what they have in common."""

    pair: Pair
    own: DoneRecord
    other: DoneRecord

    @property
    def pixels(self) -> tuple[str, str]:
        """Hashes of the two pictures."""
        return self.own.pixels_sha256, self.other.pixels_sha256


def partners(cell: Cell, match: Cell) -> Iterator[Partners]:
    """The pictures of the same seeds, label and prompt.

    Where one of the cells has no fork or no U-turn, the seed of the other's tells no pairs apart: a picture is then
    the partner of several.
    """
    both = [name for name in ("fork", "start") if getattr(cell.example, name) and getattr(match.example, name)]
    of_match: dict[Pair, list[DoneRecord]] = {}
    for pair, record in match.records.items():
        of_match.setdefault(_in_common(pair, both), []).append(record)
    for pair, record in cell.records.items():
        common = _in_common(pair, both)
        yield from (Partners(common, record, other) for other in of_match.get(common, ()))


def _in_common(pair: Pair, both: Sequence[str]) -> Pair:
    seed, *others = pair
    if isinstance(seed, Draw):
        seed = Draw(seed.seed, seed.fork if "fork" in both else None, seed.start if "start" in both else None)
    return (seed, *others)


def differences(metric: str, found: Iterable[Partners], settings: Sequence[str]) -> list[float]:
    """One for each pair, or where pictures that differ in the seed have one number together, for each pair of groups.

    settings: what makes a pair. Pictures that have all of that in common count as one, by the mean of their
    differences, and so do pairs of the same two pictures: these are one observation, however often it is there.
    """
    numbers: dict[object, list[float]] = {}
    pictures: dict[object, list[tuple[str, str]]] = {}
    for one in found:
        if metric in one.own.metrics and metric in one.other.metrics:
            unit = unit_of(one.pair, metric, settings)
            numbers.setdefault(unit, []).append(one.own.metrics[metric] - one.other.metrics[metric])
            pictures.setdefault(unit, []).append(one.pixels)
    distinct: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for unit, each in numbers.items():
        distinct.setdefault(tuple(sorted(pictures[unit])), []).append(fmean(each))
    return [fmean(each) for each in distinct.values()]
