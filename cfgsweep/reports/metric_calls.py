"""Calls of metrics, as values that can be sent to another process, and who makes them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from cfgsweep.metrics.base import SMALL_BATCH, CellMetric, GroupMetric, Metric, OriginMetric, PictureMetric
from cfgsweep.models.video import Picture, frames_of
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder

if TYPE_CHECKING:
    import numpy as np

    from cfgsweep.guidance.perturbations import Condition

Key = tuple[str, str]  # of a metric: its name as records have it, and the name of the model
MetricsByKey = Mapping[Key, Metric]


class MetricCall(Protocol):
    """What metrics are asked about some pictures: records of a run, or pictures of a reference set.

    Which pictures are in one call is the same wherever it is made, since networks see them in one batch.
    """

    @property
    def pictures(self) -> Sequence[DoneRecord | Picture]: ...

    def made(self, metrics: MetricsByKey, pictures: Sequence[Picture]) -> Any:
        """The answer. pictures: those of the call, loaded."""
        ...


@dataclass(frozen=True)
class PicturesCall:
    """Numbers of single pictures. wanted: for each metric the places of its pictures, with their conditions."""

    pictures: Sequence[DoneRecord]
    wanted: Mapping[Key, Sequence[tuple[int, Condition]]]

    def made(self, metrics: MetricsByKey, pictures: Sequence[Picture]) -> dict[Key, list[float]]:
        """For each metric a number for each of its pictures."""
        found = {}
        for key, places in self.wanted.items():
            metric = cast(PictureMetric, metrics[key])
            numbers = metric.measure_pictures([pictures[place] for place, _ in places], [c for _, c in places])
            found[key] = [float(number) for number in numbers]
        return found


@dataclass(frozen=True)
class OriginCall:
    """Numbers of a picture beside the one that it comes from, which is the second."""

    pictures: Sequence[DoneRecord]
    keys: Sequence[Key]

    def made(self, metrics: MetricsByKey, pictures: Sequence[Picture]) -> list[float]:
        picture, origin = pictures
        return [float(cast(OriginMetric, metrics[key]).measure_frames(picture, origin)) for key in self.keys]


@dataclass(frozen=True)
class GroupCall:
    """Numbers of pictures that differ in the seed."""

    pictures: Sequence[DoneRecord]
    keys: Sequence[Key]

    def made(self, metrics: MetricsByKey, pictures: Sequence[Picture]) -> list[float]:
        return [float(cast(GroupMetric, metrics[key]).measure_frames(pictures)) for key in self.keys]


@dataclass(frozen=True)
class FeaturesCall:
    """Features of pictures, and of all frames of videos, by what a metric of cells sees them through."""

    pictures: Sequence[DoneRecord | Picture]
    key: Key

    def made(self, metrics: MetricsByKey, pictures: Sequence[Picture]) -> np.ndarray:
        """float32 [frames of all pictures, features]."""
        import numpy as np

        extractor = cast(CellMetric, metrics[self.key]).extractor
        frames = [frame for picture in pictures for frame in frames_of(picture)]
        parts = (frames[start : start + SMALL_BATCH] for start in range(0, len(frames), SMALL_BATCH))
        return np.concatenate([extractor.of(part) for part in parts])


class Measurer(Protocol):
    """Makes calls of metrics."""

    def answers(self, calls: Iterable[MetricCall], run: RunFolder, metrics: MetricsByKey) -> Generator[Any]:
        """The answers, in the order of the calls. metrics: made for the models of a run, and prepared in this process.

        run: where the pictures of records are.
        """
        ...


class LocalMeasurer:
    """Makes them in this process."""

    def answers(self, calls: Iterable[MetricCall], run: RunFolder, metrics: MetricsByKey) -> Generator[Any]:
        for call in calls:
            yield call.made(metrics, [_loaded(one, run) for one in call.pictures])


def _loaded(picture: DoneRecord | Picture, run: RunFolder) -> Picture:
    return run.load_picture(picture) if isinstance(picture, DoneRecord) else picture
