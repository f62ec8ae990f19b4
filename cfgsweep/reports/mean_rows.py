"""Metrics of a run as the rows of a flat table: means over seeds, labels and prompts, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cfgsweep.reports.cells import cells, means
from cfgsweep.reports.record_rows import settings_rows
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """The mean of a metric, with its confidence interval where there are two numbers or more."""

    mean: float
    half_width: float | None


def estimate(numbers: Sequence[float]) -> Estimate | None:
    """The mean of independent numbers, and half the width of its 95% interval by Student's t; None without numbers."""
    if not numbers:
        return None
    if len(numbers) == 1:
        return Estimate(float(numbers[0]), None)
    from scipy.stats import t

    error = float(np.std(numbers, ddof=1)) / len(numbers) ** 0.5
    return Estimate(float(np.mean(numbers)), float(t.ppf((1 + CONFIDENCE) / 2, len(numbers) - 1)) * error)


def mean_rows(run: RunFolder, experiments: Sequence[Experiment], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """One row for every combination of the settings that vary and are not averaged over, in the sweep's order.

    The settings, then `pictures`, how many are measured, and an Estimate of each metric (None where it has no number).
    """
    found, together = means(run, experiments, metrics), cells(experiments)
    measured = {
        record.id
        for record in run.records_of(experiments).values()
        if isinstance(record, DoneRecord) and not record.metrics.keys().isdisjoint(metrics)
    }
    settings = settings_rows([dict(key) for key in found])
    return [
        {
            **row,
            "pictures": sum(e.id in measured for e in together[key]),
            **{name: estimate(numbers[name]) for name in metrics},
        }
        for row, (key, numbers) in zip(settings, found.items(), strict=True)
    ]
