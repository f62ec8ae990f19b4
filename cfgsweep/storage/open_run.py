"""Reads a run folder: its sweeps and their experiments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from cfgsweep.config.absent import AbsentCode, without_code
from cfgsweep.errors import UserError
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.storage.claims import check_kinds_of_files
from cfgsweep.storage.experiment_of_record import control_of_record
from cfgsweep.storage.names_in_records import names_in_records
from cfgsweep.storage.records import DoneRecord, EnvironmentRecord, Record
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep, read_sweep


def runs_as(sweep: Sweep, run: RunFolder, model: str | None = None) -> dict[str, str]:
    """For the sweep's models those that ran in the folder: a fallback may have run instead of one.

    model: runs instead of all of them.
    """
    if model is not None:
        return dict.fromkeys(sweep.model, model)
    return _models_that_ran(run.environment())


def _models_that_ran(environment: EnvironmentRecord | None) -> dict[str, str]:
    return {name: entry.runs for name, entry in environment.models.items()} if environment else {}


def sweep_of_run(folder: Path) -> tuple[RunFolder, Sweep, list[Experiment]]:
    """A run folder's last sweep, its experiments, and those of its earlier sweeps that have been tried.

    There are stand-ins for guiders and schedules whose code is not at hand. Raises UserError if it is no run folder, or
    its last sweep is damaged.
    """
    run = RunFolder(folder)
    if not run.sweep_file.is_file():
        raise UserError("not a run folder: no sweep.yaml in it", where=str(folder))
    check_kinds_of_files(folder)
    sweep, experiments = _read(run, run.sweep_file)
    if (shard := run.shard()) is not None:
        experiments = _of_shard(shard, experiments, run)
    return run, sweep, with_earlier(run, experiments)


def _of_shard(shard: ShardOf, experiments: list[Experiment], run: RunFolder) -> list[Experiment]:
    """Those of a shard. Where a guider's code is not at hand, nobody knows what it costs: then those with a record."""
    if lacks_code(experiments):
        records = run.records_of(experiments)
        return [e for e in experiments if e.id in records]
    return shard.of(experiments)


def lacks_code(experiments: Iterable[Experiment]) -> bool:
    """Are there stand-ins for guiders or schedules whose code is not at hand?"""
    return any(isinstance(part, AbsentCode) for e in experiments for part in (e.guider, e.schedule))


def with_earlier(run: RunFolder, experiments: list[Experiment]) -> list[Experiment]:
    """These and those of earlier sweeps that have a record, in the order of the largest sweep."""
    found = [experiments]
    for path in run.earlier_sweeps():
        known = [e for each in found for e in each]
        if not run.others([*known, *controls_of_run(run, known)]):
            break
        with suppress(UserError):  # a file that it names may be gone since
            _, earlier = _read(run, path)
            records = run.records_of(earlier)
            found.append([e for e in earlier if e.id in records])
    found.sort(key=len, reverse=True)
    return list(dict.fromkeys(e for each in found for e in each))


def _read(run: RunFolder, path: Path) -> tuple[Sweep, list[Experiment]]:
    """A sweep file of the folder, and its experiments."""
    return read_sweep_of_records(path, run.records().values(), run.environment())


def read_sweep_of_records(
    path: Path, records: Iterable[Record], environment: EnvironmentRecord | None, with_code: bool = False
) -> tuple[Sweep, list[Experiment]]:
    """A sweep that was run, and its experiments.

    records: of its pictures. environment: names the models that ran. with_code: imports the Python files that it names,
    in place of stand-ins; raises UserError where that is not allowed.
    """
    stand_ins = nullcontext() if with_code else without_code(names_in_records(records), SCHEDULES)
    with stand_ins:
        sweep, document = read_sweep(path)
        return sweep, expand(sweep, document, _models_that_ran(environment))


def controls_of_run(run: RunFolder, experiments: Sequence[Experiment]) -> list[Experiment]:
    """The experiments that `compare:` added to these, of those that have pictures."""
    by_id, found = {e.id: e for e in experiments}, dict[Experiment, None]()
    for record in run.records().values():
        if isinstance(record, DoneRecord) and record.control_of in by_id and record.id not in by_id:
            control = control_of_record(record, by_id[record.control_of])
            found |= {control: None} if control else {}
    return list(found)


def unreadable_sweeps(run: RunFolder) -> Iterator[tuple[Path, str]]:
    """The files of earlier sweeps that cannot be read, and why."""
    for path in run.earlier_sweeps():
        try:
            _read(run, path)
        except UserError as error:
            yield path, error.problem
