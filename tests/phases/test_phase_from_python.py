"""`cfgsweep.phase`: the search of the command, and its result as an object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import cfgsweep

SEARCH = {"low": 0.01, "high": 0.3, "scan": 9, "tolerance": 0.05, "device": "cpu", "quiet": True}
UNKNOWN = ("prominence", "verdict_margin")  # to earlier versions
SETTINGS = {
    "name": "p",
    "model": "emoji",
    "prompt": "3d render style an astronaut riding a horse",
    "seed": 1024,
    "steps": 4,
    "guider": "tnorm",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> cfgsweep.PhaseResult:
    sweep = cfgsweep.Sweep(**SETTINGS)
    return cfgsweep.phase(sweep, search="value", out=tmp_path_factory.mktemp("search") / "run", **SEARCH)


def test_it_finds_what_the_command_finds(cli, found, sweep_file, tmp_path) -> None:
    path = sweep_file(yaml.safe_dump({**SETTINGS, "search": "value"}))
    words = [word for name in ("low", "high", "scan", "tolerance") for word in (f"--{name}", SEARCH[name])]
    printed = cli("phase", path, "--out", tmp_path / "command", "--device", "cpu", "--json", *words)
    assert printed.code == 0, printed.err
    assert json.loads(printed.out) == json.loads(json.dumps(found.report))
    assert json.loads((found.folder / "phase.json").read_text()) == json.loads(printed.out)


def test_transitions_are_those_of_the_report(found) -> None:
    reported = found.report["searches"][0]["transitions"]
    assert reported, "this model has no transition: the test shows nothing"
    assert [t.location for t in found.transitions] == [t["location"] for t in reported]
    assert all(t.before <= t.location <= t.after and t.title == "tnorm" for t in found.transitions)
    assert found.plot.width > 600
    assert str(found).splitlines()[0].split() == [
        "search",
        "value",
        "width",
        "size",
        "steepness",
        "verdict",
        "parts",
        "at",
        "step",
    ]
    assert found._repr_html_().count("<tr>") == 1 + len(reported)


def test_a_run_can_be_the_scan(found, tmp_path) -> None:
    run = found.run
    assert len(run) == len(found.report["searches"][0]["points"])
    again = cfgsweep.phase(run, **SEARCH)
    assert again.folder == run.folder
    assert json.loads(json.dumps(again.report)) == json.loads(json.dumps(found.report))
    with pytest.raises(cfgsweep.UserError, match="not a run folder"):
        cfgsweep.phase(tmp_path)


def test_what_cannot_be_searched_is_refused() -> None:
    sweep = cfgsweep.Sweep(**SETTINGS)
    with pytest.raises(cfgsweep.UserError, match="low"):
        cfgsweep.phase(sweep, search="value", high=3.0)
    with pytest.raises(cfgsweep.UserError, match="unknown distance"):
        cfgsweep.phase(sweep, low=0.01, high=3.0, distance="nothing")


def test_a_report_of_an_earlier_version_is_read(found) -> None:
    """It says neither what its steepness is in nor how sure it is."""
    new = {"steepness_in", "abrupt_from"}
    old = {key: value for key, value in json.loads(json.dumps(found.report)).items() if key not in new}
    for search in old["searches"]:
        for t in search["transitions"]:
            for key in [key for key in t if "uncertainty" in key or "steepness_" in key or key in UNKNOWN]:
                del t[key]
    result = cfgsweep.PhaseResult(old, found.folder)
    assert [t.location for t in result.transitions] == [t.location for t in found.transitions]
    assert all(t.location_uncertainty is None and t.verdict_margin is None for t in result.transitions)
    assert "in median slopes of the scan, abrupt from 10 on" in str(result)
    assert "in mean slopes, abrupt from 4 on" in str(found)
    assert "±" not in str(result)
    assert "±" in str(found)


def test_a_verdict_that_the_uncertainty_leaves_open_has_a_question_mark(found) -> None:
    report = json.loads(json.dumps(found.report))
    (t, *_) = report["searches"][0]["transitions"]
    for margin, mark in ((0.2, ""), (-0.2, "?")):
        t["verdict_margin"] = margin
        assert f"{t['verdict']}{mark} " in str(cfgsweep.PhaseResult(report, found.folder))


def test_every_field_of_a_transition_is_in_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs/phase.md").read_text()
    for name in ("steepness_in", "abrupt_from", "mean_slope", *UNKNOWN, "location_uncertainty", "steepness_high"):
        assert f"`{name}`" in page, name
