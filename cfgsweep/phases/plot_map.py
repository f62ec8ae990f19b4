"""Plots a map search: the kind of picture over two settings, the pictures, and one of each kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import cKDTree

from cfgsweep.config.parameters import compact
from cfgsweep.phases.report import Report
from cfgsweep.storage.png import as_image
from cfgsweep.storage.report_file import searched
from cfgsweep.storage.run_folder import RunFolder

PIXELS = 400  # a side of the map
THUMBNAILS = 6  # pictures along a side of the second panel
COLOURS = colormaps["Set2"].colors + colormaps["Set3"].colors  # type: ignore[attr-defined]


def draw_maps(report: Report, run: RunFolder) -> Image.Image:
    """A row for every map: the plane coloured by kind, pictures across the plane, a typical picture of each kind."""
    searches = [search for search in report["searches"] if search["points"]]
    figure = Figure(figsize=(14, 5.4 * max(1, len(searches))), layout="constrained")
    parts = figure.subfigures(max(1, len(searches)), 1, squeeze=False)[:, 0]
    for part, search in zip(parts, searches, strict=False):
        part.suptitle(f"{report['name']}: {search['title']}", fontsize=11)
        plane, pictures, legend = part.subfigures(1, 3, width_ratios=[5, 5, 1.6])
        _kinds(plane.subplots(), report, search)
        _pictures(pictures.subplots(), report, search, run)
        _typical(legend, search, run)
    return as_image(figure)


def _extent(report: Report) -> tuple[float, float, float, float]:
    (left, bottom), (right, top) = report["low"], report["high"]
    return left, right, bottom, top


def _nearest(report: Report, search: Report, side: int) -> np.ndarray:
    """The index of the nearest point for each place of a side x side grid, bottom row first."""
    low, high = np.array(report["low"]), np.array(report["high"])
    points = (np.array([point["value"] for point in search["points"]]) - low) / (high - low)
    place = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(place, place)
    nearest: np.ndarray = cKDTree(points).query(np.stack([x, y], -1))[1]
    return nearest


def _kinds(axes: Axes, report: Report, search: Report) -> None:
    kinds = np.array(search["kinds"])[_nearest(report, search, PIXELS)]
    colours = np.array(COLOURS)[kinds]
    axes.imshow(colours, origin="lower", extent=_extent(report), aspect="auto", interpolation="nearest")
    x, y = zip(*(point["value"] for point in search["points"]), strict=True)
    axes.plot(x, y, ".", color="#00000055", markersize=1.5)
    for kind, typical in enumerate(search["typical"]):
        axes.annotate(str(kind + 1), typical["value"], fontsize=10, ha="center", va="center", weight="bold")
    _label(axes, report)


def _pictures(axes: Axes, report: Report, search: Report, run: RunFolder) -> None:
    rows = [
        np.concatenate([np.asarray(run.load_image_at(search["points"][place]["image"])) for place in row], axis=1)
        for row in _nearest(report, search, THUMBNAILS)[::-1]
    ]
    axes.imshow(np.concatenate(rows), extent=_extent(report), aspect="auto")
    _label(axes, report)


def _label(axes: Axes, report: Report) -> None:
    across, up = searched(report)
    axes.set(xlabel=across, ylabel=up)


def _typical(part: Any, search: Report, run: RunFolder) -> None:
    for kind, (axes, typical) in enumerate(
        zip(part.subplots(len(search["typical"]), 1, squeeze=False)[:, 0], search["typical"], strict=True)
    ):
        axes.imshow(run.load_image_at(typical["image"]))
        place = ", ".join(map(compact, typical["value"]))
        axes.set_title(f"{kind + 1}: {place}", fontsize=7)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=COLOURS[kind], linewidth=4)
