"""`cfgsweep compare --split`: settings are chosen by one half of the prompts alone, and judged by the other alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cfgsweep.evidence.cells import Cell, Draw
from cfgsweep.evidence.split import Halves
from tests.support.planned_experiments import experiment
from tests.support.run_state import records_of, run_of

SWEEP = """\
name: c
model: digits
label: [0, 1, 2, 3, 4, 5, 6]
seed: [1, 2]
steps: 2
guider: [cfg, {cfg: {guidance_rescale: [0.3, 0.7]}}, cfg_zero]
value: [1.5, 3]
metrics: [contrast, saturation, diversity]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("split"))


def plant(run: Path, number: Callable[[dict[str, Any]], float]) -> None:
    """Writes a saturation into every record."""
    records = records_of(run)
    for record in records:
        record["metrics"]["saturation"] = number(record)
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def split(cli, run: Path, *words: object) -> dict[str, Any]:
    done = cli("compare", run, "--split", "--choose", "saturation", "--matched", "value", "--json", *words)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_each_half_is_for_its_own_purpose(cli, run: Path) -> None:
    """What is best on the first half is worst on the other: the choice does not know that, and the judgement does."""
    plant(run, lambda record: 0.0)
    halves = split(cli, run)["split"]
    assert (len(halves["choose"]), len(halves["judge"])) == (3, 4)
    assert sorted(halves["choose"] + halves["judge"]) == list(range(7))

    def number(record: dict[str, Any]) -> float:
        good = record["guider"] == "cfg_zero" and record["value"] == 3
        return (1.0 if record["label"] in halves["choose"] else -1.0) * good + 0.001 * record["seed"]

    plant(run, number)
    found = split(cli, run, "--metric", "saturation")
    chosen = {one["guider"]: one for one in found["chosen"]}
    assert chosen["cfg_zero"]["cell"] == "cfg_zero 3"
    assert chosen["cfg_zero"]["number"] == pytest.approx(1.0015)
    (against,) = [one for one in found["comparisons"] if one["cell"] == "cfg_zero 3" and one["against"] == "cfg 3"]
    (difference,) = against["differences"]
    assert (difference["mean"], difference["pairs"], difference["verdict"]) == (pytest.approx(-1), 8, "lower")


def test_parameters_and_values_are_chosen_and_compared_with_the_baselines_choice_and_the_match(cli, run: Path) -> None:
    best = {("cfg", 1.5): 3, ("cfg_zero", 3.0): 2, ("0.7", 3.0): 1}

    def number(record: dict[str, Any]) -> float:
        guider = (
            record["guider"] if isinstance(record["guider"], str) else str(record["guider"]["cfg"]["guidance_rescale"])
        )
        return best.get((guider, record["value"]), 0) + 0.01 * record["label"]

    plant(run, number)
    found = split(cli, run, "--metric", "contrast")
    assert {one["guider"]: (one["cell"], one["cells"], one["equal"]) for one in found["chosen"]} == {
        "cfg": ("cfg 1.5", 2, 0),
        "cfg, other settings": ("cfg guidance_rescale=0.7 3", 4, 0),
        "cfg_zero": ("cfg_zero 3", 2, 0),
    }
    compared = {(one["cell"], one["against"]) for one in found["comparisons"]}
    assert compared == {
        (cell, against) for cell in ("cfg guidance_rescale=0.7 3", "cfg_zero 3") for against in ("cfg 1.5", "cfg 3")
    }
    for one in found["comparisons"]:
        for difference in one["differences"]:
            numbers = [of_pair(run, name, found["split"]["judge"]) for name in (one["cell"], one["against"])]
            assert difference["mean"] == pytest.approx(np.mean(numbers[0]) - np.mean(numbers[1]))


def of_pair(run: Path, cell: str, labels: list[int]) -> list[float]:
    """The contrast of a cell's pictures of these labels."""
    guider, _, value = cell.rpartition(" ")
    wanted = {"cfg guidance_rescale=0.7": {"cfg": {"guidance_rescale": 0.7}}}.get(guider, guider)
    return [
        record["metrics"]["contrast"]
        for record in records_of(run)
        if record["guider"] == wanted and record["value"] == float(value) and record["label"] in labels
    ]


def test_pairs_of_labels_count_each_label_once(cli, run: Path) -> None:
    """By chance of labels alone, with nothing gained: of 4 labels no difference can be shown."""
    noise = np.random.default_rng(2).normal(size=7)

    def number(record: dict[str, Any]) -> float:
        return noise[record["label"]] * (record["guider"] == "cfg_zero") + 1e-3 * record["seed"]

    plant(run, number)
    words = ("--metric", "saturation")
    of_all, of_labels = (
        [
            one["differences"][0]
            for one in split(cli, run, *words, *more)["comparisons"]
            if one["cell"][:8] == "cfg_zero"
        ]
        for more in ((), ("--paired", "label"))
    )
    assert [one["pairs"] for one in of_all] == [8] * len(of_all)
    assert [one["pairs"] for one in of_labels] == [4] * len(of_labels)
    assert [one["mean"] for one in of_labels] == pytest.approx([one["mean"] for one in of_all])
    assert all(one["p"] >= 2 / 2**4 for one in of_labels)


def test_the_lowest_can_be_chosen_and_what_is_as_good_is_told(cli, run: Path) -> None:
    plant(run, lambda record: float(record["value"] == 3))
    low, high = (
        {one["guider"]: (one["cell"], one["equal"]) for one in split(cli, run, *words)["chosen"]}
        for words in (["--lower"], [])
    )
    assert (low["cfg_zero"], high["cfg_zero"]) == (("cfg_zero 1.5", 0), ("cfg_zero 3", 0))
    assert low["cfg, other settings"] == ("cfg guidance_rescale=0.3 1.5", 1)
    told = cli("compare", run, "--split", "--choose", "saturation", "--lower", "--matched", "value").out
    assert told.startswith("settings are chosen by the lowest saturation on 3 labels, and judged on the other 4 labels")
    assert "1 more as good" in told


def test_what_is_matched_is_not_judged_and_failures_are_told(cli, run: Path, tmp_path: Path) -> None:
    plant(run, lambda record: record["value"] + 0.01 * record["label"])
    found = split(cli, run, "--matched", "contrast")
    judged = {each["metric"] for one in found["comparisons"] for each in one["differences"]}
    assert judged == {"saturation", "diversity"}
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    made = ("image", "metrics", "pixels_sha256", "effective_scale", "off_direction")
    first, *others = records_of(copy)
    failed = {key: value for key, value in first.items() if key not in made}
    lines = [{**failed, "status": "failed", "reason": "the picture was not finite"}, *others]
    (copy / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in lines))
    told = cli("compare", copy, "--split", "--choose", "saturation", "--matched", "value").out
    assert "1 picture of this run failed" in told


def test_halves_follow_from_the_seed(cli, run: Path) -> None:
    plant(run, lambda record: record["value"])
    halves = [split(cli, run, "--seed", seed)["split"] for seed in (0, 0, 1, 2, 3)]
    assert halves[0] == halves[1]
    assert any(half != halves[0] for half in halves[2:])


def test_forks_of_one_seed_are_in_one_half() -> None:
    """They have their first steps in common: a choice on some of them would know the others."""
    records: dict[Any, Any] = {(Draw(seed, fork, None), 1, None): None for seed in range(4) for fork in range(3)}
    cell = Cell(experiment(), records)
    halves = Halves.of([cell], 0)
    assert sorted([*halves.choose, *halves.judge]) == [0, 1, 2, 3]
    parts = [{pair[0].seed for pair in halves.part(cell, half).records} for half in (halves.choose, halves.judge)]
    assert parts == [set(halves.choose), set(halves.judge)]


def test_of_one_label_the_seeds_are_halved(cli, tmp_path: Path) -> None:
    """And numbers of all seeds together are not judged."""
    text = SWEEP.replace("[0, 1, 2, 3, 4, 5, 6]", "1").replace("[1, 2]", "[1, 2, 3, 4, 5, 6]")
    run = run_of(text.replace("steps: 2", "steps: 1"), tmp_path)
    found = split(cli, run)
    assert found["split"]["unit"] == "seed"
    assert (len(found["split"]["choose"]), len(found["split"]["judge"])) == (3, 3)
    judged = {each["metric"] for one in found["comparisons"] for each in one["differences"]}
    assert judged == {"contrast", "saturation"}
    done = cli("compare", run, "--split", "--choose", "diversity", "--matched", "value")
    assert (done.code, "all seeds together" in done.err) == (2, True)


def test_a_number_of_a_whole_cell_is_not_chosen_by(cli, run: Path) -> None:
    """It would know the other half."""
    records = records_of(run)
    for record in records:
        record["metrics"]["fid"] = record["value"]
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    done = cli("compare", run, "--split", "--choose", "fid", "--matched", "value")
    assert (done.code, "all pictures of a cell" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--split"], ["--choose METRIC"]),
        (["--choose", "contrast"], ["--choose", "--split"]),
        (["--plot", "contrast,diversity", "--lower"], ["--lower", "--split"]),
        (["--ratings", "a.json", "--where", "seed=1"], ["--where"]),
        (["--split", "--choose", "contrast", "--over", "sampler"], ["--over"]),
        (["--split", "--choose", "contrasts"], ["contrasts", "did you mean 'contrast'"]),
        (["--split", "--choose", "contrast", "--where", "label=1", "--where", "seed=1"], ["no halves"]),
        (["--split", "--choose", "contrast", "--baseline", "cgf"], ["did you mean 'cfg'"]),
    ],
)
def test_wrong_words_are_refused(cli, run: Path, words: list[str], told: list[str]) -> None:
    done = cli("compare", run, *words)
    assert done.code == 2
    assert all(part in done.err for part in told)
