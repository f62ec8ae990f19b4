"""`cfgsweep compare --plot`: points, intervals, matched pairs and the front are those of the records."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import cfgsweep
from cfgsweep.evidence.pareto import pareto_of
from cfgsweep.reports.pareto_plot import ParetoPlot
from cfgsweep.storage.png import hash_of_file
from tests.support.run_state import records_of, run_of

SWEEP = """\
name: c
model: digits
label: [1, 2, 3, 4]
seed: [1, 2, 3]
steps: 2
guider: [cfg, cfg_zero]
value: [3, 1.5]
metrics: [adherence, contrast, diversity]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run with planted numbers: adherence falls and diversity rises with the value, and cfg_zero has more of both."""
    folder = run_of(SWEEP, tmp_path_factory.mktemp("pareto"))
    rng, lines = np.random.default_rng(0), []
    for record in records_of(folder):
        better = 0.5 * (record["guider"] == "cfg_zero")
        record["metrics"]["adherence"] = 4 - record["value"] + better + rng.normal(0, 0.1)
        record["metrics"]["diversity"] = record["value"] + better + 0.01 * record["label"]
        lines.append(json.dumps(record))
    (folder / "experiments.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def plot_of(run: Path, *metrics: str, matched: str = "value") -> ParetoPlot:
    opened = cfgsweep.open_run(run)
    records = {record.id: record for record in opened.records}
    return pareto_of("c", opened.experiments, records, metrics, "cfg", matched)


def test_points_are_means_with_scipys_intervals(run: Path) -> None:
    """Of the pictures; of a metric of groups, of the labels."""
    found = plot_of(run, "adherence", "diversity")
    assert [(curve.name, [point.label for point in curve.points]) for curve in found.curves] == [
        ("cfg", ["1.5", "3"]),
        ("cfg_zero", ["1.5", "3"]),
    ]
    for name, point in ((curve.name, point) for curve in found.curves for point in curve.points):
        alike = [r for r in records_of(run) if r["guider"] == name and r["value"] == float(point.label)]
        of_x = np.array([r["metrics"]["adherence"] for r in alike])
        of_y = np.array([r["metrics"]["diversity"] for r in alike if r["seed"] == 1])
        assert (len(of_x), len(of_y)) == (12, 4)
        for mean, interval, numbers in ((point.x, point.x_interval, of_x), (point.y, point.y_interval, of_y)):
            assert mean == pytest.approx(numbers.mean())
            expected = stats.bootstrap((numbers,), np.mean, n_resamples=10_000, rng=np.random.default_rng(0))
            assert interval == pytest.approx(tuple(expected.confidence_interval), rel=1e-6)


def test_matched_cells_are_joined_and_the_front_is_not_dominated(run: Path) -> None:
    found = plot_of(run, "adherence", "diversity")
    cfg, zero = (curve.points for curve in found.curves)
    assert list(found.joined) == [(zero[1], cfg[1]), (zero[0], cfg[0])]
    assert found.front is not None
    assert {id(point) for point in found.front} == {id(point) for point in zero}
    points = [*cfg, *zero]
    for one, other in itertools.permutations(points, 2):
        if one in found.front:
            assert not (other.x >= one.x and other.y > one.y)


def test_a_number_of_a_whole_cell_has_no_interval(run: Path) -> None:
    """FID, of which lower is better."""
    lines = [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]
    for record in lines:
        record["metrics"]["fid"] = record["value"] + 2 * (record["guider"] == "cfg")
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in lines))
    found = plot_of(run, "fid", "diversity")
    cfg, zero = (curve.points for curve in found.curves)
    assert [(point.x, point.x_interval) for point in (*cfg, *zero)] == [(x, None) for x in (3.5, 5, 1.5, 3)]
    assert all(point.y_interval for point in cfg)
    assert found.better == (False, True)
    assert {id(point) for point in found.front or ()} == {id(point) for point in zero}


def test_without_a_direction_there_is_no_front_and_a_word_about_it(run: Path) -> None:
    found = plot_of(run, "adherence", "contrast")
    assert (found.better, found.front) == ((True, None), None)
    (legend,) = found.figure().legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == [
        *("cfg", "cfg_zero", "95% intervals (bootstrap)", "matched cells"),
        "no front: higher contrast may be better or worse",
    ]


def test_the_figure_shows_what_was_found(run: Path) -> None:
    found = plot_of(run, "adherence", "diversity")
    (axes,) = found.figure().axes
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    for curve in found.curves:
        assert list(lines[curve.name].get_xdata()) == [point.x for point in curve.points]
    drawn = [(tuple(line.get_xdata()), tuple(line.get_ydata())) for line in axes.get_lines()]
    for point in (point for curve in found.curves for point in curve.points):
        assert (point.x_interval, (point.y, point.y)) in drawn
        assert ((point.x, point.x), point.y_interval) in drawn
    for one, other in found.joined:
        assert ((one.x, other.x), (one.y, other.y)) in drawn
    assert axes.get_xlabel().startswith("adherence, higher is better\n")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_file_is_one_of_the_run(cli, run: Path, kind: str) -> None:
    for _ in range(2):  # a drawing of ours is replaced
        done = cli("compare", run, "--plot", "adherence,diversity", "--format", kind, "--matched", "value")
        assert done.code == 0, done.err
    path = run / f"grids/c-pareto=adherence,diversity.{kind}"
    assert Path(done.out.strip()) == path
    assert path.stat().st_size > 1000
    assert kind != "png" or hash_of_file(path)
    assert cli("verify", run).code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--plot", "adherence"], ["--plot", "two"]),
        (["--plot", "adherence,adherence"], ["two different"]),
        (["--plot", "adherence,diversty"], ["diversty", "did you mean 'diversity'"]),
        (["--plot", "adherence,diversity", "--format", "gif"], ["--format", "png, pdf, svg"]),
        (["--plot", "adherence,diversity", "--baseline", "cgf"], ["cgf", "cfg"]),
        (["--plot", "adherence,diversity", "--matched", "vlaue"], ["vlaue", "value"]),
    ],
)
def test_wrong_words_are_refused(cli, run: Path, words: list[str], told: list[str]) -> None:
    done = cli("compare", run, *words)
    assert done.code == 2
    assert all(part in done.err for part in told)
