"""`grid RUN --plot diagnostics`: curves are the means of the numbers that pictures keep, by guider and value."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import cfgsweep
from cfgsweep.engine.diagnostics import FIELDS
from cfgsweep.reports.diagnostics_plot import mean_and_error, numbers_of, plot_diagnostics
from cfgsweep.storage.run_folder import RunFolder

FIELDS_OF_SWEEP = {"name": "d", "model": "digits", "label": [1, 4], "seed": [0, 1, 2], "steps": 4}
GUIDERS = [{"cfg": {"value": [2, 6]}}, {"tnorm": {"value": 0.2}}]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> cfgsweep.Run:
    sweep = cfgsweep.Sweep(**FIELDS_OF_SWEEP, guider=GUIDERS)
    return cfgsweep.run(sweep, out=tmp_path_factory.mktemp("diagnostics") / "run", quiet=True)


def test_a_mean_leaves_out_what_is_not_defined() -> None:
    found = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [8.0, 7.0, np.nan]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean, error = mean_and_error(found)
    np.testing.assert_allclose(mean, [4, 6, np.nan])
    np.testing.assert_allclose(error[:2], [np.std([1, 3, 8], ddof=1) / 3**0.5, np.std([5, 7], ddof=1) / 2**0.5])
    mean, error = mean_and_error(found[:1])
    np.testing.assert_allclose(error[0], 0)


@pytest.mark.slow
def test_lines_are_means_over_seeds_and_labels(run: cfgsweep.Run) -> None:
    figure = plot_diagnostics("d", run.experiments, numbers_of(RunFolder(run.folder), run.experiments))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [name.replace("_", " ") for name in FIELDS]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("cfg, value 2", "cfg, value 6", "tnorm, value 0.2"),
        *("mean over labels and seeds", "standard error of the mean, to both sides"),
    ]
    by_title = dict(zip(FIELDS, figure.axes, strict=True))
    for name in ("cond_norm", "effective_scale", "x0_std"):
        for guider, value, line in zip(("cfg", "cfg", "tnorm"), (2, 6, 0.2), by_title[name].get_lines(), strict=True):
            own = [
                r.diagnostics[name] for r in run if (r.experiment.guider.name, r.experiment.value) == (guider, value)
            ]
            assert len(own) == 6
            np.testing.assert_allclose(line.get_ydata(), np.mean(own, axis=0))
            assert list(line.get_xdata()) == [1, 2, 3, 4]
    np.testing.assert_allclose(by_title["effective_scale"].get_lines()[0].get_ydata(), 2, rtol=1e-5)


@pytest.mark.slow
def test_the_command_draws_them(cli, run: cfgsweep.Run, tmp_path: Path) -> None:
    drawn = cli("grid", run.folder, "--plot", "diagnostics", "--where", "guider=cfg", "--title", "Two scales")
    assert drawn.out.splitlines()[-1].endswith("grids/d-guider=cfg-diagnostics.png")
    svg = cli(
        "grid", run.folder, "--plot", "diagnostics", "--labels", "value=scale", "--format", "svg"
    ).out.splitlines()[1]
    text = Path(svg).read_text()
    assert "tnorm, scale 0.2" in text
    assert cli("verify", run.folder).code == 0
    assert run.plot("diagnostics").width > 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words_given", "words"),
    [
        (["--plot", "diagnostic"], ["--plot: unknown plot 'diagnostic'", "did you mean 'diagnostics'?"]),
        (["diagnostics"], ["not an option of grids", "--plot diagnostics"]),
        (["--plot", "metrics"], ["this run measured nothing"]),
        (["--plot"], ["this run measured nothing"]),
    ],
)
def test_what_cannot_be_drawn_is_said(cli, run: cfgsweep.Run, words_given: list[str], words: list[str]) -> None:
    refused = cli("grid", run.folder, *words_given)
    assert refused.code == 2
    for word in words:
        assert word in refused.err


@pytest.mark.slow
def test_pictures_without_numbers_are_told(cli, tmp_path: Path) -> None:
    sweep = cfgsweep.Sweep(**{**FIELDS_OF_SWEEP, "seed": 0, "steps": 2}, guider="cfg", diagnostics=False)
    run = cfgsweep.run(sweep, out=tmp_path / "run", quiet=True)
    refused = cli("grid", run.folder, "--plot", "diagnostics")
    assert (refused.code, "no picture has numbers of its guidance" in refused.err) == (2, True)
