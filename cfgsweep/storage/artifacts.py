"""The files of a run folder: their names, and what `verify` says of a damaged one.

To add an output, add a line to ARTIFACTS and the code that writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cfgsweep.storage.drawings import is_whole_vector_drawing
from cfgsweep.storage.feature_file import is_features
from cfgsweep.storage.input_copies import is_copy
from cfgsweep.storage.measured_with import is_measured_with
from cfgsweep.storage.page_files import (
    ASSETS,
    DATA,
    DETAILS,
    HEAD,
    INDEX,
    PLAN,
    RESULTS,
    SINGLE,
    THUMBS,
    WEBPS,
    is_asset,
    is_head,
    is_results,
    is_script,
    is_single,
    is_thumb,
)
from cfgsweep.storage.png import hash_of_file
from cfgsweep.storage.rating_files import is_answers, is_key, is_page
from cfgsweep.storage.report_file import is_report
from cfgsweep.system.locks import LOCKS

IMAGES, GRIDS, VIDEOS, INPUTS, RATE, PREVIEWS = "images", "grids", "videos", "inputs", "rate", "previews"  # folders
PAGE, PAGE_DATA, PAGE_THUMBS = "page", f"page/{DATA}", f"page/{THUMBS}"  # folders
SHARDS = "shards"  # the folder of those that a run is merged from
PAGE_INDEX = f"{PAGE}/{INDEX}"
SWEEP, ENVIRONMENT, RECORDS = "sweep.yaml", "environment.json", "experiments.jsonl"
EARLIER_SWEEPS = "sweep-*.yaml"  # numbered
FEATURES, MEASURED_WITH = "metrics", "metrics.json"
FOLDERS = (
    IMAGES,
    GRIDS,
    VIDEOS,
    INPUTS,
    PREVIEWS,
    RATE,
    FEATURES,
    PAGE,
    PAGE_DATA,
    PAGE_THUMBS,
)  # of a run alone
PAGE_AGAIN = "damaged; `cfgsweep page` writes it again"
DRAW_AGAIN = "damaged; it can be drawn again from the pictures"
REPORT, REPORT_PLOT = "phase.json", "phase.png"
RATING_PAGE, RATING_KEYS, ANSWERS = f"{RATE}/index.html", f"{RATE}/key-*.json", f"{RATE}/answers*.json"
DRAWINGS, VECTOR_DRAWINGS = f"{GRIDS}/[!.]*.png", (f"{GRIDS}/[!.]*.pdf", f"{GRIDS}/[!.]*.svg")


def is_picture(path: Path) -> bool:
    """Is the file a whole PNG?"""
    return hash_of_file(path) is not None


@dataclass(frozen=True)
class Artifact:
    """A file, or with a wildcard several.

    is_whole, damaged: a check that the file is whole, and what verify says where it is not.
    """

    pattern: str
    is_whole: Callable[[Path], bool] | None = None
    damaged: str = ""

    @property
    def is_one_file(self) -> bool:
        return not any(character in self.pattern for character in "*?[")

    def files(self, folder: Path) -> Iterator[Path]:
        """The one file, there or not; or all files that match the wildcard."""
        return iter([folder / self.pattern]) if self.is_one_file else folder.glob(self.pattern)


# Pictures are not in the table: each belongs to a record.
ARTIFACTS = (
    Artifact(SWEEP),
    Artifact(EARLIER_SWEEPS),
    Artifact(ENVIRONMENT),
    Artifact(RECORDS),
    Artifact(REPORT, is_report, "no whole report; the same search writes it, and renames a file that is not its own"),
    Artifact(DRAWINGS, is_picture, DRAW_AGAIN),
    *(Artifact(pattern, is_whole_vector_drawing, DRAW_AGAIN) for pattern in VECTOR_DRAWINGS),
    Artifact(REPORT_PLOT, is_picture, DRAW_AGAIN),
    Artifact(RATING_PAGE, is_page, "no whole page of ratings; `cfgsweep rate` writes it again"),
    Artifact(RATING_KEYS, is_key, "no whole key; answers to its page cannot be read without"),
    Artifact(ANSWERS, is_answers, "no whole answers: save them from the page again"),
    Artifact(f"{PAGE}/{HEAD}", is_head, "damaged, or it names files that are missing; `cfgsweep page` writes it again"),
    *(Artifact(f"{PAGE}/{name}", is_asset, PAGE_AGAIN) for name in ASSETS),
    Artifact(f"{PAGE}/{SINGLE}", is_single, "damaged; `cfgsweep page --single` writes it again"),
    *(Artifact(f"{PAGE}/{pattern}", is_script, PAGE_AGAIN) for pattern in (PLAN, DETAILS)),
    Artifact(
        f"{PAGE}/{RESULTS}", is_results, "damaged, or thumbnails of it are missing; `cfgsweep page` writes it again"
    ),
    Artifact(f"{PAGE_THUMBS}/[!.]{WEBPS}", is_thumb, PAGE_AGAIN),
    Artifact(MEASURED_WITH, is_measured_with, "damaged; the metrics that it is about are measured anew"),
    Artifact(f"{FEATURES}/[!.]*.npy", is_features, "damaged; they are computed again when they are needed"),
    Artifact(
        f"{PREVIEWS}/[!.]*.png", is_picture, "damaged previews: they are made with the picture, if that is removed"
    ),
    Artifact(f"{VIDEOS}/[!.]*.mp4"),
    Artifact(f"{INPUTS}/*/[!.]*", is_copy, "not the file that the run began with"),
    *(Artifact(name) for lock in LOCKS for name in (lock, f"{PAGE}/{lock}")),
)
