"""Guiders with values of their own, and names that stand for many guiders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from cfgsweep.execution.left_out import left_out
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.groups import members
from cfgsweep.reports.grid_layout import Table, arrange
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.grid_shape import GridShape
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from tests.support.json_schemas import checker
from tests.support.run_state import records_of

BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "steps": 4}
OWN = [{"tnorm": {"value": [0.1, 0.2]}}, {"cfg": {"value": [3, 7], "stop": [0.5, 1.0]}}]


def cells(**fields: Any) -> list[tuple[str, float]]:
    return [(e.guider.title(), e.value) for e in expand(Sweep(**BASE, **fields))]


def test_every_value_is_combined_with_its_guider_and_ids_are_those_of_one_guider_with_one_value() -> None:
    found = expand(Sweep(**BASE, guider=OWN, seed=[1, 2]))
    alone = [
        expand(Sweep(**BASE, guider=guider, value=value, seed=seed))[0]
        for seed in (1, 2)
        for guider, values in (
            ("tnorm", (0.1, 0.2)),
            ({"cfg": {"stop": 0.5}}, (3, 7)),
            ({"cfg": {"stop": 1.0}}, (3, 7)),
        )
        for value in values
    ]
    assert [e.id for e in found] == [e.id for e in alone]
    assert found == alone
    assert [e.guider.spec() for e in found] == [e.guider.spec() for e in alone]


def test_guiders_without_a_value_have_the_sweeps_or_their_usual_one() -> None:
    mixed = [{"tnorm": {"value": 0.1}}, "cfg"]
    assert cells(guider=mixed, value=[2, 3]) == [("tnorm", 0.1), ("cfg", 2), ("cfg", 3)]
    assert cells(guider=mixed) == [("tnorm", 0.1), ("cfg", 7.5)]


def test_schedules_are_scaled_to_them() -> None:
    found = expand(Sweep(**BASE, guider=OWN[0], schedule=["constant", "linear"]))
    assert [e.scales()[0] for e in found] == [0.1, 0.2, 0.1, 0.2]
    assert [e.scales()[-1] for e in found] == [0.1, 0.2, 0, 0]


def test_zip_and_exclude_know_them() -> None:
    zipped = [{"tnorm": {"value": [0.1, 0.2]}}, {"tnorm": {"value": 0.3}}]
    found = expand(Sweep(**BASE, guider=zipped, seed=[1, 2], zip=["guider", "seed"]))
    assert [(e.seed, e.value) for e in found] == [(1, 0.1), (1, 0.2), (2, 0.3)]
    assert cells(guider=OWN[0], exclude={"guider": "tnorm", "value": "> 0.1"}) == [("tnorm", 0.1)]


@pytest.mark.parametrize(
    "guider",
    [
        OWN,
        [{"tnorm": {"value": 0.1}}, "cfg"],
        [{"cfg": {"value": {"range": [1, 10, 0.5]}}}],
        ["all", {"diffusers.ClassifierFreeGuidance": {"value": [2, 3]}}],
    ],
    ids=str,
)
def test_they_are_allowed_by_the_schema_and_written_as_they_were(sweep_file, guider: Any) -> None:
    text = yaml.safe_dump({**BASE, "guider": guider})
    checker().validate(yaml.safe_load(text))
    sweep, _ = read_sweep(sweep_file(text))
    written = as_written(sweep)
    again, _ = read_sweep(sweep_file(yaml.safe_dump(written)))
    assert again == sweep == Sweep(**BASE, guider=guider)
    assert [e.id for e in expand(again)] == [e.id for e in expand(sweep)]
    checker().validate(written)


def test_a_guider_that_is_named_is_not_of_the_group_too() -> None:
    found = expand(Sweep(**BASE, guider=[{"cfg": {"value": [3, 7]}}, "all"]))
    assert [e.value for e in found if e.guider.name == "cfg"] == [3, 7]
    assert len({e.guider.name for e in found}) > 10


def test_ranges_and_groups_stay_as_they_were_given() -> None:
    ranged = {"cfg": {"value": {"range": [1.0, 10.0, 0.5]}}}
    assert as_written(Sweep(**BASE, guider=["all", ranged]))["guider"] == ["all", ranged]


@pytest.mark.parametrize(
    ("guider", "more", "words"),
    [
        ("[tnorm: {value: 0.1}]", "value: 2", ["value", "every guider has a value of its own", "leave out `value`"]),
        ("[tnorm: {value: [0.1, 0.2]}, tnorm: {value: 0.2}]", "", ["guider.1", "the same value twice"]),
        ("[tnorm: {value: [0.1, 0.1]}]", "", ["guider.0", "the same value twice"]),
        ("[tnorm: {value: big}]", "", ["guider.0.tnorm.value", "not a number", "'big'"]),
        ("[tnorm: {value: 1-10}]", "", ["did you mean {range: [1, 10, 1]}?"]),
        ("[tnorm: {value: []}]", "", ["the axis is empty"]),
        ("[tnorm: {value: true}]", "", ["not a number"]),
        ("[tnrom: {value: 1}]", "", ["did you mean 'tnorm'?"]),
        ("[tnorm: {value: 1}, cfg]", "value: [1, 2]\nseed: [1, 2]\nzip: [seed, value]", ["zip.0", "tnorm has a value"]),
        ("[cfg: {value: 1}]", "schedule: {linear: {max_val: 3}}", ["max_val is what `value` sets"]),
        ("[diffusers.ClassifierFreeGuidance: {value: 1, guidance_scale: 2}]", "", ["guidance_scale is what `value`"]),
        ("[alll]", "", ["unknown guider 'alll'"]),
        ("[all, all]", "", ["the same value twice"]),
    ],
)  # fmt: skip
def test_what_cannot_hold_is_refused_with_its_place(cli, sweep_file, guider: str, more: str, words: list[str]) -> None:
    refused = cli("plan", path := sweep_file(f"name: x\nmodel: emoji\nprompt: a cat\nguider: {guider}\n{more}\n"))
    assert refused.code == 2
    assert str(path) in refused.err
    for word in words:
        assert word in refused.err


def test_a_parameter_of_this_name_stays_one(cli, sweep_file, tmp_path: Path) -> None:
    code = "from cfgsweep.guidance import Guider\nclass Mine(Guider):\n    name = 'mine'\n    value: float = 1.0\n"
    (tmp_path / "mine.py").write_text(code)
    file = sweep_file(yaml.safe_dump({**BASE, "guider": {f"{tmp_path}/mine.py:Mine": {"value": [2.0, 3.0]}}}))
    planned = cli("plan", file, "--allow-code", "--out", "nowhere")
    assert "2 guider" in planned.out, planned.err


def test_the_grid_has_a_place_for_each_and_where_chooses_among_them(cli, sweep_file, tmp_path: Path) -> None:
    own = "[{tnorm: {value: [0.1, 0.2]}}, {fullnorm: {value: [0.2, 0.3]}}]"
    file, run = sweep_file(yaml.safe_dump({**BASE, "steps": 1, "guider": "cfg"})), tmp_path / "run"
    done = cli("run", file, "--out", run, "--set", f"guider={own}", "--quiet")
    assert done.code == 0, done.err
    assert [(record["guider"], record["value"]) for record in records_of(run)] == [
        ("tnorm", 0.1), ("tnorm", 0.2), ("fullnorm", 0.2), ("fullnorm", 0.3)
    ]  # fmt: skip
    experiments = expand(*read_sweep(run / "sweep.yaml"))
    assert str(GridShape.of(experiments)) == "2 guider x 3 value; 4 of 6 cells"
    table = Table.of(experiments, arrange(experiments))
    assert (len(table.down), len(table.across), set(table.cells)) == (2, 3, {(0, 0), (0, 1), (1, 1), (1, 2)})
    assert cli("verify", run).out.startswith("4 of 4")
    whole = cli("grid", run, "--out", tmp_path / "a.png")
    part = cli("grid", run, "--where", "guider=tnorm", "--where", "value>0.1", "--out", tmp_path / "b.png")
    assert (whole.code, part.code) == (0, 0)
    with Image.open(tmp_path / "a.png") as all_cells, Image.open(tmp_path / "b.png") as one:
        assert all_cells.height > one.height  # two rows of guiders


def test_a_search_takes_the_values_that_all_guiders_have(cli, sweep_file) -> None:
    refused = cli("phase", sweep_file(yaml.safe_dump({**BASE, "guider": OWN})))
    assert refused.code == 2
    assert "a search has one range for all guiders" in refused.err
    text = yaml.safe_dump({**BASE, "guider": [{"cfg": {"value": [1, 2, 3]}}]})
    too_few = cli("phase", sweep_file(text))
    assert "5 to 1000 values" in too_few.err  # the three are its scan


def test_all_are_those_of_cfgsweep_and_diffusers_are_theirs() -> None:
    found = expand(Sweep(**BASE, guider="all"))
    assert [e.guider for e in found] == [GUIDERS[name]() for name in GUIDERS.built_in()]
    assert [e.value for e in found] == [e.guider.default_scale for e in found]
    theirs = expand(Sweep(**BASE, guider="diffusers"))
    assert {e.guider.name for e in theirs} >= {
        "diffusers.ClassifierFreeGuidance",
        "diffusers.AdaptiveProjectedGuidance",
    }
    assert all(e.guider.name.startswith("diffusers.") for e in theirs)
    reasons = members("diffusers").left_out
    assert "skip_layer" in reasons["diffusers.SkipLayerGuidance"]
    assert not {e.guider.name for e in theirs} & set(reasons)


def test_guiders_of_a_group_are_left_out_where_the_sampler_is_none_of_theirs(cli, sweep_file) -> None:
    sweep = Sweep(**BASE, guider="all", sampler=["euler", "heun"])
    found = expand(sweep)
    assert [e.sampler for e in found if e.guider.name == "cfg_pp"] == ["euler"]
    assert left_out(sweep, found) == [
        "`guider: all` leaves out cfg_pp: it is not defined for heun, but for euler, ddim"
    ]
    said = cli("plan", sweep_file(yaml.safe_dump({**BASE, "guider": "all", "sampler": "heun"})), "--out", "nowhere")
    assert "NOTICE: `guider: all` leaves out cfg_pp" in said.out
    named = cli(
        "plan", sweep_file(yaml.safe_dump({**BASE, "guider": ["all", {"cfg_pp": {"value": 1}}], "sampler": "heun"}))
    )
    assert "cfg_pp is not defined for this sampler" in named.err
