"""Merges the shards of a run into one run folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from cfgsweep.config.user_code import allow_code as code_allowed
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.measure import sources_of
from cfgsweep.execution.missing_pictures import missing_pictures
from cfgsweep.execution.options import Options
from cfgsweep.execution.run import Run
from cfgsweep.execution.run_sweep import draw_grids, measure
from cfgsweep.execution.workplaces import workplace
from cfgsweep.pages.keep import keep_page
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.storage.environment import recorded_command
from cfgsweep.storage.input_copies import copy_inputs
from cfgsweep.storage.merged_numbers import MergedNumbers
from cfgsweep.storage.open_run import read_sweep_of_records, with_earlier
from cfgsweep.storage.records import EnvironmentRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_folders import Shards, copy_shard
from cfgsweep.storage.verify import repair
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display, choose
from cfgsweep.system.locks import held
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.system.wording import counted


@dataclass(frozen=True)
class Merged:
    """What was merged: the run, how many pictures were copied, and what is still missing, in words."""

    run: Run
    copied: int
    missing: tuple[str, ...]

    def lines(self) -> list[str]:
        done = sum(1 for _ in self.run)
        first = f"{self.run.folder}: {done:,} of {counted(len(self.run.experiments), 'picture')}, {self.copied:,} new"
        page = [str(self.run.page_file)] if self.run.page_file else []
        return [first, *self.missing, *map(str, self.run.grid_files), *page]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def merge(
    folder: str | os.PathLike[str],
    *,
    device: str = "auto",
    gpus: int | str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    mixed: bool = False,
    wait: bool = False,
    quiet: bool = False,
    allow_code: bool = False,
    command: str = "python",
) -> Merged:
    """Copy what the shards of a run have into one run folder, measure it, and write its grids and page.

    folder: of the run; its shards are in `shards`, as `run` with `shard` makes them. Shards may be missing or at work:
    merging again adds what has come since. The shards stay as they are.
    device: where networks of metrics run. gpus, workers, cluster: measure on several devices at the same time, as `run`
    takes them. mixed: take shards of several kinds of device, if all pictures that begin as one initial noise are of
    one kind. allow_code: import the Python files that the sweep names, such as those of metrics. The other arguments
    are those of `run`.
    Raises UserError, before anything is copied, where the shards' sweeps, models, batch shapes, versions or kinds of
    device differ, a metric cannot be had, or there are no such actors.
    """
    actors = ClusterRequest.of(cluster, gpus, workers)
    options = Options(device=device, cluster=actors, wait=wait, command=command)
    display = choose(quiet)
    try:
        with quiet_libraries(), code_allowed(allow_code):
            return _merge(Shards.of(Path(folder)), options, mixed, display, allow_code)
    finally:
        display.close()


def _merge(shards: Shards, options: Options, mixed: bool, display: Display, with_code: bool) -> Merged:
    target = RunFolder(shards.run)
    environment = shards.environment(target, mixed)
    sweep, experiments = _sweep_of(shards, environment, with_code)
    shards.check_roots(target, experiments)
    metrics = RunMetrics(sweep.metrics, experiments, sources_of(experiments), _device(options, sweep))
    # Actors come first: where there are none, nothing is copied.
    with workplace(options if sweep.metrics else replace(options, cluster=None), display) as place:
        target.create()
        with held(target.folder, options.wait, display.notice):
            # environment.json is first: by this file the folder is known to be a run's
            found = {**environment.model_dump(exclude_none=True), "command": recorded_command(options.command)}
            target.write_environment(found)
            repair(target, display)
            copied = _copy(shards, target, experiments)
            with closing(place):
                measure(target, sweep, experiments, metrics.by(place.measurer()), display)
            grids = draw_grids(target, sweep, experiments)
            page = keep_page(target, sweep, with_earlier(target, list(experiments)), display.notice)
    missing = missing_pictures(shards, target, experiments)
    return Merged(Run(target, sweep, experiments, grids, page=page), copied, tuple(missing))


def _sweep_of(shards: Shards, environment: EnvironmentRecord, with_code: bool) -> tuple[Sweep, list[Experiment]]:
    """The sweep that all shards have, and its experiments."""
    records = (record for shard in shards.folders for record in shard.records().values())
    return read_sweep_of_records(shards.sweep_file(), records, environment, with_code)


def _device(options: Options, sweep: Sweep) -> str:
    """Where metrics run in this process. Torch, which knows the devices, is imported where there are metrics."""
    if options.cluster is not None or (not sweep.metrics and options.device == "auto"):
        return "cpu"
    from cfgsweep.models.device import choose as choose_device

    return choose_device(options.device).device


def _copy(shards: Shards, target: RunFolder, experiments: Sequence[Experiment]) -> int:
    """Copy what the run lacks; return how many pictures. A record comes after everything that it needs."""
    copy_inputs([shard.inputs for shard in shards.folders], target.inputs)
    target.write_sweep_text(shards.sweep_file().read_bytes())
    numbers = MergedNumbers(target, shards.folders)
    numbers.write()
    there = set(target.done(experiments))
    lacking = {e.id for e in experiments} - there
    count = len(lacking)
    for shard in shards.folders:
        lacking -= copy_shard(shard, target, lacking, numbers)
    return count - len(lacking)
