"""Metrics over the swept value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cfgsweep.errors import UserError
from cfgsweep.reports.measure import OVER, Key
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = Mapping[Key, Mapping[str, list[float]]]


def axis_of(experiments: Sequence[Experiment]) -> str:
    """The setting on the x axis: `value` if it varies, else the first number that does.

    Raises UserError if no number varies.
    """
    fields = [name for name in varying(experiments) if name not in OVER]
    numeric = [name for name in fields if isinstance(getattr(experiments[0], name), int | float)]
    if not numeric:
        raise UserError("no number varies that metrics could be drawn over", where="--plot", given=fields)
    return "value" if "value" in numeric else numeric[0]


def plot(name: str, experiments: Sequence[Experiment], metrics: Sequence[str], numbers: Numbers) -> Figure:
    """One panel per metric, with a line for everything else that varies: means, and the standard error around them."""
    from matplotlib.figure import Figure

    over = axis_of(experiments)
    figure = Figure(figsize=(3.6 * len(metrics), 3.2), layout="constrained", dpi=120)
    lines: dict[str, list[tuple[float, Mapping[str, list[float]]]]] = {}
    for key, values in numbers.items():
        title = ", ".join(axis_label(*part) for part in key if part[0] != over)
        lines.setdefault(title, []).append((dict(key)[over], values))  # type: ignore[arg-type]
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for title, points in lines.items():
            known = sorted((x, values[metric]) for x, values in points if values.get(metric))
            x = [x for x, _ in known]
            mean, error = np.array([_mean_and_error(found) for _, found in known]).reshape(-1, 2).T
            axes.plot(x, mean, marker="o", markersize=3, label=title)
            axes.fill_between(x, mean - error, mean + error, alpha=0.2)
        axes.set(title=metric, xlabel=over)
        axes.grid(alpha=0.3)
    if len(lines) > 1:
        figure.axes[0].legend(fontsize=7)
    figure.suptitle(name, fontsize=9)
    return figure


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=len(values) > 1)) / len(values) ** 0.5
