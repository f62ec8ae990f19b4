"""The run folder: what is there, and how it is written.

sweep.yaml           what was asked for last, resolved
sweep-<n>.yaml       what was asked for before
environment.json     versions, device, dtype, batch shape, model fingerprints, the command
experiments.jsonl    one record a line
images/<id>.png      the pictures, each with its record inside
previews/<id>.png    where the sweep asks for `previews`: x0 of some steps, an APNG
grids/*.png
inputs/<hash>/*      copies of the pictures that those of the run are made from, and of files of schedules
videos/<id>.mp4      what `cfgsweep export` writes
phase.json, phase.png   what `cfgsweep phase` found
rate/index.html, rate/key-<page>.json   what `cfgsweep rate` writes; answers to it may be beside them
page/index.html and more   what `cfgsweep page` writes
metrics.json, metrics/*.npy   what metrics depend on, and features of reference pictures
shards/<number>-of-<count>/   run folders that this one is merged from

The names are in `artifacts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from cfgsweep.config.yaml_io import dump
from cfgsweep.engine.diagnostics import Diagnostics
from cfgsweep.errors import UserError
from cfgsweep.models.video import AnyPicture, EncodedPicture, Picture, middle_frame
from cfgsweep.storage import artifacts
from cfgsweep.storage.artifacts import ARTIFACTS
from cfgsweep.storage.claims import check_kinds_of_files, is_bare
from cfgsweep.storage.drawings import save_drawing
from cfgsweep.storage.file_state import read_text
from cfgsweep.storage.input_copies import keep_inputs
from cfgsweep.storage.picture_cache import PictureCache, Shape
from cfgsweep.storage.png import DIAGNOSTICS, encoded, own_record, save_png
from cfgsweep.storage.record_file import RecordFile
from cfgsweep.storage.records import (
    DoneRecord,
    EnvironmentRecord,
    FailedRecord,
    Record,
    environment_of_records,
    merged,
    parse_environment,
)
from cfgsweep.storage.report_file import is_of_search, read_report, write_report
from cfgsweep.storage.shard_of import ShardOf, run_of_shard
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.fields import Size
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.system.files import is_left_behind, make_folder, open_atomic, remove_left_behind
from cfgsweep.system.machine_errors import is_of_machine


class RunFolder:
    """One run folder. Every file is written whole or not at all, so that a kill at any moment loses nothing.

    Records are parsed once and pictures are decoded once, unless another process changes them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.images, self.grids = folder / artifacts.IMAGES, folder / artifacts.GRIDS
        self.videos, self.inputs = folder / artifacts.VIDEOS, folder / artifacts.INPUTS
        self.previews, self.shards = folder / artifacts.PREVIEWS, folder / artifacts.SHARDS
        self.ratings, self.rating_page_file = folder / artifacts.RATE, folder / artifacts.RATING_PAGE
        self.page = folder / artifacts.PAGE
        self.sweep_file = folder / artifacts.SWEEP
        self.environment_file = folder / artifacts.ENVIRONMENT
        self.records_file = folder / artifacts.RECORDS
        self.features, self.measured_with_file = folder / artifacts.FEATURES, folder / artifacts.MEASURED_WITH
        self.report_file, self.report_plot_file = folder / artifacts.REPORT, folder / artifacts.REPORT_PLOT
        self.pictures = PictureCache(self._recorded_shape)
        self._records = RecordFile(self.records_file)

    def create(self) -> None:
        """Make the folder, or take the one that is there.

        Raises UserError where it holds something else than a run, or cannot be made.
        """
        above = run_of_shard(self.folder)
        for run in (*([RunFolder(above)] if above else []), self):
            if run.folder.exists() and not run._is_ours():
                hint = "name another folder with --out"
                raise UserError("there is something else here already", where=str(run.folder), hint=hint)
            check_kinds_of_files(run.folder)
        try:
            for folder in (self.images, self.grids):
                make_folder(folder)
        except OSError as error:
            if is_of_machine(error):
                raise
            raise UserError(f"cannot be made: {error.strerror}", where=str(self.folder)) from None

    def _is_ours(self) -> bool:
        """Is it a run's folder, or one in which nothing is yet?

        Names alone make no run's folder: anybody has a `sweep.yaml` or `images`. One of these does, as a run wrote it:
        environment.json, which comes first; a record; or a picture with its record inside.
        """
        if not self.folder.is_dir():
            return False
        is_known = self.kept_environment() is not None or self.records() or next(self.unrecorded(), None) is not None
        return bool(is_known) or is_bare(self.folder)

    # Reading ------------------------------------------------------------------------------------------------------

    def records(self) -> Mapping[str, Record]:
        """Records by id, in the order of the file; lines that are no whole records are left out."""
        return self._records.records()

    def broken_lines(self) -> list[int]:
        """Numbers, counted from 1, of lines that are no whole records."""
        return self._records.broken_lines()

    def records_of(self, experiments: Iterable[Experiment]) -> dict[str, Record]:
        """The records of those that were tried, by the experiments' ids, whichever of their ids the records have."""
        known, experiments = self.records(), list(experiments)
        if not known:
            return {}
        others = known.keys() - {e.id for e in experiments}  # other ids take long to find out: only if there are any
        found = ((e.id, _record_of(e, known, bool(others))) for e in experiments)
        return {name: record for name, record in found if record is not None}

    def others(self, experiments: Sequence[Experiment]) -> set[str]:
        """The ids of records of none of these experiments."""
        known = self.records()
        others = known.keys() - {e.id for e in experiments} if known else set()
        return others and others - {name for e in experiments for name in e.other_ids}

    def done(self, experiments: Iterable[Experiment]) -> dict[str, DoneRecord]:
        """Records, by the experiments' ids, of those that have a picture with the pixels that its record names."""
        found = self.records_of(experiments).items()
        return {name: record for name, record in found if isinstance(record, DoneRecord) and self.is_whole(record)}

    def is_whole(self, record: DoneRecord) -> bool:
        """Does its picture have the pixels that the record names?"""
        return self.pictures.sha256(self.image_path(record.id)) == record.pixels_sha256

    def failed(self, experiments: Iterable[Experiment]) -> list[Experiment]:
        """Those that were tried and have no picture."""
        experiments = list(experiments)
        found = self.records_of(experiments)
        return [e for e in experiments if isinstance(found.get(e.id), FailedRecord)]

    def image_path(self, experiment_id: str) -> Path:
        """Where a picture is, or would be."""
        return self.images / f"{experiment_id}.png"

    def image_place(self, experiment_id: str) -> str:
        """A picture's path in the folder, as records and reports have it."""
        return self.image_path(experiment_id).relative_to(self.folder).as_posix()

    def preview_path(self, experiment_id: str) -> Path:
        """Where the previews of a picture are, or would be."""
        return self.previews / f"{experiment_id}.png"

    def rating_key_file(self, page: str) -> Path:
        """Where the key of a page of ratings is, or would be, by the page's id."""
        return self.folder / artifacts.RATING_KEYS.replace("*", page)

    def _recorded_shape(self, path: Path) -> Shape | None:
        """The size and the number of frames that a picture's record has."""
        record = self.records().get(path.stem) if path.parent == self.images else None
        return (record.size, record.frames) if isinstance(record, DoneRecord) else None

    def load_picture(self, record: Record) -> Picture:
        """A record's picture in RGB, not to be changed in place. Raises OSError where it is missing or not whole."""
        return self.pictures.picture(self.image_path(record.id))

    def load_image_at(self, path: str | Path) -> Image.Image:
        """A picture by its path in the folder, as records and reports have it; the middle frame of a video."""
        return middle_frame(self.pictures.picture(self.folder / path))

    def environment(self) -> EnvironmentRecord | None:
        """What the folder's pictures were made with: environment.json, and what their records know beyond it."""
        recorded = environment_of_records([*self.unrecorded(), *self.records().values()])
        kept = self.kept_environment()
        if recorded and not kept and (shard := self.shard()):
            recorded = recorded.model_copy(update={"shard": str(shard)})
        return merged(kept, recorded) if kept and recorded else kept or recorded

    def environment_is_lost(self) -> bool:
        """Are there pictures, but no whole environment.json?"""
        return self.kept_environment() is None and self.environment() is not None

    def kept_environment(self) -> EnvironmentRecord | None:
        """environment.json; None where it is missing or damaged."""
        return parse_environment(read_text(self.environment_file) or "")

    def shard(self) -> ShardOf | None:
        """Which shard of its sweep the folder is; None where it is none, and of a new one.

        environment.json says it. Where that is lost, the place of the folder tells.
        """
        if (kept := self.kept_environment()) is not None:
            return ShardOf.recorded(kept.shard)
        return ShardOf.named(self.folder) if self.sweep_file.is_file() else None

    def unrecorded(self) -> Iterator[DoneRecord]:
        """The records inside those pictures that have lost their records."""
        for path in sorted(self.images.glob("*.png")):
            if path.stem not in self.records() and (record := own_record(path)) is not None:
                yield record

    def earlier_sweeps(self) -> list[Path]:
        """The files of sweeps before the last one, the newest first."""
        found = [path for path in self.folder.glob(artifacts.EARLIER_SWEEPS) if _number(path) and path.is_file()]
        return sorted(found, key=_number, reverse=True)

    def report(self) -> dict[str, object] | None:
        """The report of `cfgsweep phase`; None where there is no whole one."""
        return read_report(self.report_file)

    def is_of_search(self) -> bool:
        """Has a search written its report here, which may be damaged since?"""
        return is_of_search(self.report_file)

    def unknown_files(self) -> list[Path]:
        """Files that are no part of this run."""
        known = {self.image_path(name) for name in self.records()}
        known |= {path for artifact in ARTIFACTS for path in artifact.files(self.folder)}
        there = (path for path in self.folder.rglob("*") if self.shards not in path.parents)
        return sorted(path for path in there if not path.is_dir() and path not in known)

    # Writing ------------------------------------------------------------------------------------------------------

    def save(
        self,
        picture: AnyPicture,
        fields: Mapping[str, object],
        diagnostics: Diagnostics | None = None,
        file: EncodedPicture | None = None,
    ) -> DoneRecord:
        """Write a picture and then its record, which has the picture's path and hash in addition to these fields.

        diagnostics: are written into the picture's file. file: the picture's, where it is encoded already.
        The order matters: without its record, a picture could not be verified.
        """
        path = self.image_path(str(fields["id"]))
        file = file or encoded(picture)
        record = DoneRecord.of({**fields, "image": self.image_place(path.stem), "pixels_sha256": file.pixels_sha256})
        save_png(file, path, record, {DIAGNOSTICS: diagnostics.as_text()} if diagnostics else {})
        self.pictures.put(path, None if isinstance(picture, EncodedPicture) else picture, file.pixels_sha256)
        self.append(record)
        return record

    def save_failure(self, fields: Mapping[str, object], reason: str) -> FailedRecord:
        """Write a record that says why there is no picture."""
        record = FailedRecord.of({**fields, "status": "failed", "reason": reason})
        self.append(record)
        return record

    def append(self, record: Record) -> None:
        """Add one record at the end."""
        self._records.append(record)

    def sort_records(self, experiments: Iterable[Experiment]) -> None:
        """Put the records into the order of these experiments, one line each; then others, then controls in theirs."""
        experiments, known = list(experiments), dict(self.records())
        ordered = [known.pop(experiment.id) for experiment in experiments if experiment.id in known]
        if known:  # a failure under another id is outdated once the experiment has a record of its own
            done = {record.id for record in ordered}
            outdated = {name for experiment in experiments if experiment.id in done for name in experiment.other_ids}
            failed = {name for name, record in known.items() if isinstance(record, FailedRecord)}
            known = {name: record for name, record in known.items() if name not in outdated & failed}
        places = {record.id: place for place, record in enumerate(ordered)}
        self.replace_records([*ordered, *sorted(known.values(), key=lambda record: _place_of_control(record, places))])

    def replace_records(self, records: Iterable[Record]) -> None:
        """Write these records in place of all others."""
        self._records.replace(records)

    def update_records(self, changes: Mapping[str, Mapping[str, object]]) -> None:
        """Change fields of records, by id."""
        known = self.records()
        self.replace_records(
            record.changed(**changes[name]) if name in changes else record for name, record in known.items()
        )

    def write_sweep(self, sweep: Sweep, keep: bool = True) -> None:
        """Write the sweep, and copies of its pictures, which it names by their places in the folder.

        keep: another sweep that was there before stays, as `sweep-<n>.yaml`.
        """
        self.write_sweep_text(dump(as_written(sweep, keep_inputs(self.inputs, sweep))), keep)

    def write_sweep_text(self, text: bytes, keep: bool = True) -> None:
        """The same of the content of sweep.yaml; the files that it names in `inputs` are there."""
        before, earlier = self.sweep_file.read_bytes() if self.sweep_file.is_file() else text, self.earlier_sweeps()
        if keep and before != text:
            newest = _number(earlier[0]) if earlier else 0
            with open_atomic(self.folder / artifacts.EARLIER_SWEEPS.replace("*", str(newest + 1))) as file:
                file.write(before)
        with open_atomic(self.sweep_file) as file:
            file.write(text)
        for path in earlier:
            if path.read_bytes() == text:  # it is the last one again
                path.unlink()

    def write_environment(self, environment: Mapping[str, object]) -> None:
        with open_atomic(self.environment_file) as file:
            file.write((json.dumps(environment, indent=2) + "\n").encode())

    def write_report(self, report: Mapping[str, object], plot: Image.Image | None = None) -> None:
        """Write phase.json, and phase.png if there is a plot. Files of the user's of these names are renamed."""
        write_report(report, self.report_file)
        if plot is not None:
            save_drawing(plot, self.report_plot_file, "phase")

    def remove_left_behind(self) -> None:
        """Remove temporary files of commands that were killed."""
        own = (self.folder / name for name in artifacts.FOLDERS)
        for folder in (self.folder, *own, *self.inputs.glob("*")):
            for path in folder.glob(".*.tmp"):
                if is_left_behind(path):
                    remove_left_behind(path)


def _number(sweep: Path) -> int:
    """The number of an earlier sweep; 0 where the file's name is none of one."""
    number = sweep.stem.partition("-")[2]
    return int(number) if number.isdecimal() else 0


def _place_of_control(record: Record, places: Mapping[str, int]) -> tuple[int, float, str]:
    """That of what it is compared with, whichever was made first. Records of no control come before, as they are."""
    if not isinstance(record, DoneRecord) or record.control_of is None:
        return -1, 0.0, ""
    return places.get(record.control_of, len(places)), record.value or 0.0, record.id


def _record_of(experiment: Experiment, known: Mapping[str, Record], by_other_ids: bool) -> Record | None:
    """The experiment's record among these, which are by their ids."""
    size = experiment.size or experiment.native_size
    names = (experiment.id, *(experiment.other_ids if by_other_ids else ()))
    records = (known[name] for name in names if name in known)
    return next((record for record in records if _has_size(record, size)), None)


def _has_size(record: Record, size: Size) -> bool:
    """Can it be the record of an experiment of this size? A failure does not say which size it would have had."""
    return size is None or isinstance(record, FailedRecord) or record.size == size
