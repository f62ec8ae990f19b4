"""`compare:` in a sweep adds plain guidance that matches every cell, as a second wave of the same run."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

import cfgsweep
from tests.support.run_state import records_of

SWEEP = """\
name: c
model: digits
label: [1, 2, 3]
seed: [1, 2]
steps: 3
guider: {guider}
value: [1.5, 3]
metrics: [contrast, diversity]
compare: {compare}
"""


def text(guider: str = "[cfg, apg, cfg_zero]", compare: str = "{}") -> str:
    return SWEEP.format(guider=guider, compare=compare)


def controls_in(folder: Path) -> list[dict[str, Any]]:
    return [record for record in records_of(folder) if record.get("control_of")]


def test_each_cell_has_plain_guidance_of_its_own_scale(cli, sweep_file, tmp_path: Path) -> None:
    done = cli("run", sweep_file(text()), "--out", tmp_path / "r")
    assert done.code == 0, done.err
    records = {record["id"]: record for record in records_of(tmp_path / "r")}
    controls = controls_in(tmp_path / "r")
    assert len(records) == 18 * 2 + len(controls)
    assert len(controls) == 24  # four cells of six pictures
    cells: dict[Any, list[dict[str, Any]]] = {}
    for control in controls:
        of = records[control["control_of"]]
        assert [control[name] for name in ("label", "seed", "steps")] == [
            of[name] for name in ("label", "seed", "steps")
        ]
        assert (control["guider"], control["schedule"]) == ("cfg", "constant")
        assert control["metrics"].keys() == {"contrast", "diversity"}
        cells.setdefault((of["guider"], of["value"]), []).append(of)
        assert control["effective_scale"] == pytest.approx(control["value"], rel=1e-4)
    for (guider, value), of in cells.items():
        (asked,) = {c["value"] for c in controls if records[c["control_of"]] in of}
        wanted = fmean(r["effective_scale"] for r in records.values() if (r["guider"], r["value"]) == (guider, value))
        assert asked == float(f"{wanted:.4g}"), guider
    assert "apg 3 against cfg " in done.out + done.err

    compared = json.loads(cli("compare", tmp_path / "r", "--json").out)
    assert [one["problem"] for one in compared["comparisons"]] == [None] * 4
    assert {one["differences"][0]["pairs"] for one in compared["comparisons"]} == {6}


def test_controls_of_a_schedule_have_a_constant_scale(cli, sweep_file, tmp_path: Path) -> None:
    """That is the mean of what the schedule gave, for plain guidance."""
    path = sweep_file(text("cfg").replace("[1.5, 3]\n", "[2, 7]\nschedule: [constant, linear]\n"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    records = {record["id"]: record for record in records_of(tmp_path / "r")}
    controls = controls_in(tmp_path / "r")
    assert len(controls) == 12
    assert {record["schedule"] for record in controls} == {"constant"}
    for control in controls:
        of = records[control["control_of"]]
        assert of["schedule"] == "linear"
        assert control["value"] == pytest.approx(of["effective_scale"], rel=1e-3)


@pytest.mark.slow
def test_pictures_are_those_of_a_run_that_asks_for_them(cli, sweep_file, tmp_path: Path) -> None:
    assert cli("run", sweep_file(text("apg").replace("[1.5, 3]", "3")), "--out", tmp_path / "r", "--quiet").code == 0
    controls = controls_in(tmp_path / "r")
    asked = text("cfg").replace("[1.5, 3]", str(controls[0]["value"])).replace("compare: {}\n", "")
    assert cli("run", sweep_file(asked), "--out", tmp_path / "p", "--quiet").code == 0
    pixels = {record["id"]: record["pixels_sha256"] for record in records_of(tmp_path / "p")}
    assert {record["id"]: record["pixels_sha256"] for record in controls} == pixels


@pytest.mark.slow
def test_a_run_in_parts_comes_to_the_same_controls(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(text())
    limited = cli("run", path, "--out", tmp_path / "parts", "--limit", 5)
    assert limited.code == 0
    assert "controls of `compare` follow" in limited.err + limited.out
    assert controls_in(tmp_path / "parts") == []
    for folder in ("parts", "whole"):
        assert cli("run", path, "--out", tmp_path / folder, "--quiet").code == 0
    found = [{r["id"]: r["pixels_sha256"] for r in records_of(tmp_path / folder)} for folder in ("parts", "whole")]
    assert found[0] == found[1]
    again = cli("run", path, "--out", tmp_path / "whole")
    assert "24 of 24 controls were there already" in again.out + again.err
    assert "earlier sweep" not in again.out + again.err
    checked = cli("verify", tmp_path / "whole")
    assert checked.code == 0
    assert "no sweep" not in checked.out


def test_records_of_controls_have_an_order_of_their_own(cli, sweep_file, tmp_path: Path) -> None:
    """It is not that in which they were made, which differs where several processes make them."""
    run = cfgsweep.run(sweep_file(text("[cfg, apg]")), out=tmp_path / "r", quiet=True)
    expected, file = records_of(run.folder), run.folder / "experiments.jsonl"
    cells = {record["id"]: place for place, record in enumerate(expected)}
    controls = [cells[record["control_of"]] for record in controls_in(run.folder)]
    assert (controls, len(controls)) == (sorted(controls), 12)
    file.write_text("".join(f"{line}\n" for line in reversed(file.read_text().splitlines())))
    assert cli("run", run.folder).code == 0
    assert records_of(run.folder) == expected


def test_a_lost_mark_is_written_again(cli, sweep_file, tmp_path: Path) -> None:
    """As after a kill between the last control and the marks."""
    path, records = sweep_file(text("apg")), tmp_path / "r" / "experiments.jsonl"
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    before = controls_in(tmp_path / "r")
    lines = [
        {key: value for key, value in record.items() if key != "control_of"} for record in records_of(tmp_path / "r")
    ]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert {r["id"]: r["control_of"] for r in controls_in(tmp_path / "r")} == {r["id"]: r["control_of"] for r in before}


def test_equal_evaluations_are_had_by_more_steps(cli, sweep_file, tmp_path: Path) -> None:
    guider = "[{cfg: {start: 0.5}}, {cfg: {stop: 0.4}}]"
    path = sweep_file(text(guider, "{matched: evaluations}").replace("steps: 3", "steps: 10"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    records = {record["id"]: record for record in records_of(tmp_path / "r")}
    controls = controls_in(tmp_path / "r")
    assert controls
    for control in controls:
        of = records[control["control_of"]]
        assert control["steps"] < of["steps"]
        assert abs(sum(control["evaluations"].values()) - sum(of["evaluations"].values())) <= 1
    compared = json.loads(cli("compare", tmp_path / "r", "--json").out)
    assert [one["problem"] for one in compared["comparisons"]] == [None] * 4


@pytest.mark.slow
def test_the_level_of_a_metric_is_searched(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(text("[{cfg: {guidance_rescale: 0.7}}, cfg_zero]", "{matched: contrast}"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    compared = json.loads(cli("compare", tmp_path / "r", "--json").out)
    assert compared["matched"] == "contrast"
    assert {each["metric"] for one in compared["comparisons"] for each in one["differences"]} == {"diversity"}
    assert [one["problem"] for one in compared["comparisons"]] == [None] * 4
    records = records_of(tmp_path / "r")
    for value in (1.5, 3):
        cell = [r["metrics"]["contrast"] for r in records if (r["guider"], r["value"]) == ("cfg_zero", value)]
        levels: dict[float, list[float]] = {}
        for control in controls_in(tmp_path / "r"):
            levels.setdefault(control["value"], []).append(control["metrics"]["contrast"])
        assert min(abs(fmean(level) - fmean(cell)) for level in levels.values()) <= stdev(cell) / 10
    before = {r["id"] for r in records}
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert {r["id"] for r in records_of(tmp_path / "r")} == before


def test_a_plan_says_what_the_controls_cost_at_most(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(text())
    planned = json.loads(cli("plan", path, "--out", tmp_path / "r", "--json").out)
    assert (planned["controls"], planned["control_evaluations"]) == (24, 24 * 3 * 2)
    assert "controls" in cli("plan", path, "--out", tmp_path / "r").out
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert sum(r["evaluations"]["own"] for r in controls_in(tmp_path / "r")) <= planned["control_evaluations"]


def test_a_control_that_the_sweep_asks_for_later_is_its_own(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(text("[cfg, apg]").replace("[1.5, 3]", "3"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    (value,) = {record["value"] for record in controls_in(tmp_path / "r")}
    before = cfgsweep.open_run(tmp_path / "r")
    assert (len(before), len(before.controls)) == (12, 6)
    assert cli("run", path, "--set", f"value=[3, {value}]", "--out", tmp_path / "r", "--quiet").code == 0
    after = cfgsweep.open_run(tmp_path / "r")
    assert len(after) == 24
    assert not set(after.controls) & set(after.experiments)
    assert {e.value for e in after.controls} != {value}  # that of apg at the new value is there beside


def test_in_python_they_are_apart(tmp_path: Path) -> None:
    sweep = cfgsweep.Sweep(
        name="p",
        model="digits",
        label=[1, 2, 3],
        seed=1,
        steps=2,
        guider="apg",
        value=3,
        metrics="contrast",
        compare={},
    )
    run = cfgsweep.run(sweep, out=tmp_path / "r", quiet=True)
    assert (len(run), len(run.controls)) == (3, 3)
    assert {e.guider.name for e in run.controls} == {"cfg"}
    part = run.where("label=1,2")
    assert len(part.controls) == 2
    assert len(cfgsweep.open_run(tmp_path / "r").to_pandas()) == 3
    assert cfgsweep.compare(run).found[0].differences[0].found.pairs == 3


@pytest.mark.parametrize(
    ("compare", "told"),
    [
        ("{baseline: cgf}", ["compare.baseline", "cgf", "did you mean 'cfg'"]),
        ("{baseline: all}", ["compare.baseline", "all"]),
        ("{matched: contrasts}", ["compare.matched", "contrasts", "did you mean 'contrast'"]),
        ("{matched: saturation}", ["compare.matched", "saturation", "add it to `metrics`"]),
        ("{baselines: cfg}", ["baselines", "did you mean 'baseline'"]),
        ("true", ["compare"]),
    ],
)
def test_wrong_settings_are_refused(cli, sweep_file, tmp_path: Path, compare: str, told: list[str]) -> None:
    done = cli("run", sweep_file(text(compare=compare)), "--out", tmp_path / "r")
    assert done.code == 2
    assert all(part in done.err for part in told), done.err
    assert not (tmp_path / "r").exists()


def test_a_number_of_whole_cells_cannot_be_matched(cli, sweep_file, tmp_path: Path) -> None:
    changed = text(compare="{matched: fid}").replace("[contrast, diversity]", "[contrast, {fid: {features: pixels}}]")
    done = cli("run", sweep_file(changed.replace("fid}", '"fid features=pixels"}', 1)), "--out", tmp_path / "r")
    assert done.code == 2
    assert "compare.matched" in done.err
    assert "all pictures of a cell" in done.err


@pytest.mark.parametrize(
    ("change", "told"),
    [("metrics: [contrast, diversity]\n", "nothing is measured"), ("compare: {}\n", "diagnostics")],
)
def test_what_is_missing_is_told(cli, sweep_file, tmp_path: Path, change: str, told: str) -> None:
    changed = text().replace(change, "" if "metrics" in change else f"{change}diagnostics: false\n")
    done = cli("run", sweep_file(changed), "--out", tmp_path / "r")
    assert done.code == 2
    assert told in done.err


def test_what_is_measured_later_is_measured_of_controls(cli, sweep_file, tmp_path: Path) -> None:
    assert cli("run", sweep_file(text("apg")), "--out", tmp_path / "r", "--quiet").code == 0
    measured = cli("measure", tmp_path / "r", "--metrics", "sharpness")
    assert measured.code == 0, measured.err
    assert "cfg" not in measured.out  # the table is of the sweep's own cells
    assert all("sharpness" in record["metrics"] for record in controls_in(tmp_path / "r"))
    compared = json.loads(cli("compare", tmp_path / "r", "--json", "--metric", "sharpness").out)
    assert [one["problem"] for one in compared["comparisons"]] == [None] * 2


def test_a_lack_of_pairs_is_no_lack_of_a_scale(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(text("apg").replace("[1, 2, 3]", "1"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    done = cli("compare", tmp_path / "r")
    assert "fewer than 3 independent pairs" in done.out
    assert "lacks" not in done.out


def test_controls_of_prompts_with_variables_have_their_own_diversity(cli, sweep_file, tmp_path: Path) -> None:
    """As many numbers as prompts: pictures that differ in a variable do not count as differing in the seed alone."""
    written = text("apg").replace("digits\nlabel: [1, 2, 3]", "emoji\nprompt: 'a {animal}'\nvars: {animal: [cat, dog]}")
    assert cli("run", sweep_file(written.replace("[1.5, 3]", "3")), "--out", tmp_path / "r", "--quiet").code == 0
    controls = controls_in(tmp_path / "r")
    asked = written.replace("apg", "cfg").replace("[1.5, 3]", str(controls[0]["value"])).replace("compare: {}\n", "")
    assert cli("run", sweep_file(asked), "--out", tmp_path / "p", "--quiet").code == 0
    expected = {record["id"]: record["metrics"]["diversity"] for record in records_of(tmp_path / "p")}
    assert len(set(expected.values())) == 2
    assert {record["id"]: record["metrics"]["diversity"] for record in controls} == expected


def test_controls_of_an_earlier_comparison_get_none(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(text("[cfg, cfg_zero]").replace("[1.5, 3]", "3"))
    earlier = "compare={baseline: apg, matched: value}"
    assert cli("run", path, "--set", earlier, "--out", tmp_path / "r", "--quiet").code == 0
    before = {record["id"] for record in controls_in(tmp_path / "r")}
    planned = json.loads(cli("plan", path, "--out", tmp_path / "r", "--json").out)
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    records = {record["id"]: record for record in records_of(tmp_path / "r")}
    added = [record for record in controls_in(tmp_path / "r") if record["id"] not in before]
    assert len(added) == planned["controls"] == 6
    assert {records[record["control_of"]]["guider"] for record in added} == {"cfg_zero"}


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["apg", "{cfg: {stop: 0.5}}"])
def test_a_baseline_whose_strength_is_not_its_value_is_searched(cli, sweep_file, tmp_path: Path, baseline: str) -> None:
    path = sweep_file(text("cfg", f"{{baseline: {baseline}}}").replace("[1.5, 3]", "[1.5, 2]"))
    planned = json.loads(cli("plan", path, "--out", tmp_path / "r", "--json").out)
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert len(controls_in(tmp_path / "r")) <= planned["controls"]
    for one in json.loads(cli("compare", tmp_path / "r", "--json").out)["comparisons"]:
        assert one["problem"] is None
        assert one["effective_scale_of_match"] == pytest.approx(one["effective_scale"], rel=0.02)
    before = {record["id"] for record in records_of(tmp_path / "r")}
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert {record["id"] for record in records_of(tmp_path / "r")} == before


def test_pictures_without_a_partner_are_told(cli, sweep_file, tmp_path: Path) -> None:
    """Each sweep's controls are at the mean scale of its own pictures, and a cell has the pictures of both."""
    for seeds in ("[1, 2]", "[3, 4]"):
        path = sweep_file(text("cfg_zero").replace("[1, 2]", seeds).replace("[1.5, 3]", "3"))
        assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert len({record["value"] for record in controls_in(tmp_path / "r")}) == 2
    assert "cfg_zero 3: 6 of 12 pictures have a partner in cfg 2.9" in cli("compare", tmp_path / "r").out


@pytest.mark.slow
def test_controls_that_an_interrupt_left_unmeasured_are_measured(cli, sweep_file, tmp_path: Path, monkeypatch) -> None:
    """The level of a part of a wave would be taken for that of all of it."""
    path = sweep_file(text("[{cfg: {guidance_rescale: 0.7}}, cfg_zero]", "{matched: contrast}"))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    records, whole = tmp_path / "r" / "experiments.jsonl", records_of(tmp_path / "r")
    control = next(record for record in whole if record.get("control_of"))
    lines = [{**r, "metrics": {}} if r["id"] == control["id"] else r for r in whole]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    assert {r["id"]: r["metrics"] for r in records_of(tmp_path / "r")} == {r["id"]: r["metrics"] for r in whole}
