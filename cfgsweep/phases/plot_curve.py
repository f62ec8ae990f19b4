"""Plots a line search: the slope over the range, the transitions with their pictures, and when their sides diverge."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from cfgsweep.config.parameters import compact
from cfgsweep.phases.report import Report, location_text, verdict_text
from cfgsweep.storage.png import as_image
from cfgsweep.storage.run_folder import RunFolder

COLOURS = {"abrupt": "#c0392b", "gradual": "#d68910"}
MOST = 6  # searches in one figure, and transitions (the steepest) whose pictures are shown
LABEL_WIDTH = 0.02  # of the range, for the label of a transition
INK = "#3366aa"


def draw_searches(report: Report, run: RunFolder) -> Image.Image:
    """For every search a row of plots above a row of pictures."""
    searches = report["searches"][:MOST]
    figure = Figure(figsize=(12, 4.6 * len(searches)), layout="constrained")
    for part, search in zip(figure.subfigures(len(searches), 1, squeeze=False)[:, 0], searches, strict=True):
        part.suptitle(f"{report['name']}: {search['title']}", fontsize=11)
        above, below = part.subfigures(2, 1, height_ratios=[3, 2])
        left, right = above.subplots(1, 2, width_ratios=[3, 1])
        _slopes(left, report, search)
        _parting(right, search)
        _pictures(below, search, run)
    left_out = len(report["searches"]) - len(searches)
    if left_out:
        figure.supxlabel(f"and {left_out} more searches, in phase.json", fontsize=9)
    return as_image(figure)


def _slopes(axes: Axes, report: Report, search: Report) -> None:
    """Distance per unit of value over the range, constant between two points."""
    axes.set(xlabel=report["search"], ylabel=f"{report['distance']} distance per unit")
    if search["points"]:
        axes.stairs(search["slopes"]["per_unit"], search["slopes"]["values"], color=INK)
        axes.axhline(search["background"]["outlier_above"], color="#999999", linewidth=0.8, linestyle="--")
        axes.set_yscale("symlog", linthresh=max(search["background"]["mean_slope"], 1e-6))
        axes.set_ylim(bottom=0)
    labelled = -float("inf")
    for t in search["transitions"]:
        axes.axvspan(t["before"], t["after"], color=COLOURS[t["verdict"]], alpha=0.15, linewidth=0)
        axes.axvline(t["location"], color=COLOURS[t["verdict"]], linewidth=1)
        if t["location"] - labelled > LABEL_WIDTH * (
            report["high"] - report["low"]
        ):  # no room for the others; their pictures have the number, too
            labelled = t["location"]
            above = axes.get_xaxis_transform()
            axes.text(labelled, 1.01, compact(labelled), transform=above, rotation=40, fontsize=7)


def _parting(axes: Axes, search: Report) -> None:
    axes.set(xlabel="step", ylabel="both sides apart", visible=bool(search["transitions"]))
    for t in search["transitions"]:
        axes.plot(t["parting"], color=COLOURS[t["verdict"]], linewidth=1)
        if t["parting_step"] is not None:
            axes.plot(
                t["parting_step"], t["parting"][t["parting_step"]], "o", color=COLOURS[t["verdict"]], markersize=3
            )


def _pictures(part: Any, search: Report, run: RunFolder) -> None:
    """The pictures before, half-way through and after the steepest transitions, by rising value."""
    steepest = sorted(search["transitions"], key=lambda t: -t["steepness"])[:MOST]
    shown = sorted(steepest, key=lambda t: t["location"])
    if not shown:
        part.text(0.5, 0.5, "no transition", ha="center", color="#666666")
        return
    for column, t in zip(part.subfigures(1, max(3, len(shown))), shown, strict=False):
        column.suptitle(f"{location_text(t)}  {verdict_text(t)}", fontsize=8, color=COLOURS[t["verdict"]])
        for axes, image in zip(column.subplots(1, 3), t["images"], strict=True):
            axes.imshow(run.load_image_at(image))
            axes.axis("off")
