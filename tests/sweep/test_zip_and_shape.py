"""Axes that move together, and what is said of the shape of a grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cfgsweep.errors import UserError
from cfgsweep.execution.dry_run import summarise_plan
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.grid_shape import GridShape
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from tests.support.json_schemas import checker

ROOT = Path(__file__).parents[2]
BASE = "name: test\nmodel: emoji\nprompt: a cat\nguider: [tnorm, fullnorm]\nvalue: [0.1, 0.2]\n"
ANCHORS = "label: [&ten {range: [0, 9, 1]}, *ten, *ten, *ten]\nzip: [label, seed]\n"


def shape_of(sweep_file, extra: str, base: str = BASE) -> str:
    return str(GridShape.of(expand(*read_sweep(sweep_file(base + extra)))))


def test_scales_yaml_is_what_its_form_with_anchors_was(sweep_file) -> None:
    text = (ROOT / "configs/scales.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("label:", "zip:"))]
    now = expand(*read_sweep(ROOT / "configs/scales.yaml"))
    before = expand(*read_sweep(sweep_file("\n".join(lines) + "\n" + ANCHORS)))
    assert len(now) == 200
    assert now == before
    assert [e.id for e in now] == [e.id for e in before]
    assert [e.legacy_id for e in now] == [e.legacy_id for e in before]


def test_shorter_axes_start_again_until_the_longest_ends(sweep_file) -> None:
    got = expand(*read_sweep(sweep_file(BASE + "seed: {range: [1, 5, 1]}\nzip: {cycle: [seed, value]}\n")))
    pairs = [(e.seed, e.value) for e in got if e.guider.name == "tnorm"]
    assert pairs == [(1, 0.1), (2, 0.2), (3, 0.1), (4, 0.2), (5, 0.1)]


@pytest.mark.parametrize(
    "zipped", ["[seed, value]", "{cycle: [seed, value]}", "[{cycle: [seed, value]}, [guider, steps]]"]
)
def test_groups_are_allowed_by_the_schema_and_written_as_they_were(sweep_file, tmp_path: Path, zipped: str) -> None:
    text = BASE + f"seed: [1, 2]\nsteps: [4, 5]\nzip: {zipped}\n"
    checker().validate(yaml.safe_load(text))
    sweep, document = read_sweep(sweep_file(text))
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(as_written(sweep)))
    assert read_sweep(again)[0] == sweep
    assert expand(*read_sweep(again)) == expand(sweep, document)
    assert Sweep(**yaml.safe_load(text)) == sweep


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("zip: {cycel: [seed, value]}", ["F:6: zip: unknown way to zip 'cycel'", "did you mean 'cycle'?"]),
        ("zip: {cycle: seed}", ["F:6: zip: not a group of axes", "{cycle: [axis, axis]}"]),
        ("zip: [[seed, value], 3]", ["F:6: zip.1: not a group of axes", "3"]),
        ("zip: {cycle: [seed, colour]}", ["F:6: zip", "unknown axis 'colour'"]),
        ("zip: {cycle: []}", ["F:6: zip", "equally long"]),
        ("zip: [seed, value]", ["F:6: zip.0: zipped axes must be equally long", "{cycle: [...]} lets shorter axes"]),
        ("zip: [{cycle: [seed, value]}, [value, guider]]", ["zip.1: 'value' is zipped twice"]),
    ],
)
def test_what_is_wrong_with_a_group_is_said_with_its_place(sweep_file, line: str, expected: list[str]) -> None:
    path = sweep_file(BASE + line + "\n")
    with pytest.raises(UserError) as caught:
        read_sweep(path)
    for part in expected:
        assert part in str(caught.value).replace(str(path), "F")


def test_a_cycle_that_comes_to_one_experiment_twice_is_refused(sweep_file) -> None:
    text = BASE.replace("[0.1, 0.2]", "[0.1, 0.2, 0.1, 0.2]") + "zip: {cycle: [value, guider]}\n"
    with pytest.raises(UserError, match="zip: the zipped axes name one experiment twice"):
        expand(*read_sweep(sweep_file(text)))


@pytest.mark.parametrize(
    ("extra", "shape"),
    [
        ("", "2 guider x 2 value"),
        ("seed: [1, 2, 3]\nsteps: [4, 5]\n", "3 seed x 2 steps x 2 guider x 2 value"),
        ("seed: [1, 2]\nzip: [value, seed]\n", "2 seed x 2 guider; value follows seed"),
        ("seed: [1, 2, 3, 4]\nzip: {cycle: [value, seed]}\n", "4 seed x 2 guider; value follows seed"),
        ("exclude: [{guider: tnorm, value: 0.2}]\n", "2 guider x 2 value; 3 of 4 cells"),
        ("seed: [1, 2]\nexclude: [{guider: tnorm, value: 0.2}]\n", "2 seed x 2 guider x 2 value; 6 of 8 cells"),
    ],
)
def test_the_shape_says_what_multiplies_and_what_follows(sweep_file, extra: str, shape: str) -> None:
    assert shape_of(sweep_file, extra) == shape


def test_a_value_that_depends_on_two_axes_follows_both(sweep_file) -> None:
    base = "name: test\nmodel: emoji\nprompt: a cat\nguider: [cfg, tnorm]\n"
    text = "schedule: [constant, {constant: {max_val: 2.0}}]\n"
    assert shape_of(sweep_file, text, base) == "2 guider x 2 schedule; value follows guider and schedule"
    assert shape_of(sweep_file, "", base) == "2 guider; value follows guider"


def test_plan_prints_the_shape_and_json_keeps_its_keys(sweep_file, cli, tmp_path: Path) -> None:
    path = sweep_file(BASE + "seed: [1, 2]\nzip: [value, seed]\n")
    assert "test: 2 seed x 2 guider; value follows seed\n" in cli("plan", path, "--out", tmp_path / "r").out
    found = summarise_plan(read_sweep(path)[0], tmp_path / "r").as_json()
    assert found["axes"] == {"seed": 2, "guider": 2, "value": 2}
    assert list(found) == [
        *("name", "axes", "experiments", "pending", "evaluations", "evaluations_unshared", "cautions"),
        *("controls", "control_evaluations"),
    ]
