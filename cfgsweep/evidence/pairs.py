"""Pairs of pictures of two cells: what they have in common, and the differences of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cfgsweep.evidence.cells import Cell, Draw, Pair, observations
from cfgsweep.evidence.copies import sharing_pictures
from cfgsweep.evidence.statistics import mean_of
from cfgsweep.metrics.spec import is_of_pictures
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

    @property
    def is_equal(self) -> bool:
        """Whether all is equal that a metric of single pictures depends on."""
        own, other = ((r.pixels_sha256, r.prompt, r.label, r.model) for r in (self.own, self.other))
        return own == other


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
    """One for each independent observation of a metric: the mean of the differences of its pictures.

    settings: what makes a pair; pictures that have all of that in common are one observation, and so are pairs that
    have a picture in common. Equal pictures do not differ, though a network may have measured them to other last
    digits, beside other pictures.
    """
    observation, is_single = observations(metric, settings), is_of_pictures(metric)
    numbers: dict[object, list[float]] = {}
    pictures: dict[object, set[str]] = {}
    for one in found:
        if metric in one.own.metrics and metric in one.other.metrics:
            place = observation(one.pair)
            difference = one.own.metrics[metric] - one.other.metrics[metric]
            numbers.setdefault(place, []).append(0.0 if is_single and one.is_equal else difference)
            pictures.setdefault(place, set()).update(one.pixels)
    united: dict[int, list[float]] = {}
    for group, each in zip(sharing_pictures(list(pictures.values())), numbers.values(), strict=True):
        united.setdefault(group, []).append(mean_of(each))
    return [mean_of(each) for each in united.values()]
