"""Plots a line search: the slope over the range, the transitions with their pictures, and when their sides diverge."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from cfgsweep.config.parameters import compact
from cfgsweep.phases.plot_distribution import draw_distributions
from cfgsweep.phases.report import Report, at_edge, location_text, verdict_text
from cfgsweep.phases.stretches import STEEP
from cfgsweep.storage.png import as_image
from cfgsweep.storage.run_folder import RunFolder

COLOURS = {"abrupt": "#c0392b", "gradual": "#d68910"}
MOST = 6  # searches in one figure, and transitions (the steepest) whose pictures are shown
LABEL_WIDTH = 0.02  # of the range, for the label of a transition
INK = "#3366aa"


def draw_searches(report: Report, run: RunFolder) -> Image.Image:
    """For every search a row of plots above a row of pictures."""
    return as_image(figure_of_searches(report, run))


def figure_of_searches(report: Report, run: RunFolder) -> Figure:
    searches = report["searches"][:MOST]
    over_seeds = 3.2 * len(report.get("distributions", []))
    figure = Figure(figsize=(12, 4.6 * len(searches) + over_seeds), layout="constrained")
    heights = [*([over_seeds] if over_seeds else []), *[4.6] * len(searches)]
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if over_seeds:
        draw_distributions(parts[0], report)
    for part, search in zip(parts[-len(searches) :], searches, strict=True):
        part.suptitle(f"{report['name']}: {search['title']}", fontsize=11)
        above, below = part.subfigures(2, 1, height_ratios=[3, 2])
        left, right = above.subplots(1, 2, width_ratios=[3, 1])
        _slopes(left, report, search)
        _parting(right, search)
        _pictures(below, report, search, run)
    left_out = len(report["searches"]) - len(searches)
    if left_out:
        figure.supxlabel(f"and {left_out} more searches, in phase.json", fontsize=9)
    return figure


def _slopes(axes: Axes, report: Report, search: Report) -> None:
    """Distance per unit of value over the range, constant between two points."""
    axes.set(xlabel=report["search"], ylabel=f"{report['distance']} distance per unit\n(logarithmic above the mean)")
    if search["points"]:
        axes.stairs(
            search["slopes"]["per_unit"], search["slopes"]["values"], color=INK, label="how fast the picture changes"
        )
        counts = f"{STEEP:g} times its mean: transitions are above"
        outlier = search["background"]["outlier_above"]
        axes.axhline(outlier, color="#999999", linewidth=0.8, linestyle="--", label=counts)
        axes.set_yscale("symlog", linthresh=max(search["background"]["mean_slope"], 1e-6))
        axes.set_ylim(bottom=0)
    for t in search["transitions"]:
        label = f"{t['verdict']} transition, and where it is half-way"
        axes.axvspan(t["before"], t["after"], color=COLOURS[t["verdict"]], alpha=0.15, linewidth=0, label=label)
        axes.axvline(t["location"], color=COLOURS[t["verdict"]], linewidth=1)
    _locations(axes, report, search)
    _legend(axes)


def _locations(axes: Axes, report: Report, search: Report) -> None:
    """The locations above the plot. Where there is no room for one, its pictures have the number, too."""
    labelled = -float("inf")
    for t in search["transitions"]:
        if t["location"] - labelled > LABEL_WIDTH * (report["high"] - report["low"]):
            labelled = t["location"]
            above = axes.get_xaxis_transform()
            axes.text(labelled, 1.01, compact(labelled), transform=above, rotation=40, fontsize=7)


def _parting(axes: Axes, search: Report) -> None:
    """For every transition, how far the predictions on both sides are apart after each step."""
    axes.set(xlabel="step", ylabel="x0 difference (RMS)", visible=bool(search["transitions"]))
    axes.set_title("both sides of a transition, apart", fontsize=8)
    for t in search["transitions"]:
        colour, step = COLOURS[t["verdict"]], t["parting_step"]
        axes.plot(t["parting"], color=colour, linewidth=1)
        if step is not None:
            label = "they part: half of the final difference"
            axes.plot(step, t["parting"][step], "o", color=colour, markersize=3, label=label)
    axes.set_ylim(bottom=0)
    _legend(axes)


def _legend(axes: Axes) -> None:
    """One entry for each label; several transitions have the same."""
    handles, labels = axes.get_legend_handles_labels()
    entries = {label: handle for handle, label in zip(handles, labels, strict=True)}
    if entries:
        axes.legend(entries.values(), entries.keys(), fontsize=7)


def _pictures(part: Any, report: Report, search: Report, run: RunFolder) -> None:
    """The pictures before, half-way through and after the steepest transitions, by rising value."""
    steepest = sorted(search["transitions"], key=lambda t: -t["steepness"])[:MOST]
    shown = sorted(steepest, key=lambda t: t["location"])
    if not shown:
        _pictures_without_transition(part, search, run)
        return
    for column, t in zip(part.subfigures(1, max(3, len(shown))), shown, strict=False):
        more = "\nwiden the range: it reaches its end" if at_edge(report, t) else ""
        column.suptitle(f"{location_text(t)}  {verdict_text(t)}{more}", fontsize=8, color=COLOURS[t["verdict"]])
        places = compact(t["before"]), "half-way", compact(t["after"])
        for axes, image, place in zip(column.subplots(1, 3), t["images"], places, strict=True):
            _picture(axes, run, image, place)


def _pictures_without_transition(part: Any, search: Report, run: RunFolder) -> None:
    """Pictures from one end of the range to the other."""
    points = search["points"]
    part.suptitle("no transition", fontsize=8, color="#666666")
    last = len(points) - 1
    shown = [points[round(last * i / (MOST - 1))] for i in range(MOST)] if points else []
    for axes, point in zip(part.subplots(1, MOST), shown, strict=False):
        _picture(axes, run, point["image"], compact(point["value"]))


def _picture(axes: Axes, run: RunFolder, image: str, title: str) -> None:
    axes.imshow(run.load_image_at(image))
    axes.set_title(title, fontsize=7)
    axes.axis("off")
