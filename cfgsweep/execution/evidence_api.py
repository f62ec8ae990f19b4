"""Comparisons of a run's guiders, by metrics and by people, as functions."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.errors import UserError
from cfgsweep.execution.run_api import opened_run
from cfgsweep.reports.cells import OVER
from cfgsweep.storage.records import DoneRecord
from cfgsweep.sweep.compare_settings import SETTINGS, VALUE
from cfgsweep.system.wording import counted

if TYPE_CHECKING:
    from cfgsweep.evidence.comparison import Comparisons
    from cfgsweep.evidence.rated import Rated
    from cfgsweep.evidence.split import Split
    from cfgsweep.execution.run import Run
    from cfgsweep.models.video import Picture

QUESTION = "Which picture is better?"


@dataclass(frozen=True)
class RatingPage:
    """A page that was written: its file, how many pairs it has, and how many of them are earlier ones again.

    answers_name: of the file that the page's button saves.
    """

    path: Path
    pairs: int
    repeated: int
    answers_name: str

    def __str__(self) -> str:
        size = f"{self.path.stat().st_size / 2**10:,.0f} kB"
        repeated = f", {self.repeated} of them an earlier one again" if self.repeated else ""
        return f"{self.path}: {counted(self.pairs, 'pair')}{repeated}, {size}"


def compare(
    run: Run | str | os.PathLike[str],
    *,
    baseline: str | None = None,
    matched: str | None = None,
    metrics: Sequence[str] | None = None,
    over: str = "guider",
    paired: Sequence[str] | None = None,
    where: Sequence[str] | None = None,
) -> Comparisons:
    """What guiders do beyond plain guidance of the same strength: paired differences of the metrics, with intervals.

    baseline: what the others are compared with, as titles name it; that of the sweep's `compare`, or cfg, if not given.
    matched: what is equal in a comparison: effective_scale, evaluations, value, settings (all but what is compared), or
    a metric; that of the sweep's `compare`, or effective_scale, if not given, over the value settings.
    metrics: those to compare, all that were measured if not given.
    over: the setting that is compared. paired: what the two pictures of a pair have in common: seed, label and prompt
    if not given. With fewer of them, pictures that have these in common count as one.
    where: take only pictures for which these conditions hold, as `Run.where` takes them.
    Raises UserError where the run has no such guider or metric.
    """
    from cfgsweep.evidence.comparison import Comparisons

    opened = opened_run(run, where)
    experiments, records, settings = opened.compared()
    usual, matched = settings.given(baseline, SETTINGS if over == VALUE and matched is None else matched)
    of = usual if over == "guider" else baseline
    pairs = OVER if paired is None else paired
    found = Comparisons.of(experiments, records, of, matched, metrics or (), over, pairs)
    return replace(found, advice=_advice(opened, found))


def _advice(opened: Run, found: Comparisons) -> str:
    """How to add the baseline's cells that are missing; empty where none is, or `compare` of the sweep found none."""
    from cfgsweep.metrics.spec import is_of_cells
    from cfgsweep.sweep.compare_settings import CompareSettings

    match = found.far_match
    if match is None or is_of_cells(found.matched):
        return ""
    asked = CompareSettings.model_construct(baseline=match.example.guider, matched=found.matched)
    if asked == opened.sweep.compare:
        return ""
    usual = CompareSettings().spec()
    given = {key: value for key, value in asked.spec().items() if value != usual[key]}
    command = shlex.join(["cfgsweep", "run", str(opened.folder), "--set", f"compare={json.dumps(given)}"])
    return f"to add what {found.baseline} lacks: {command}"


def rate(
    run: Run | str | os.PathLike[str],
    *,
    pairs: int = 100,
    baseline: str | None = None,
    matched: str | None = None,
    cells: Sequence[str] | None = None,
    question: str = QUESTION,
    seed: int = 0,
    where: Sequence[str] | None = None,
) -> RatingPage:
    """Write a page on which a person compares pictures without knowing whose they are: `rate/index.html` in the folder.

    pairs: how many. baseline, matched: which cells are compared, as `compare` has it. cells: compare these with each
    other instead, named as `compare` names them. question: what is asked. seed: of the choice of pairs and of sides.
    where: take only pictures for which these conditions hold, as `Run.where` takes them.
    Raises UserError where there is nothing to compare, or a picture is damaged.
    """
    from cfgsweep.evidence.rating_contest import Contest
    from cfgsweep.evidence.rating_page import page_of
    from cfgsweep.evidence.rating_pairs import key_of, pairs_to_show
    from cfgsweep.storage.rating_files import write_key, write_page

    opened = opened_run(run, where)
    experiments, records, settings = opened.compared()
    if cells:
        contest = Contest.among(experiments, records, cells)
    else:
        contest = Contest.matched_to(experiments, records, *settings.given(baseline, matched))
    shown = pairs_to_show(contest, pairs, seed)
    key = key_of(contest, shown, seed, question)
    by_id = {record.id: record for record in records.values() if isinstance(record, DoneRecord)}
    page = page_of(key, shown, lambda name: _picture(opened, by_id[name]))
    write_key(key, opened.run_folder.rating_key_file(key.page))  # first: without it, answers to the page are worthless
    write_page(page, opened.run_folder.rating_page_file)
    repeated = sum(pair.repeats is not None for pair in key.pairs)
    return RatingPage(opened.run_folder.rating_page_file, len(shown), repeated, f"answers-{key.page}.json")


def compare_ratings(
    run: Run | str | os.PathLike[str],
    answers: Sequence[str | os.PathLike[str]],
    *,
    over: str | None = None,
) -> Rated:
    """What people prefer, by the files of answers that they saved from pages of `rate`: win rates and strengths.

    over: `guider` takes all cells of a guider together, the default where they were compared with a baseline; `cell`
    takes each by itself. Raises UserError where a file is damaged, or of a page of another run.
    """
    from cfgsweep.evidence.rated import Rated

    return Rated.of(opened_run(run).run_folder, [Path(file) for file in answers], over)


def plot_pareto(
    run: Run | str | os.PathLike[str],
    metrics: Sequence[str],
    *,
    baseline: str | None = None,
    matched: str | None = None,
    format: str = "png",
    where: Sequence[str] | None = None,
) -> Path:
    """Draw two metrics against each other, one curve a guider over its values, into the run's folder `grids`.

    baseline, matched: which cells are joined, as `compare` has it. format: png, pdf or svg.
    where: take only pictures for which these conditions hold, as `Run.where` takes them.
    Returns the path of the file. Raises UserError where the metrics are not two that were measured.
    """
    from cfgsweep.evidence.pareto import pareto_of
    from cfgsweep.reports.grid_names import as_file_name
    from cfgsweep.reports.write import write_plot
    from cfgsweep.storage.drawings import KINDS

    if format not in KINDS:
        raise UserError("not a format of plots", where="--format", given=format, allowed=KINDS)
    opened = opened_run(run, where)
    experiments, records, settings = opened.compared()
    of = settings.given(baseline, matched)
    found = pareto_of(opened.sweep.name, experiments, records, metrics, *of)
    what = as_file_name(f"pareto={','.join(metrics)}")
    return write_plot(opened.run_folder, found.figure(), opened.sweep.name, what, format, opened.chosen)


def compare_split(
    run: Run | str | os.PathLike[str],
    metric: str,
    *,
    lower: bool = False,
    seed: int = 0,
    baseline: str | None = None,
    matched: str | None = None,
    metrics: Sequence[str] | None = None,
    paired: Sequence[str] | None = None,
    where: Sequence[str] | None = None,
) -> Split:
    """Choose the settings of every guider on one half of the prompts, and judge them on the other.

    metric: by which they are chosen, the highest, or with `lower` and of metrics of which lower is better the lowest.
    The halves are of prompts, of labels where there are no prompts, of seeds where there is one prompt or label alone;
    seed: of the halves. What was chosen is compared with the baseline's choice, and with the cell that matches it, as
    `compare` has it: `baseline`, `matched`, `metrics`, `paired`, `where`.
    Raises UserError where the run has no such guider or metric, or one picture a cell.
    """
    from cfgsweep.evidence.split import Split

    experiments, records, settings = opened_run(run, where).compared()
    of = settings.given(baseline, matched)
    pairs = OVER if paired is None else paired
    return Split.of(experiments, records, metric, lower, seed, *of, metrics or (), pairs)


def _picture(opened: Run, record: DoneRecord) -> Picture:
    if not opened.run_folder.is_whole(record):
        hint = "`cfgsweep run` makes it again"
        raise UserError("a picture is damaged or missing", where=str(opened.folder / record.image), hint=hint)
    return opened.run_folder.load_picture(record)
