"""What makes a pair of `cfgsweep compare`: seeds of forks and U-turns count like the seed, copies count once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.run_state import records_of, run_of

FORKS = """\
name: f
model: digits
label: [1, 2, 3]
seed: [1, 2]
steps: 4
guider: [cfg, cfg_zero]
value: [1.5, 3]
fork: {at: 0.5, seeds: 3}
metrics: [contrast, diversity]
"""


def compared(cli, run: Path, *words: str) -> dict[str, Any]:
    done = cli("compare", run, "--json", *words)
    assert done.code == 0, done.err
    return {one["cell"]: one for one in json.loads(done.out)["comparisons"]}


@pytest.fixture(scope="module")
def forks(tmp_path_factory) -> Path:
    return run_of(FORKS, tmp_path_factory.mktemp("forks"))


def test_forks_of_one_place_are_pictures_of_one_cell(cli, forks: Path) -> None:
    found = compared(cli, forks, "--matched", "value")
    assert {name: one["against"] for name, one in found.items()} == {"cfg_zero 1.5": "cfg 1.5", "cfg_zero 3": "cfg 3"}
    contrast, diversity = found["cfg_zero 3"]["differences"]
    numbers = {
        (str(r["guider"]), r["label"], r["seed"], str(r.get("fork"))): r["metrics"]
        for r in records_of(forks)
        if r["value"] == 3
    }
    pairs = {key[1:] for key in numbers}
    assert (contrast["pairs"], diversity["pairs"]) == (len(pairs), 6) == (18, 6)
    for one, metric in ((contrast, "contrast"), (diversity, "diversity")):
        expected = [numbers["cfg_zero", *key][metric] - numbers["cfg", *key][metric] for key in pairs]
        assert one["mean"] == pytest.approx(sum(expected) / len(expected))


@pytest.mark.parametrize(("words", "pairs"), [("seed", 6), ("label", 3), ("seed,label", 18)])
def test_the_seed_of_a_fork_is_part_of_the_seed(cli, forks: Path, words: str, pairs: int) -> None:
    found = compared(cli, forks, "--matched", "value", "--metric", "contrast", "--paired", words)
    assert found["cfg_zero 3"]["differences"][0]["pairs"] == pairs


def test_forks_are_compared_with_pictures_that_have_none(cli, tmp_path: Path) -> None:
    text = FORKS.replace("fork: {at: 0.5, seeds: 3}", "fork: [none, {at: 0.5, seeds: 3}]").replace("[1.5, 3]", "3")
    run = run_of(text, tmp_path)
    found = compared(cli, run, "--over", "fork", "--baseline", "none", "--metric", "contrast", "--matched", "value")
    assert {name: one["against"] for name, one in found.items()} == {
        "cfg 3, fork 0.5": "cfg 3, fork none",
        "cfg_zero 3, fork 0.5": "cfg_zero 3, fork none",
    }
    assert found["cfg 3, fork 0.5"]["differences"][0]["pairs"] == 6
    assert "have a partner" not in cli("compare", run, "--over", "fork", "--baseline", "none").out


def test_controls_of_forks_are_those_of_their_cell(cli, tmp_path: Path) -> None:
    text = FORKS.replace("cfg, cfg_zero", "cfg, apg").replace("[1.5, 3]", "3") + "compare: {}\n"
    found = compared(cli, run_of(text, tmp_path))
    assert list(found) == ["apg 3"]
    assert found["apg 3"]["differences"][0]["pairs"] == 18


def test_seeds_of_u_turns_are_pictures_of_one_cell(cli, tmp_path: Path) -> None:
    text = FORKS.replace("fork: {at: 0.5, seeds: 3}", "start: {noise: [0, 0.5], seeds: 2}").replace("[1.5, 3]", "3")
    found = compared(cli, run_of(text, tmp_path), "--matched", "value", "--metric", "contrast")
    assert {name: one["differences"][0]["pairs"] for name, one in found.items()} == {
        "cfg_zero 3, start none": 6,
        "cfg_zero 3, start 0.5": 12,
    }


COPIES = """\
name: c
model: digits
label: [1, 2, 3]
seed: [1, 2, 3, 4]
steps: 4
guider: cfg
value: [0, 2]
sampler: [euler, ddim]
metrics: [contrast, adherence]
"""


def test_pairs_of_the_same_two_pictures_count_once(cli, tmp_path: Path) -> None:
    """At scale 0 the label has no effect, so that only seeds tell pairs apart; adherence is different by the label."""
    run = run_of(COPIES, tmp_path)
    words = ["--over", "sampler", "--matched", "value"]
    found = compared(cli, run, *words)
    (name,) = [name for name in found if name.startswith("cfg 0")]
    (other,) = [name for name in found if name.startswith("cfg 2")]
    assert [(found[one]["pairs"], found[one]["distinct"]) for one in (name, other)] == [(12, 4), (12, 12)]
    assert {one["metric"]: one["pairs"] for one in found[name]["differences"]} == {"contrast": 4, "adherence": 4}
    assert {one["pairs"] for one in found[other]["differences"]} == {12}
    numbers = {(r["sampler"], r["label"], r["seed"]): r["metrics"] for r in records_of(run) if r["value"] == 0}
    samplers = ("ddim", "euler") if "ddim" in name else ("euler", "ddim")
    own, match = ([numbers[one, label, seed] for label in (1, 2, 3) for seed in (1, 2, 3, 4)] for one in samplers)
    for each in found[name]["differences"]:
        expected = [a[each["metric"]] - b[each["metric"]] for a, b in zip(own, match, strict=True)]
        assert each["mean"] == pytest.approx(sum(expected) / len(expected))
    lines = cli("compare", run, *words).out.splitlines()
    told = [line for line in lines if "different ones" in line]
    assert told == [f"{name}: its 12 pairs of pictures are 4 different ones, each of which counts once"]


def test_metrics_that_pairs_leave_out_are_told(cli, forks: Path) -> None:
    """Paired by the seed alone, diversity has one number for each of two seeds."""
    words = ["--matched", "value", "--paired", "seed"]
    found = compared(cli, forks, *words)["cfg_zero 3"]
    assert ([one["metric"] for one in found["differences"]], found["too_few_pairs"]) == (["contrast"], {"diversity": 2})
    told = "diversity: not compared, 2 pairs where 3 are needed; it is one number of all seeds together"
    assert told in cli("compare", forks, *words).out.splitlines()
