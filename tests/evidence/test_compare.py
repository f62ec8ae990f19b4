"""`cfgsweep compare`: guiders against plain guidance of the same effective scale."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cfgsweep
from cfgsweep.evidence.cells import Cell
from cfgsweep.evidence.comparison import Comparison, Comparisons, Difference, with_corrected_p
from cfgsweep.evidence.statistics import Paired
from cfgsweep.evidence.verdicts import sentences
from tests.support.planned_experiments import experiment
from tests.support.run_state import records_of, run_of

SWEEP = """\
name: c
model: digits
label: [1, 2, 3]
seed: [1, 2]
steps: 3
guider: [cfg, cfg_zero, {cfg: {guidance_rescale: 0.7}}]
value: [1.5, 3]
metrics: [contrast, diversity]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("compare"))


def comparisons(cli, run: Path, *words: str) -> dict[str, dict[str, Any]]:
    done = cli("compare", run, "--json", *words)
    assert done.code == 0, done.err
    return {one["cell"]: one for one in json.loads(done.out)["comparisons"]}


def test_differences_are_those_of_the_records(cli, run: Path) -> None:
    found = comparisons(cli, run, "--matched", "value")
    assert found.keys() == {
        f"{guider} {value}" for guider in ("cfg_zero", "cfg guidance_rescale=0.7") for value in ("1.5", "3")
    }
    records = records_of(run)

    def numbers(guider: object, metric: str, value: float) -> np.ndarray:
        alike = [r for r in records if r["guider"] == guider and r["value"] == value]
        return np.array([r["metrics"][metric] for r in sorted(alike, key=lambda r: (r["label"], r["seed"]))])

    for value in (1.5, 3):
        one = found[f"cfg_zero {value}"]
        assert one["against"] == f"cfg {value}"
        contrast, diversity = one["differences"]
        pairs = numbers("cfg_zero", "contrast", value) - numbers("cfg", "contrast", value)
        assert (contrast["pairs"], contrast["mean"]) == (6, pytest.approx(pairs.mean()))
        groups = (numbers("cfg_zero", "diversity", value) - numbers("cfg", "diversity", value))[::2]
        assert (diversity["pairs"], diversity["mean"]) == (3, pytest.approx(groups.mean()))


def test_pictures_that_failed_are_told(cli, run: Path, tmp_path: Path) -> None:
    """Also where all of a cell did, of which nothing else would tell."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert "run failed" not in cli("compare", copy).out
    made = ("image", "metrics", "pixels_sha256", "effective_scale", "off_direction")
    records = [
        {**{k: v for k, v in r.items() if k not in made}, "status": "failed", "reason": "the picture was not finite"}
        if (r["guider"], r["value"]) == ("cfg_zero", 3)
        else r
        for r in records_of(run)
    ]
    (copy / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    told = cli("compare", copy, "--matched", "value").out
    assert "cfg_zero 3" not in told
    assert "6 pictures of this run failed, and can be in no comparison" in told


def test_cells_are_matched_by_their_effective_scale(cli, run: Path) -> None:
    found = comparisons(cli, run)
    assert found["cfg_zero 3"]["against"] == "cfg 3"
    weak = found["cfg guidance_rescale=0.7 3"]
    scales = [r["effective_scale"] for r in records_of(run) if r["value"] == 3 and "rescale" in str(r["guider"])]
    assert weak["effective_scale"] == pytest.approx(np.mean(scales))
    assert weak["differences"] == []
    assert f"{np.mean(scales):.4g}" in weak["problem"]


def test_what_is_asked_for_is_matched_then(cli, run: Path, tmp_path: Path) -> None:
    """The command that the comparison tells last makes the cells comparable."""
    run = Path(shutil.copytree(run, tmp_path / "r"))
    told = cli("compare", run).out.splitlines()[-1]
    assert told.startswith("to add what cfg lacks: cfgsweep run ")
    assert cli(*shlex.split(told.removeprefix("to add what cfg lacks: cfgsweep ")), "--quiet").code == 0
    assert "lacks" not in cli("compare", run).out
    found = comparisons(cli, run)["cfg guidance_rescale=0.7 3"]
    assert found["against"] == f"cfg {found['effective_scale']:.4g}"
    assert [one["metric"] for one in found["differences"]] == ["contrast", "diversity"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--baseline", "cgf"], ["cgf", "did you mean 'cfg'"]),
        (["--metric", "contrasts"], ["contrasts", "did you mean 'contrast'"]),
        (["--matched", "scale"], ["scale", "effective_scale"]),
        (["--where", "guider=cfg_zero"], ["--baseline", "cfg", "compare: {}"]),
        (["--paired", "prompt"], ["the same prompt", "allowed: seed, label"]),
        (["--matched", "contrast", "--metric", "contrast"], ["--metric", "equal by choice"]),
        (["--choose", "contrast"], ["--choose: it has no effect without --split"]),
        (["--plot", "contrast,diversity", "--metric", "contrast"], ["--metric: it has no effect together with --plot"]),
    ],
)
def test_wrong_words_are_refused(cli, run: Path, words: list[str], told: list[str]) -> None:
    done = cli("compare", run, *words)
    assert done.code == 2
    assert all(part in done.err for part in told)


def test_a_run_without_metrics_says_what_to_do(cli, sweep_file, tmp_path: Path) -> None:
    text = SWEEP.replace("metrics: [contrast, diversity]\n", "").replace("[1, 2, 3]", "1")
    assert cli("run", sweep_file(text), "--out", tmp_path / "r", "--quiet").code == 0
    done = cli("compare", tmp_path / "r")
    assert done.code == 2
    assert "measured nothing" in done.err


OVER_SAMPLERS = """\
name: s
model: digits
label: [1, 2, 3]
seed: [1, 2]
steps: 3
sampler: [euler, ddim]
guider: [cfg, cfg_zero]
value: 3
metrics: [contrast]
"""


def test_another_setting_is_compared(cli, sweep_file, tmp_path: Path) -> None:
    assert cli("run", sweep_file(OVER_SAMPLERS), "--out", tmp_path / "r", "--quiet").code == 0
    found = comparisons(cli, tmp_path / "r", "--over", "sampler")
    assert {name: one["against"] for name, one in found.items()} == {
        "cfg 3, ddim": "cfg 3, euler",
        "cfg_zero 3, ddim": "cfg_zero 3, euler",
    }
    found = comparisons(cli, tmp_path / "r", "--over", "sampler", "--baseline", "ddim", "--matched", "value")
    assert found["cfg 3, euler"]["against"] == "cfg 3, ddim"


OVER_STYLES = """\
name: v
model: emoji
prompt: "{style} of {animal}"
vars: {style: [oil, ink, chalk], animal: [a cat, a dog, a fox]}
seed: [1, 2]
steps: 2
guider: cfg
value: 3
metrics: [contrast]
"""


def test_variables_of_prompts_are_compared_in_prompts_that_are_alike_but_for_them(
    cli, sweep_file, tmp_path: Path
) -> None:
    assert cli("run", sweep_file(OVER_STYLES), "--out", tmp_path / "r", "--quiet").code == 0
    found = comparisons(cli, tmp_path / "r", "--over", "style", "--baseline", "ink")
    assert {name: one["against"] for name, one in found.items()} == {
        "cfg 3, style oil": "cfg 3, style ink",
        "cfg 3, style chalk": "cfg 3, style ink",
    }
    contrast = {(r["prompt"], r["seed"]): r["metrics"]["contrast"] for r in records_of(tmp_path / "r")}
    animals = [(animal, seed) for animal in ("a cat", "a dog", "a fox") for seed in (1, 2)]
    expected = [contrast[f"oil of {animal}", seed] - contrast[f"ink of {animal}", seed] for animal, seed in animals]
    (difference,) = found["cfg 3, style oil"]["differences"]
    assert (difference["pairs"], difference["mean"]) == (6, pytest.approx(np.mean(expected)))
    refused = cli("compare", tmp_path / "r", "--over", "styel")
    assert (refused.code, "did you mean 'style'?" in refused.err) == (2, True)


def test_pictures_that_have_less_in_common_count_as_one(cli, run: Path) -> None:
    each = comparisons(cli, run, "--matched", "value")["cfg_zero 3"]["differences"][0]
    by_label = comparisons(cli, run, "--matched", "value", "--paired", "label")["cfg_zero 3"]["differences"][0]
    assert (each["pairs"], by_label["pairs"]) == (6, 3)
    assert by_label["mean"] == pytest.approx(each["mean"])


@pytest.mark.parametrize("words", [["--over", "samplers"], ["--paired", "seeds"], ["--paired", "label,steps"]])
def test_unknown_settings_are_refused(cli, run: Path, words: list[str]) -> None:
    done = cli("compare", run, *words)
    assert done.code == 2
    assert words[0] in done.err


def test_a_schedule_is_compared_with_the_constant_scale(cli, sweep_file, tmp_path: Path) -> None:
    text = SWEEP.replace(
        "guider: [cfg, cfg_zero, {cfg: {guidance_rescale: 0.7}}]", "guider: cfg\nschedule: [constant, cosine]"
    )
    assert cli("run", sweep_file(text), "--out", tmp_path / "r", "--quiet").code == 0
    found = comparisons(cli, tmp_path / "r", "--where", "value>1")
    assert found.keys() == {"cfg cosine 1.5", "cfg cosine 3"}
    assert all("cosine" not in one["against"] for one in found.values())


def test_sentences_do_not_say_of_few_pairs_that_they_show_nothing(run: Path) -> None:
    """Of two values there are 4 differences or more, which 3 pairs, those of diversity, cannot show."""
    found = cfgsweep.compare(run, matched="value")
    for one, sentence in zip(found.found, sentences(found), strict=True):
        verdicts = {each.metric: each.verdict for each in one.differences}
        assert ("too few pairs to show a difference in" in sentence) == ("not shown" in verdicts.values())
        assert "no difference shown" not in sentence
    assert any(
        each.metric == "diversity" and each.verdict == "not shown" for o in found.found for each in o.differences
    )


def test_metrics_that_have_too_few_pairs_are_told(cli, run: Path) -> None:
    """Of two labels with two seeds each, diversity has two numbers."""
    words = ["--matched", "value", "--where", "label<3"]
    found = comparisons(cli, run, *words)["cfg_zero 3"]
    assert ([one["metric"] for one in found["differences"]], found["too_few_pairs"]) == (["contrast"], {"diversity": 2})
    told = "diversity: not compared, 2 pairs where 3 are needed; it is one number of all seeds together"
    assert told in cli("compare", run, *words).out.splitlines()


def compared_alike(p_values: Sequence[float], pairs: Sequence[int]) -> Comparisons:
    """Differences with these p values, before they are corrected, each of so many pairs."""
    cell = Cell(experiment(), {}, "one")
    found = [Paired(n, 0.1, 0.05, 0.15, 1.0, 0.5, 1.0, p) for p, n in zip(p_values, pairs, strict=True)]
    differences = [Difference(f"metric {number}", one) for number, one in enumerate(found)]
    return Comparisons("cfg", "value", with_corrected_p([Comparison(cell, cell, "", differences)]))


def test_few_pairs_can_be_shown_beside_others_that_are_shown() -> None:
    """Holm corrects for those that are not shown yet: here for one, and 6 pairs are enough for a p below 0.05."""
    for p, verdict in ((2**-6, "higher"), (0.06, "not shown")):
        found = compared_alike([1e-6] * 20 + [p], [40] * 20 + [7])
        assert found.found[0].differences[-1].verdict == verdict
        assert not [line for line in found.lines() if "too few pairs" in line]
    alone = compared_alike([0.06] * 21, [40] * 20 + [7])
    (told,) = [line for line in alone.lines() if "too few pairs" in line]
    least = alone.least_pairs_to_show
    assert told.startswith(
        "1 difference has too few pairs to be shown, however large, while the others are as they are"
    )
    shown = compared_alike([0.06] * 20 + [2.0 ** (1 - least)], [40] * 20 + [least])
    missed = compared_alike([0.06] * 20 + [2.0 ** (2 - least)], [40] * 20 + [least - 1])
    verdicts = [each.found[0].differences[-1].verdict for each in (shown, missed)]
    assert verdicts == ["higher", "not shown"]


def test_over_the_value_only_the_other_settings_are_equal(cli, run: Path) -> None:
    found = comparisons(cli, run, "--over", "value", "--baseline", "1.5")
    guiders = ("cfg", "cfg_zero", "cfg guidance_rescale=0.7")
    assert {name: one["against"] for name, one in found.items()} == {f"{one} 3": f"{one} 1.5" for one in guiders}
    assert all(one["problem"] is None and one["differences"] for one in found.values())
    found = comparisons(cli, run, "--over", "value", "--baseline", "1.5", "--matched", "effective_scale")
    assert "nothing is as strong" in found["cfg 3"]["problem"]
