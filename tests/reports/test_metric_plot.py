"""Plots of metrics say what is on their axes, and what lines and bands are."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader

import cfgsweep
from cfgsweep.metrics.base import METRICS
from cfgsweep.reports.metric_plot import plot
from cfgsweep.storage.png import as_image
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.sweep.titles import TitleLabels

SCALES = Path(__file__).parents[2] / "outputs/gallery/scales"
BASE = "name: g\nmodel: emoji\nprompt: a cat\nguider: [tnorm, fullnorm]\nvalue: [0.1, 0.2]\n"


def experiments_of(sweep_file, extra: str = "") -> list[Experiment]:
    return expand(*read_sweep(sweep_file(BASE + extra)))


def plotted(experiments: list[Experiment], values: list[float], labels: TitleLabels | None = None) -> Figure:
    """Of two metrics, one of them of no class that is known. values: of the pictures that a point is the mean of."""
    keys = dict.fromkeys((("guider", e.guider), ("value", e.value)) for e in experiments)
    numbers = {key: {"contrast": [key[1][1] + one for one in values], "mine.py:Mine": values} for key in keys}
    return plot("g", experiments, ["contrast", "mine.py:Mine"], numbers, labels)


def legend_of(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_legend_says_what_lines_and_bands_are(sweep_file) -> None:
    figure = plotted(experiments_of(sweep_file, "seed: [1, 2, 3]\n"), [0.0, 0.1, 0.5])
    assert legend_of(figure) == ["tnorm", "fullnorm", "mean over seeds", "standard error of the mean, to both sides"]
    contrast = figure.axes[0]
    line, band = contrast.get_lines()[0], contrast.collections[0].get_paths()[0].vertices
    error = np.std([0.0, 0.1, 0.5], ddof=1) / 3**0.5
    assert line.get_ydata() == pytest.approx([0.3, 0.4])
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.3 - error, 0.4 + error))


def test_where_nothing_is_averaged_there_is_no_band_to_explain(sweep_file) -> None:
    assert legend_of(plotted(experiments_of(sweep_file), [0.0])) == ["tnorm", "fullnorm", "one picture each"]


def test_axes_have_names_and_units(sweep_file) -> None:
    contrast, mine = plotted(experiments_of(sweep_file), [0.0]).axes
    assert (contrast.get_title(), contrast.get_ylabel()) == ("contrast", METRICS["contrast"].unit)
    assert (mine.get_title(), mine.get_ylabel()) == ("mine.py:Mine", "")
    assert contrast.get_xlabel() == "value (guidance scale)"


def test_many_panels_go_on_below_and_many_lines_differ(sweep_file) -> None:
    experiments = experiments_of(sweep_file, "steps: [1, 2, 3, 4, 5, 6]\n")
    keys = [(("guider", e.guider), ("steps", e.steps), ("value", e.value)) for e in experiments]
    metrics = [f"m{number}" for number in range(6)]
    figure = plot("g", experiments, metrics, {key: {name: [1.0] for name in metrics} for key in keys})
    assert len(figure.axes) == 6
    assert [axes.get_subplotspec().rowspan.start for axes in figure.axes] == [0, 0, 0, 0, 1, 1]
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()}
    assert len(looks) == 12


@pytest.mark.parametrize("name", METRICS.built_in())
def test_every_metric_has_a_unit(name: str) -> None:
    assert METRICS[name].unit


def test_labels_are_in_plots(sweep_file) -> None:
    figure = plotted(experiments_of(sweep_file), [0.0], TitleLabels({"value": "w in $", "guider.tnorm": r"$\none$ 猫"}))
    assert figure.axes[0].get_xlabel() == "w in $"
    assert legend_of(figure)[0] == r"$\none$ 猫"
    as_image(figure)  # dollars are no mathematics


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pdf", "svg"])
def test_plots_are_vector_files_beside_the_grids(tmp_path: Path, kind: str) -> None:
    run, written = Path(shutil.copytree(SCALES, tmp_path / "run")), []
    for _ in range(2):  # a drawing of ours is replaced
        file = cfgsweep.grid(run, plot=True, format=kind, labels={"value": "scale 猫"})[-1]
        written.append(file.read_bytes())
    assert file == run / f"grids/scales-metrics.{kind}"
    assert written[0] == written[1]
    if kind == "pdf":
        text = PdfReader(file).pages[0].extract_text()
    else:
        text = " ".join(ElementTree.parse(file).getroot().itertext())
    for shown in ("scale 猫", METRICS["diversity"].unit, "mean over labels and seeds"):
        assert shown in text
    assert cfgsweep.verify(run).ok
