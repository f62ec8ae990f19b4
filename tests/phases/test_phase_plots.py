"""Plots and tables of searches explain themselves, and say where the range is too narrow."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from cfgsweep.phases.plot_curve import figure_of_searches
from cfgsweep.phases.report import table
from cfgsweep.storage.run_folder import RunFolder

FOLDER = Path(__file__).parents[2] / "outputs" / "gallery" / "phase"


@pytest.fixture
def report() -> dict[str, Any]:
    return json.loads((FOLDER / "phase.json").read_text())


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_the_legend_names_lines_bands_and_dots(report: dict[str, Any]) -> None:
    shown = texts(figure_of_searches(report, RunFolder(FOLDER)))
    parts = ["how fast the picture changes", "2 times its mean", "abrupt transition", "gradual transition", "they part"]
    assert [shown.count(part) for part in parts] == [1] * 5
    assert "widen" not in shown


@pytest.mark.parametrize(("end", "side", "option"), [("low", "before", "--low"), ("high", "after", "--high")])
def test_a_transition_at_the_end_of_the_range_asks_for_a_wider_one(
    report: dict[str, Any], end: str, side: str, option: str
) -> None:
    assert not any("widen" in line for line in table(report))
    transitions = report["searches"][0]["transitions"]
    report[end] = transitions[0 if end == "low" else -1][side]
    told = [line for line in table(report) if "widen" in line]
    assert len(told) == 1
    assert f"({option})" in told[0]
    assert "widen the range" in texts(figure_of_searches(report, RunFolder(FOLDER)))


def test_without_a_transition_pictures_of_the_whole_range_are_shown(report: dict[str, Any]) -> None:
    search = copy.deepcopy(report["searches"][0])
    search["transitions"] = []
    figure = figure_of_searches({**report, "searches": [search]}, RunFolder(FOLDER))
    pictures = [axes for axes in figure.findobj(lambda one: hasattr(one, "get_images")) if axes.get_images()]
    titles = [axes.get_title() for axes in pictures]
    assert (titles[0], titles[-1], len(titles)) == ("0.01", "0.3", 6)
    assert "no transition" in texts(figure)


def test_pictures_are_titled_by_the_values_at_which_they_were_made(report: dict[str, Any]) -> None:
    figure = figure_of_searches(report, RunFolder(FOLDER))
    titles = [axes.get_title() for axes in figure.findobj(lambda one: hasattr(one, "get_images")) if axes.get_images()]
    points = {point["image"]: point["value"] for point in report["searches"][0]["points"]}
    expected = []
    for transition in report["searches"][0]["transitions"]:
        before, _, after = (points[image] for image in transition["images"])
        expected += [f"{before:.5g}", "half-way", f"{after:.5g}"]
    assert titles == expected
