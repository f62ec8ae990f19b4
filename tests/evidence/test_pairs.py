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
seed: [1, 2, 3]
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
    assert (len(pairs), found["cfg_zero 3"]["pairs"]) == (27, 27)
    assert (contrast["pairs"], diversity["pairs"]) == (9, 9)
    for one, metric in ((contrast, "contrast"), (diversity, "diversity")):
        expected = [numbers["cfg_zero", *key][metric] - numbers["cfg", *key][metric] for key in pairs]
        assert one["mean"] == pytest.approx(sum(expected) / len(expected))


@pytest.mark.parametrize(("words", "pairs"), [("seed", 3), ("label", 3), ("seed,label", 9)])
def test_forks_of_one_seed_are_one_observation(cli, forks: Path, words: str, pairs: int) -> None:
    """They have the steps before the fork in common, so that they are not independent."""
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
    assert found["cfg 3, fork 0.5"]["differences"][0]["pairs"] == 9
    assert "have a partner" not in cli("compare", run, "--over", "fork", "--baseline", "none").out
    rated = cli("rate", run, "--cell", "cfg 3, fork none", "--cell", "cfg 3, fork 0.5", "--pairs", 20)
    assert (rated.code, rated.err) == (0, "")
    assert ": 10 pairs, 1 of them an earlier one again" in rated.out  # one for each of the seeds and labels


def test_controls_of_forks_are_those_of_their_cell(cli, tmp_path: Path) -> None:
    text = FORKS.replace("cfg, cfg_zero", "cfg, apg").replace("[1.5, 3]", "3") + "compare: {}\n"
    found = compared(cli, run_of(text, tmp_path))
    assert list(found) == ["apg 3"]
    assert (found["apg 3"]["pairs"], found["apg 3"]["differences"][0]["pairs"]) == (27, 9)


def test_seeds_of_u_turns_are_pictures_of_one_cell(cli, tmp_path: Path) -> None:
    text = FORKS.replace("fork: {at: 0.5, seeds: 3}", "start: {noise: [0, 0.5], seeds: 2}").replace("[1.5, 3]", "3")
    found = compared(cli, run_of(text, tmp_path), "--matched", "value", "--metric", "contrast")
    assert {name: one["differences"][0]["pairs"] for name, one in found.items()} == {
        "cfg_zero 3, start none": 9,
        "cfg_zero 3, start 0.5": 9,
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
    told = [line for line in lines if "in common" in line]
    assert told == [
        f"{name}: its 12 pairs of pictures count as 4 at most, since those with a picture in common count as one"
    ]

    # against pictures that all differ, copies are there on one side alone
    found = compared(cli, run, "--over", "value", "--baseline", "0")["cfg 2, euler"]
    assert (found["pairs"], found["distinct"]) == (12, 4)
    assert {one["metric"]: one["pairs"] for one in found["differences"]} == {"contrast": 4, "adherence": 4}


EQUAL = """\
name: e
model: digits
label: [1, 2, 3]
seed: 1
steps: 2
guider: [cfg, cfg_zero]
value: 1
metrics: [contrast]
"""


def test_of_equal_pictures_a_number_does_not_differ(cli, tmp_path: Path) -> None:
    """At a scale of 1 both guiders take the prediction for the label alone. A network may round in another way."""
    run = run_of(EQUAL, tmp_path)
    records = records_of(run)
    for record in records:
        record["metrics"]["contrast"] += 1e-9 * (record["guider"] == "cfg_zero")
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (one,) = compared(cli, run, "--matched", "value")["cfg_zero 1"]["differences"]
    assert (one["mean"], one["verdict"]) == (0, "equal")
