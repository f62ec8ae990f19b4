"""Plots the transitions of many seeds: where they are, and the second divided by the first."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cfgsweep.phases.distribution import Report

BINS = 24
COLOURS = "#3366aa", "#d68910"  # of the first transition of every seed, and of later ones


def figure_of_distributions(report: Report) -> Figure:
    """One row of plots for every distribution of a report."""
    figure = Figure(figsize=(12, 3.2 * len(report["distributions"])), layout="constrained")
    draw_distributions(figure, report)
    return figure


def draw_distributions(part: Any, report: Report) -> None:
    """part: a figure, or a part of one."""
    rows = part.subplots(len(report["distributions"]), 2, width_ratios=[3, 2], squeeze=False)
    for (left, right), found in zip(rows, report["distributions"], strict=True):
        _locations(left, report, found)
        _ratios(right, found)


def _locations(axes: Axes, report: Report, found: Report) -> None:
    places = found["locations"]
    first = [one[0] for one in places if one]
    later = [place for one in places for place in one[1:]]
    bins = np.linspace(report["low"], report["high"], BINS + 1).tolist()
    axes.hist([first, later], bins=bins, stacked=True, color=COLOURS, label=["first of a seed", "later ones"])
    axes.set(xlabel=report["search"], ylabel="transitions")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"{found['title']}: {found['seeds']} seeds", fontsize=9)
    axes.legend(fontsize=7)


def _ratios(axes: Axes, found: Report) -> None:
    ratio = found["second_to_first"]
    axes.set(xlabel="second location / first", ylabel="seeds")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if not ratio["ratios"]:
        axes.set_title("no seed has a second one", fontsize=9)
        return
    axes.hist(ratio["ratios"], bins=np.linspace(1, max(2.5, *ratio["ratios"]), BINS + 1).tolist(), color=COLOURS[1])
    axes.axvline(2, color="#c0392b", linewidth=1, label="twice")
    has_interval = ratio["low"] is not None
    label = "median, with 95% interval" if has_interval else "median"
    axes.axvline(ratio["median"], color="black", linewidth=1, linestyle="--", label=label)
    if has_interval:
        axes.axvspan(ratio["low"], ratio["high"], color="black", alpha=0.12, linewidth=0)
    axes.legend(fontsize=7)
