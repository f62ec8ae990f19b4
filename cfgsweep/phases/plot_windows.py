"""Plots the windows of a run: a metric over the noise of U-turns or the place of forks, one line for each setting."""

from __future__ import annotations

from matplotlib.figure import Figure

from cfgsweep.phases.windows import Windows
from cfgsweep.reports.metric_plot import unit_in_words

AXIS_NAMES = {
    "start": "noise of the U-turn (share of the steps taken again)",
    "fork": "place of the fork (share of the steps before it)",
}


def figure_of_windows(name: str, windows: Windows) -> Figure:
    """A dot is where a curve is half-way, the bar below the plot its width from 10 to 90 %."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
    for number, window in enumerate(windows.found):
        at, mean = [p.at for p in window.points], [p.mean for p in window.points]
        errors = [[max(0.0, p.mean - p.low) for p in window.points], [max(0.0, p.high - p.mean) for p in window.points]]
        colour = f"C{number % 10}"
        above.errorbar(at, mean, errors, color=colour, marker="o", markersize=3, capsize=2, label=window.title)
        if window.location is not None and window.ends is not None:
            (begin, end), (_, low, high) = window.ends, window.location
            below.barh(number, end - begin, left=begin, color=colour, alpha=0.25)
            below.plot([low, high], [number, number], color=colour, linewidth=1.5)
            below.plot(window.location.value, number, "o", color=colour, markersize=4)
    above.set(ylabel=unit_in_words(windows.metric) or windows.metric)
    above.legend(fontsize=8)
    above.grid(alpha=0.3)
    below.set(xlabel=AXIS_NAMES[windows.over], yticks=[], ylabel="half-way")
    below.invert_yaxis()
    below.grid(alpha=0.3)
    figure.suptitle(f"{name}: {windows.metric}, with 95% intervals", fontsize=10)
    return figure
