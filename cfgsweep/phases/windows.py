"""Where in time something is decided: the window of a metric over the noise of U-turns, or the place of forks.

As in Sclocchi, Favero, Wyart 2025 (PNAS, arXiv 2402.16991), Li and Chen 2024 (critical windows, arXiv 2403.01633), and
Behjoo and Chertkov 2026 (U-turns, arXiv 2602.04404): pictures are noised to a level and denoised, and one asks which
of them keep a feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from cfgsweep.errors import UserError
from cfgsweep.evidence.copies import sharing_pictures
from cfgsweep.evidence.statistics import RESAMPLES, SEED, TAILS, mean_interval, wilson
from cfgsweep.metrics.base import Metric, OriginMetric
from cfgsweep.metrics.spec import metric_of
from cfgsweep.phases.curve import Curve
from cfgsweep.phases.transitions import Shape
from cfgsweep.reports.cells import OVER
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying
from cfgsweep.system.display import aligned, html_table
from cfgsweep.system.wording import counted

LEAST = 5  # pictures, and points of the curve no fewer than 3
HEAD = ("setting", "pictures", "first", "last", "half-way at", "95% interval", "width", "95% interval")


@dataclass(frozen=True)
class Point:
    """The mean of a metric at one place, over pictures, with its 95% interval.

    Wilson's where every number is 0 or 1, else the bootstrap's.
    """

    at: float
    mean: float
    low: float
    high: float


class Estimate(NamedTuple):
    """A number with its 95% interval, by the bootstrap over pictures."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Window:
    """How a metric changes from the first place to the last: half-way at `location`, 10 to 90 % within `width`.

    ends: where 10 and 90 % are reached first. All are None where the intervals of the first and the last point overlap:
    no change is shown. distinct: how many observations the pictures are, those with a copy in common being one.
    """

    title: str
    pictures: int
    points: Sequence[Point]
    location: Estimate | None
    width: Estimate | None
    ends: tuple[float, float] | None = None
    distinct: int | None = None

    @classmethod
    def of(cls, title: str, places: Sequence[float], numbers: np.ndarray) -> Window:
        """numbers: [pictures, places], of places by rising value."""
        points = [_point(at, column) for at, column in zip(places, numbers.T, strict=True)]
        first, last = points[0], points[-1]
        if first.low <= last.high and last.low <= first.high:
            return cls(title, len(numbers), points, None, None)
        found = _location_and_width(places, numbers.mean(axis=0))
        rng = np.random.default_rng(SEED)
        drawn = (numbers[rng.integers(len(numbers), size=len(numbers))] for _ in range(RESAMPLES // 10))
        spread = np.array([_location_and_width(places, some.mean(axis=0)) for some in drawn])
        bounds = np.nanpercentile(spread, TAILS, axis=0)
        location, width = (Estimate(value, *map(float, pair)) for value, pair in zip(found, bounds.T, strict=True))
        return cls(title, len(numbers), points, location, width, _ends(_curve(places, numbers.mean(axis=0))))

    def row(self) -> tuple[str, ...]:
        ends = (f"{self.points[0].mean:.2f}", f"{self.points[-1].mean:.2f}")
        if self.location is None or self.width is None:
            return (self.title, str(self.pictures), *ends, "no change shown", "", "", "")
        both = (self.location, self.width)
        cells = (cell for one in both for cell in (f"{one.value:.3f}", f"[{one.low:.3f}, {one.high:.3f}]"))
        return (self.title, str(self.pictures), *ends, *cells)

    def notes(self) -> Iterator[str]:
        """Of how many observations the intervals are, and what is not in them."""
        if self.distinct is not None and self.distinct < self.pictures:
            seeds = (
                "since those that are, or become, the same picture count as one: give every picture a seed of its own"
            )
            yield f"{self.title}: its {counted(self.pictures, 'picture')} count as {self.distinct}, {seeds}"
        if self.ends is not None:
            for one, other in pairwise(point.at for point in self.points):
                if one <= min(self.ends) and max(self.ends) <= other:
                    where = f"between {one:g} and {other:g}, where nothing was tried"
                    yield f"{self.title}: it changes {where}: the location may be anywhere there, the width smaller"

    def as_json(self) -> dict[str, Any]:
        found = {name: one and one._asdict() for name, one in (("location", self.location), ("width", self.width))}
        points = [asdict(point) for point in self.points]
        counts = {"pictures": self.pictures, "distinct": self.distinct}
        return {"title": self.title, **counts, "points": points, **found, "ends": self.ends}


@dataclass(frozen=True)
class Windows:
    """The windows of a run, one for every combination of its other settings. over: `start` or `fork`."""

    metric: str
    over: str
    found: Sequence[Window]

    @classmethod
    def of(cls, experiments: Sequence[Experiment], records: Mapping[str, Record], metric: str) -> Windows:
        """Raises UserError where neither `start` nor `fork` varies, or the metric was not measured often enough."""
        names = varying(experiments)
        over = next((name for name in ("start", "fork") if name in names), None)
        if over is None:
            hint = "give `start: {noise: [0, 0.1, ...]}` or `fork: {at: [...]}` several values"
            raise UserError("neither U-turns nor forks vary in this run", where="window", given=names, hint=hint)
        fields = [name for name in names if name not in (*OVER, over)]
        groups: dict[tuple[Any, ...], dict[Any, dict[float, list[tuple[float, str]]]]] = {}
        for e in experiments:
            record = records.get(e.id)
            if isinstance(record, DoneRecord) and (number := record.metrics.get(metric)) is not None:
                settings = tuple(e.value_of(name) for name in fields)
                picture = tuple(getattr(e, name) for name in OVER)
                at = groups.setdefault(settings, {}).setdefault(picture, {})
                at.setdefault(_place(e, over), []).append((number, record.pixels_sha256))
        found = [_window(fields, settings, pictures) for settings, pictures in groups.items()]
        if not found:
            raise _not_measured(metric, experiments, records)
        return cls(metric, over, found)

    def lines(self) -> list[str]:
        """A table of the windows."""
        what = "the noise of the U-turn" if self.over == "start" else "the steps before the fork, of all"
        notes = [note for one in self.found for note in one.notes()]
        return [*aligned([HEAD, *(one.row() for one in self.found)]), *notes, "", f"{self.metric} over {what}"]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return html_table([one.row() for one in self.found], f"{self.metric} over {self.over}", HEAD)

    def as_json(self) -> dict[str, Any]:
        return {"metric": self.metric, "over": self.over, "windows": [one.as_json() for one in self.found]}


def _not_measured(metric: str, experiments: Sequence[Experiment], records: Mapping[str, Record]) -> UserError:
    """`kept` is no metric of U-turns of files, of whose picture nothing is known but the file."""
    hint = f"give the sweep `metrics: {metric}`, and run it again"
    is_of_file = any(e.start is not None and e.start.image is not None for e in experiments)
    if is_of_file and issubclass(metric_of(metric) or Metric, OriginMetric):
        hint = (
            f"{metric} cannot be measured of U-turns of files: give the sweep another metric, and name it by --metric"
        )
    return UserError(
        "was not measured in this run",
        where="--metric",
        given=metric,
        allowed=measured_metrics(records.values()),
        hint=hint,
    )


def _place(e: Experiment, over: str) -> float:
    """The noise of a U-turn, 0 without one; the share of the steps before a fork, 1 without one."""
    if over == "start":
        return e.start.noise if e.start else 0.0
    return e.fork.step(e.steps) / e.steps if e.fork else 1.0


def _window(
    fields: Sequence[str], settings: Sequence[Any], pictures: Mapping[Any, dict[float, list[tuple[float, str]]]]
) -> Window:
    """Of the pictures that have a number at every place, as one where they have a copy in common.

    pictures: by places their numbers and hashes.
    """
    title = ", ".join(map(axis_label, fields, settings)) or "all"
    places = sorted({at for found in pictures.values() for at in found})
    having = [[found[at] for at in places] for found in pictures.values() if len(found) == len(places)]
    united: dict[int, list[list[float]]] = {}
    for group, found in zip(sharing_pictures([_hashes(found) for found in having]), having, strict=True):
        united.setdefault(group, []).append([fmean(number for number, _ in each) for each in found])
    if len(united) < LEAST or len(places) < 3:
        given = f"{title}: {counted(len(united), 'different picture')} at {counted(len(places), 'place')}"
        raise UserError("too few for a window", where="window", given=given, allowed=f"{LEAST} at 3 or more")
    numbers = np.array([np.mean(rows, axis=0) for rows in united.values()])
    return replace(Window.of(title, places, numbers), pictures=len(having), distinct=len(united))


def _hashes(found: Sequence[Sequence[tuple[float, str]]]) -> list[str]:
    return [digest for each in found for _, digest in each]


def _point(at: float, numbers: np.ndarray) -> Point:
    shares = bool(np.isin(numbers, (0.0, 1.0)).all())
    mean = float(numbers.mean())
    low, high = wilson(mean, len(numbers)) if shares else mean_interval(numbers)
    return Point(at, mean, low, high)


def _curve(places: Sequence[float], means: np.ndarray) -> Curve:
    return Curve(places, [np.array([mean]) for mean in means], lambda a, b: float(np.abs(a - b).max()))


def _ends(curve: Curve) -> tuple[float, float]:
    begin, end = (curve.crossing(0, len(curve.values) - 1, share)[1] for share in (0.1, 0.9))
    return begin, end


def _location_and_width(places: Sequence[float], means: np.ndarray) -> tuple[float, float]:
    """Those of the whole curve as of a transition; not numbers where its ends are the same."""
    if means[0] == means[-1]:
        return float("nan"), float("nan")
    shape = Shape.of(_curve(places, means), 0, len(places) - 1)
    return shape.location, shape.width
