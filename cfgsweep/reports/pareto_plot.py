"""Two metrics against each other: one curve a guider over its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfgsweep.reports.metric_plot import GREY, LEGEND_COLUMNS, unit_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Interval = tuple[float, float]
FRONT, THIN, JOIN = "#111111", 0.7, 1.3  # a colour, and widths of lines
MOST_LABELS = 60  # points with their value beside them

MARKERS = "osv^D"  # the next where the ten colours start again


@dataclass(frozen=True)
class Point:
    """The means of both metrics, each with its interval where there is one. label: the value."""

    x: float
    y: float
    x_interval: Interval | None
    y_interval: Interval | None
    label: str


@dataclass(frozen=True)
class Curve:
    """The points of one guider, in the order of its values."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class ParetoPlot:
    """joined: points that match each other. front: those that none is better than; None where that is not known.

    better: for each metric, whether higher is better; None where that depends.
    """

    title: str
    metrics: tuple[str, str]
    better: tuple[bool | None, bool | None]
    curves: Sequence[Curve]
    joined: Sequence[tuple[Point, Point]]
    front: Sequence[Point] | None

    def figure(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 5.2), layout="constrained", dpi=120)
        axes = figure.subplots()
        for one, other in self.joined:
            axes.plot([one.x, other.x], [one.y, other.y], color=GREY, linewidth=JOIN, linestyle=":", zorder=1)
        is_labelled = sum(len(curve.points) for curve in self.curves) <= MOST_LABELS
        for number, curve in enumerate(self.curves):
            _draw(axes, curve, is_labelled, MARKERS[number // 10 % len(MARKERS)])
        for point in self.front or ():
            axes.plot(point.x, point.y, "o", markersize=9, markerfacecolor="none", color=FRONT, zorder=4)
        axes.set_xlabel(self._axis(0), parse_math=False, fontsize=9)
        axes.set_ylabel(self._axis(1), parse_math=False, fontsize=9)
        axes.grid(alpha=0.3)
        self._explain(figure)
        figure.suptitle(self.title, fontsize=9, parse_math=False)
        return figure

    def _axis(self, number: int) -> str:
        metric, better = self.metrics[number], self.better[number]
        unit = unit_in_words(metric)
        direction = {True: "higher is better", False: "lower is better", None: ""}[better]
        return "\n".join(filter(None, [", ".join(filter(None, [metric, direction])), unit]))

    def _explain(self, figure: Figure) -> None:
        from matplotlib.lines import Line2D

        signs = [line for line in figure.axes[0].get_lines() if not str(line.get_label()).startswith("_")]
        texts = [str(line.get_label()) for line in signs]
        if any(point.x_interval for curve in self.curves for point in curve.points):
            signs.append(Line2D([], [], color=GREY, linewidth=THIN, marker="+", markersize=9, linestyle="none"))
            texts.append("95% intervals (bootstrap)")
        if self.joined:
            signs.append(Line2D([], [], color=GREY, linewidth=JOIN, linestyle=":"))
            texts.append("matched cells")
        if self.front is not None:
            ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": "none"}
            signs.append(Line2D([], [], color=FRONT, **ring))  # type: ignore[arg-type]
            texts.append("Pareto front")
        else:
            signs.append(Line2D([], [], linestyle="none"))
            unknown = [name for name, better in zip(self.metrics, self.better, strict=True) if better is None]
            texts.append(f"no front: higher {' and '.join(unknown)} may be better or worse")
        legend = figure.legend(
            signs, texts, loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize=7, frameon=False
        )
        for text in legend.get_texts():
            text.set_parse_math(False)


def _draw(axes: Axes, curve: Curve, is_labelled: bool, marker: str) -> None:
    x, y = [point.x for point in curve.points], [point.y for point in curve.points]
    (line,) = axes.plot(x, y, marker=marker, markersize=3.5, linewidth=1.2, zorder=3)
    line.set_label(curve.name)
    colour = line.get_color()
    for point in curve.points:
        for ends_x, ends_y in (
            (point.x_interval, (point.y, point.y)),
            ((point.x, point.x), point.y_interval),
        ):
            if ends_x is not None and ends_y is not None:
                axes.plot(ends_x, ends_y, color=colour, linewidth=THIN, alpha=0.55, zorder=2)
        if is_labelled:
            place = (point.x, point.y)
            axes.annotate(
                point.label, place, (3, 3), textcoords="offset points", fontsize=6, color=colour, parse_math=False
            )
