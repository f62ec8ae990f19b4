"""Measures the pictures of a finished run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from cfgsweep.config.user_code import allow_code as code_allowed
from cfgsweep.errors import UserError, error_context
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.options import Options
from cfgsweep.execution.run import Run
from cfgsweep.execution.run_api import opened_run
from cfgsweep.execution.workplaces import workplace
from cfgsweep.metrics.base import ReferenceSettings
from cfgsweep.metrics.spec import MetricSpec, parse_metrics
from cfgsweep.models.device import choose
from cfgsweep.models.source import Source, find_source
from cfgsweep.reports.measure import RunMetrics
from cfgsweep.reports.other_numbers import refuse_other_numbers
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.display import Display, Lines, aligned
from cfgsweep.system.display import choose as choose_display
from cfgsweep.system.locks import held
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.system.wording import counted


@dataclass(frozen=True)
class Measured:
    """What was measured: the run, the names of the metrics as records have them, and the table of their means.

    changed: how many records have other numbers than before. notes: how far the numbers can be relied on.
    """

    run: Run
    metrics: list[str]
    changed: int
    table: list[tuple[str, ...]]
    notes: list[str]

    def lines(self) -> Lines:
        """The table of the means, and what is to be known of it."""
        changed = f"{counted(self.changed, 'record')} changed" if self.changed else "nothing to measure: all was there"
        return Lines([changed, *aligned(self.table), *self.notes])

    def as_json(self) -> dict[str, Any]:
        head, *rows = self.table
        return {
            "changed": self.changed,
            "rows": [dict(zip(head, row, strict=True)) for row in rows],
            "notes": self.notes,
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())


@quiet_libraries()
def measure(
    run: Run | str | os.PathLike[str],
    metrics: Sequence[Any] | str,
    *,
    reference: str | os.PathLike[str] | None = None,
    device: str = "auto",
    gpus: int | str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    where: Sequence[str] | None = None,
    wait: bool = False,
    quiet: bool = False,
    allow_code: bool = False,
) -> Measured:
    """Measure the pictures of a run that lack a number, and write the numbers into its records. No picture changes.

    The controls of `compare` are measured, too.

    metrics: names, or names with settings, as `metrics` of a sweep file; a text has them as YAML: "fid,kid".
    reference: the folder of pictures or the parquet file that metrics of whole cells compare with.
    device: where networks of metrics run. gpus, workers, cluster: measure on several devices at the same time, as
    `cfgsweep.run` takes them. where: only pictures for which these conditions hold, as `Run.where` takes
    them. wait: wait while another command is at work in the folder. quiet: no progress.
    Raises UserError, before anything is measured, where a metric cannot be had, or other pictures than those of `where`
    have numbers of it that were measured with other weights or another reference set.
    """
    options = Options(device=device, cluster=ClusterRequest.of(cluster, gpus, workers), wait=wait)
    with code_allowed(allow_code):
        specs = _with_reference(_parsed(metrics), reference)
        opened = opened_run(run, where)
        folder, experiments = opened.run_folder, opened.experiments
        if not folder.done(experiments):
            raise UserError("there is no picture to measure", where=str(opened.folder))
        both = [*experiments, *opened.controls]
        found = RunMetrics(specs, both, sources_of(both), "cpu" if options.cluster else choose(device).device)
        if opened.chosen:
            refuse_other_numbers(found, folder)
        changed = _measured(found, folder, options, choose_display(quiet))
        table = found.of(experiments).table(folder)
    part = Run.open(opened.folder)
    return Measured(part.where(*opened.chosen) if opened.chosen else part, found.names, changed, table, found.notes())


def _measured(metrics: RunMetrics, folder: RunFolder, options: Options, display: Display) -> int:
    with held(folder.folder, options.wait, display.notice), workplace(options, display) as place:
        try:
            return metrics.by(place.measurer()).measure(folder, display)
        finally:
            display.close()


def _parsed(metrics: Sequence[Any] | str) -> list[MetricSpec]:
    """The metrics of a list. Raises UserError where one is not right."""
    with error_context("metrics"):
        return parse_metrics(_listed(metrics))


def _listed(metrics: Sequence[Any] | str) -> list[Any]:
    """The list that a text is in YAML, with or without brackets."""
    if not isinstance(metrics, str):
        return list(metrics)
    try:
        found = yaml.safe_load(f"[{metrics.strip().removeprefix('[').removesuffix(']')}]")
    except yaml.YAMLError:
        found = None
    if not found or None in found:
        allowed = "contrast,entropy or 'contrast,{clip_score: {model: FOLDER}}'"
        raise UserError("not a list of metrics", where="metrics", given=metrics, allowed=allowed)
    return list(found)


def _with_reference(specs: list[MetricSpec], reference: str | os.PathLike[str] | None) -> list[MetricSpec]:
    """The metrics, those of cells with this reference set where they have none. Raises UserError if none takes it."""
    if reference is None:
        return specs
    lacking = [spec for spec in specs if isinstance(spec.settings, ReferenceSettings) and not spec.settings.reference]
    if not lacking:
        raise UserError("none of the metrics takes a reference set", where="reference", given=os.fspath(reference))
    return [spec.with_settings(reference=os.fspath(reference)) if spec in lacking else spec for spec in specs]


def sources_of(experiments: Sequence[Experiment]) -> dict[str, Source]:
    """The models by their names. One that is gone has an empty place: most metrics do not look at it."""
    return {e.model: find_source(e.model, e.revision) or Source(e.model, e.model) for e in experiments}
