"""Metrics over the swept value."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cfgsweep.errors import UserError
from cfgsweep.metrics.spec import metric_of
from cfgsweep.reports.cells import OVER, Key
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import TitleLabels, varying
from cfgsweep.sweep.turns import number_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

X_NAMES = {"value": "value (guidance scale)", "strength": "strength (part of the noise schedule)"}  # others: the name
GREY, BAND = "#555555", 0.2  # of the legend; how opaque bands are
LEGEND_COLUMNS = 3
COLUMNS, PANEL = 4, 3.6  # of panels in a row; the width and height of one, in inches
STYLES = ("-", "--", ":", "-.")  # the next where the ten colours start again
LONGEST_UNIT = 44  # characters of a line beside an axis

Numbers = Mapping[Key, Mapping[str, list[float]]]


def axis_of(experiments: Sequence[Experiment]) -> str:
    """The setting on the x axis: U-turns or forks if they vary, then `value`, else the first number that does.

    Raises UserError if no number varies.
    """
    fields = [name for name in varying(experiments) if name not in OVER]
    if turns := [name for name in ("start", "fork") if name in fields]:
        return turns[0]
    numeric = [name for name in fields if isinstance(experiments[0].value_of(name), int | float)]
    if not numeric:
        raise UserError("no number varies that metrics could be drawn over", where="--plot", given=fields)
    return "value" if "value" in numeric else numeric[0]


def plot(
    name: str,
    experiments: Sequence[Experiment],
    metrics: Sequence[str],
    numbers: Numbers,
    labels: TitleLabels | None = None,
) -> Figure:
    """One panel per metric, with a line for everything else that varies: means, and the standard error around them."""
    from matplotlib.figure import Figure

    over, labels = axis_of(experiments), labels or TitleLabels()
    columns = min(COLUMNS, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = Figure(figsize=(PANEL * columns, PANEL * rows), layout="constrained", dpi=120)
    lines: dict[str, list[tuple[float, Mapping[str, list[float]]]]] = {}
    for key, values in numbers.items():
        title = ", ".join(labels.of(*part) for part in key if part[0] != over)
        lines.setdefault(title, []).append((_place(over, dict(key)[over]), values))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels[len(metrics) :]:
        axes.remove()
    for axes, metric in zip(panels, metrics, strict=False):
        for number, (title, points) in enumerate(lines.items()):
            known = sorted((x, values[metric]) for x, values in points if values.get(metric))
            x = [x for x, _ in known]
            mean, error = np.array([_mean_and_error(found) for _, found in known]).reshape(-1, 2).T
            axes.plot(x, mean, STYLES[number // 10 % len(STYLES)], marker="o", markersize=3, label=title)
            axes.fill_between(x, mean - error, mean + error, alpha=BAND, linewidth=0)
        axes.set_title(metric, parse_math=False)
        axes.set_xlabel(labels.get(over, X_NAMES.get(over, over)), parse_math=False)
        axes.set_ylabel(textwrap.fill(unit_in_words(metric), LONGEST_UNIT), fontsize=8)
        axes.grid(alpha=0.3)
    explain(figure, experiments, several=len(lines) > 1)
    figure.suptitle(name, fontsize=9)
    return figure


def _place(over: str, value: Any) -> float:
    """Where a setting is on the x axis: at no noise without a U-turn, at the last step without a fork."""
    return {"start": 0.0, "fork": 1.0}[over] if value is None else number_of(value)


def explain(figure: Figure, experiments: Sequence[Experiment], several: bool, marker: str = "o") -> None:
    """The legend: which line is what, over what the means are, and what the bands are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = list(figure.axes[0].get_lines()) if several else []
    averaged = [name for name in varying(experiments) if name in OVER]
    mean = f"mean over {' and '.join(f'{name}s' for name in averaged)}" if averaged else "one picture each"
    signs: list[Line2D | Patch] = [*lines, Line2D([], [], color=GREY, marker=marker, markersize=3)]
    texts = [*(str(line.get_label()) for line in lines), mean]
    if averaged:
        signs.append(Patch(color=GREY, alpha=BAND, linewidth=0))
        texts.append("standard error of the mean, to both sides")
    legend = figure.legend(signs, texts, loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize=7, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def unit_in_words(metric: str) -> str:
    """What the numbers of a metric are; nothing of one whose code is not at hand."""
    found = metric_of(metric)
    return found.unit if found is not None else ""


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=len(values) > 1)) / len(values) ** 0.5
