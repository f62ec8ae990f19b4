"""The run folders of shards, within the folder of the run that they are merged into."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cfgsweep.config import yaml_io
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.errors import UserError, shorten
from cfgsweep.storage.alike import Alike
from cfgsweep.storage.merged_numbers import MergedNumbers
from cfgsweep.storage.picture_copies import copy_picture
from cfgsweep.storage.picture_kinds import kind_of_roots, kinds_in, made_in
from cfgsweep.storage.picture_versions import versions_in
from cfgsweep.storage.records import DoneRecord, EnvironmentRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True)
class Shards:
    """The shards of a run that have begun, by their numbers."""

    run: Path
    count: int
    begun: Mapping[int, RunFolder]

    @classmethod
    def of(cls, run: Path) -> Shards:
        """Raises UserError where there are none, or where some are of another number of shards."""
        found: dict[int, dict[int, RunFolder]] = {}
        folders = {path: shard for path in RunFolder(run).shards.glob("*-of-*") if (shard := ShardOf.named(path))}
        for path, shard in folders.items():
            if (path / "sweep.yaml").is_file():
                found.setdefault(shard.count, {})[shard.number] = RunFolder(path)
        where = str(RunFolder(run).shards)
        if not found:
            whole = next((path for path in RunFolder(run).folder.parents if RunFolder(path).shards.is_dir()), None)
            hint = f"name {whole}" if whole else "`cfgsweep run CONFIG --shard 1/16` makes the first of 16"
            raise UserError("no shards to merge", where=where, hint=hint)
        if len(found) > 1:
            given = ", ".join(f"{len(shards)} of {count}" for count, shards in sorted(found.items()))
            raise UserError("shards of different cuts", where=where, given=given, hint="remove those of other cuts")
        ((count, shards),) = found.items()
        return cls(run, count, dict(sorted(shards.items())))

    @property
    def folders(self) -> Collection[RunFolder]:
        return self.begun.values()

    def sweep_file(self) -> Path:
        """That of the first shard, which all have. Raises UserError where one has another."""
        first, *others = (run.sweep_file for run in self.folders)
        for other in others:
            if other.read_bytes() != first.read_bytes():
                raise _another_sweep(other, first)
        return first

    def environment(self, run: RunFolder, mixed: bool = False) -> EnvironmentRecord:
        """environment.json of the run and all shards together. Raises UserError where one is lost, or made otherwise.

        run: what is merged already. mixed: kinds of device may differ; they may also where those of the run do.
        """
        before = run.kept_environment()
        alike = Alike(mixed or bool(before and before.kinds))
        if before is not None:
            alike.add(before, run.folder, kinds_in(run), versions_in(run))
        for number, shard in self.begun.items():
            found, place = shard.kept_environment(), ShardOf(number, self.count)
            if found is None:
                hint = f"`cfgsweep run {shard.folder}` mends it"
                raise UserError("environment.json is not whole", where=str(shard.folder), hint=hint)
            if (shard_of := ShardOf.recorded(found.shard)) not in (None, place):
                raise UserError("the folder of another shard", where=str(shard.folder), given=str(shard_of))
            alike.add(found, shard.folder, kinds_in(shard), versions_in(shard))
        assert alike.environment is not None
        return alike.environment.model_copy(update={"shard": None})

    def check_roots(self, run: RunFolder, experiments: Sequence[Experiment]) -> None:
        """Raises UserError where pictures that begin as one initial noise are of several kinds of device.

        run: what is merged already; its pictures stay.
        """
        there = list(made_in(run, experiments))
        kinds = {root: (kind, run.folder) for root, kind in kind_of_roots(there).items()}
        lacking = set(experiments) - {e for e, _ in there}
        for shard in self.folders:
            for e, kind in made_in(shard, [e for e in experiments if e in lacking]):
                before, first = kinds.setdefault(StartKey.of(e), (kind, shard.folder))
                if kind != before:
                    raise UserError(
                        f"another kind of device for the initial noise of seed {e.seed}",
                        where=str(shard.folder),
                        given=str(kind),
                        allowed=f"{before}, as in {first}",
                        hint="remove this folder and compute the shard on that kind, or cut into fewer shards",
                    )


def _another_sweep(file: Path, first: Path) -> UserError:
    """Names the first key of two sweep files in which they differ."""
    where, hint = str(file.parent), "the parts of a run need the same sweep file and the same --set"
    try:
        theirs, ours = (yaml_io.read(path).data for path in (file, first))
    except UserError:  # one is damaged
        return UserError("another sweep", where=where, allowed=f"that of {first.parent}", hint=hint)
    key = next((key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)), "its text")
    allowed = f"{shorten(str(ours.get(key)))}, as in {first.parent}"
    return UserError(f"another sweep: {key}", where=where, given=theirs.get(key), allowed=allowed, hint=hint)


def copy_shard(shard: RunFolder, run: RunFolder, ids: set[str], numbers: MergedNumbers) -> set[str]:
    """Copy the pictures, previews and failures of a shard, of those of these ids; return the ids of pictures.

    Pictures whose pixels are not those of their records are left out. A shard may be at work: it writes a record after
    its picture.
    """
    copied = set()
    for record in shard.records().values():
        if record.id not in ids:
            continue
        if not isinstance(record, DoneRecord):
            if run.records().get(record.id) != record:
                run.append(record)
        elif shard.is_whole(record):
            copy_picture(shard, run, numbers.taken_over(record, shard))
            copied.add(record.id)
    return copied
