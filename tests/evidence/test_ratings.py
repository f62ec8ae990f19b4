"""`cfgsweep rate` and `cfgsweep compare --ratings`: which pairs are shown, and what answers to them say."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from scipy import stats

from tests.support.run_state import records_of, run_of

SWEEP = """\
name: c
model: digits
label: [1, 2, 3, 4]
seed: [1, 2, 3, 4, 5]
steps: 3
guider: [cfg, cfg_zero, apg]
value: [1.5, 3]
"""
SIDES = ("left", "right")
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>')


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("rate"))


def rate(cli, run: Path, *words: object) -> dict[str, Any]:
    """The key of a page that is written."""
    done = cli("rate", run, *words)
    assert done.code == 0, done.err
    page = page_data(run)
    assert done.out.endswith(f"--ratings answers-{page['id']}.json\n")
    return json.loads((run / f"rate/key-{page['id']}.json").read_text())


def page_data(run: Path) -> dict[str, Any]:
    (found,) = DATA.findall((run / "rate/index.html").read_text())
    return json.loads(found)


def save(folder: Path, key: dict[str, Any], answer: Callable[[dict, dict], str], rater: str = "") -> Path:
    """Answers as the page saves them. answer: by the cells on the left and on the right."""
    cells = key["cells"]
    answers = {pair["id"]: answer(cells[pair["left"]], cells[pair["right"]]) for pair in key["pairs"]}
    path = folder / f"answers{rater}.json"
    path.write_text(json.dumps({"cfgsweep_ratings": 1, "page": key["page"], "rater": rater, "answers": answers}))
    return path


def test_pairs_are_matched_and_balanced(cli, run: Path) -> None:
    key = rate(cli, run, "--matched", "value", "--pairs", 50)
    records = {record["id"]: record for record in records_of(run)}
    pairs = [pair for pair in key["pairs"] if pair["repeats"] is None]
    assert (len(key["pairs"]), len(pairs)) == (50, 45)
    seen: dict[str, Counter] = {"comparison": Counter(), "label": Counter(), "side": Counter()}
    for pair in pairs:
        left, right = records[pair["left_picture"]], records[pair["right_picture"]]
        assert all(left[name] == right[name] for name in ("seed", "label", "value"))
        other, side = (right, "left") if left["guider"] == "cfg" else (left, "right")
        assert [left["guider"], right["guider"]].count("cfg") == 1
        comparison = f"{other['guider']} {other['value']}"
        seen["comparison"][comparison] += 1
        seen["label"][other["label"]] += 1
        seen["side"][comparison, side] += 1
    assert max(seen["comparison"].values()) - min(seen["comparison"].values()) <= 1
    assert max(seen["label"].values()) - min(seen["label"].values()) <= 2
    for comparison in seen["comparison"]:
        assert abs(seen["side"][comparison, "left"] - seen["side"][comparison, "right"]) <= 1
    assert len({frozenset((pair["left_picture"], pair["right_picture"])) for pair in pairs}) == 45


def test_repeated_pairs_come_later_with_their_sides_swapped(cli, run: Path) -> None:
    key = rate(cli, run, "--matched", "value", "--pairs", 50)
    place = {pair["id"]: number for number, pair in enumerate(key["pairs"])}
    again = [pair for pair in key["pairs"] if pair["repeats"]]
    assert len(again) == 5
    for pair in again:
        first = key["pairs"][place[pair["repeats"]]]
        assert place[first["id"]] < 25 > place[first["id"]] - place[pair["id"]]
        assert place[pair["id"]] >= 22
        assert (pair["left_picture"], pair["right_picture"]) == (first["right_picture"], first["left_picture"])


def test_a_seed_gives_one_page(cli, run: Path) -> None:
    def page(seed: int) -> str:
        rate(cli, run, "--matched", "value", "--pairs", 20, "--seed", seed)
        return (run / "rate/index.html").read_text()

    assert page(1) == page(1) != page(2)


def test_the_page_tells_no_names(cli, run: Path) -> None:
    """Neither guiders nor ids of pictures are in it, nor in its pictures, which have the pixels of the run's."""
    key = rate(cli, run, "--matched", "value", "--pairs", 30)
    text, data = (run / "rate/index.html").read_text(), page_data(run)
    told = {"cfg_zero", "apg", *(record["id"] for record in records_of(run))}
    assert not [word for word in told if word in text]
    order = {p[f"{side}_picture"]: d[side] for d, p in zip(data["pairs"], key["pairs"], strict=True) for side in SIDES}
    assert sorted(order) != sorted(order, key=order.__getitem__)
    for shown, pair in zip(data["pairs"], key["pairs"], strict=True):
        for side in SIDES:
            inside = base64.b64decode(data["pictures"][shown[side]])
            with (
                Image.open(io.BytesIO(inside)) as picture,
                Image.open(run / f"images/{pair[f'{side}_picture']}.png") as own,
            ):
                assert not picture.info
                assert picture.convert("RGB").tobytes() == own.convert("RGB").tobytes()


def test_cells_can_be_chosen(cli, run: Path) -> None:
    key = rate(cli, run, "--cell", "cfg 1.5", "--cell", "cfg 3", "--cell", "apg 3", "--pairs", 30)
    assert {cell["name"] for cell in key["cells"]} == {"cfg 1.5", "cfg 3", "apg 3"}
    shown = Counter(frozenset((pair["left"], pair["right"])) for pair in key["pairs"] if not pair["repeats"])
    assert set(shown.values()) == {9}


def test_equal_pictures_are_not_shown(cli, tmp_path: Path) -> None:
    """At a scale of 1 both guiders take the prediction for the label alone."""
    text = SWEEP.replace("[1, 2, 3, 4, 5]", "[1, 2]").replace(", apg", "").replace("[1.5, 3]", "[1, 3]")
    key = rate(cli, run_of(text, tmp_path), "--matched", "value")
    assert {cell["name"] for cell in key["cells"]} == {"cfg 3", "cfg_zero 3"}
    assert len([pair for pair in key["pairs"] if not pair["repeats"]]) == 8


def test_answers_become_win_rates_and_strengths(cli, run: Path, tmp_path: Path) -> None:
    """One person always prefers apg, has no opinion of cfg_zero, and is as the key says on both sides."""
    key = rate(cli, run, "--matched", "value", "--pairs", 60)

    def answer(left: dict, right: dict) -> str:
        guiders = [left["guider"], right["guider"]]
        return "tie" if "cfg_zero" in guiders else ("left", "right")[guiders.index("apg")]

    done = cli("compare", run, "--ratings", save(tmp_path, key, answer, "Ann"), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    by_item = {one["item"]: one for one in found["preferences"]}
    apg, zero = by_item["apg"], by_item["cfg_zero"]
    pairs = len({frozenset((p["left_picture"], p["right_picture"])) for p in key["pairs"]})
    assert apg["pairs"] + zero["pairs"] == pairs
    interval = stats.binomtest(apg["pairs"], apg["pairs"]).proportion_ci(method="wilson")
    assert (apg["wins"], apg["wins_low"], apg["wins_high"]) == pytest.approx((1, interval.low, interval.high))
    assert (apg["verdict"], apg["against"], zero["verdict"]) == ("preferred", "cfg", "not shown")
    assert (apg["p_corrected"], zero["p_corrected"]) == (pytest.approx(2 * apg["p"]), 1)
    strengths = {one["item"]: one for one in found["strengths"]}
    assert strengths["apg"]["low"] > 0 == strengths["cfg"]["strength"]
    assert strengths["cfg_zero"]["low"] < 0 < strengths["cfg_zero"]["high"]
    (rater,) = found["raters"]
    repeated = sum(pair["repeats"] is not None for pair in key["pairs"])
    assert (rater["rater"], rater["answers"], rater["same"], rater["repeated"]) == ("Ann", 60, repeated, repeated)


def test_one_side_always_is_told(cli, run: Path, tmp_path: Path) -> None:
    """Repeated pairs then have the opposite answer, and nothing is preferred."""
    key = rate(cli, run, "--matched", "value", "--pairs", 60)
    path = save(tmp_path, key, lambda left, right: "left")
    (rater,) = json.loads(cli("compare", run, "--ratings", path, "--json").out)["raters"]
    assert (rater["left"], rater["same"], rater["ties"]) == (60, 0, 0)
    told = cli("compare", run, "--ratings", path).out
    assert "one side more often than chance" in told
    assert "not shown" in told


def test_several_people_count_each_pair_once(cli, run: Path, tmp_path: Path) -> None:
    """Two who contradict each other everywhere are a tie in as many pairs."""
    key = rate(cli, run, "--matched", "value", "--pairs", 40)
    left = save(tmp_path, key, lambda left, right: "left", "a")
    right = save(tmp_path, key, lambda left, right: "right", "b")
    found = json.loads(cli("compare", run, "--ratings", left, right, "--json").out)
    assert [one["wins"] for one in found["preferences"]] == [0.5, 0.5]
    assert sum(one["pairs"] for one in found["preferences"]) == 36
    assert [one["rater"] for one in found["raters"]] == ["a", "b"]


def test_answers_that_are_there_twice_are_refused(cli, run: Path, tmp_path: Path) -> None:
    """Also where a file was saved before the last answer, and where a pair has two answers in one file."""
    key = rate(cli, run, "--matched", "value", "--pairs", 20)
    path = save(tmp_path, key, lambda left, right: "left", "a")
    given = json.loads(path.read_text())
    last = list(given["answers"])[-1]
    before, other = tmp_path / "before.json", tmp_path / "other.json"
    before.write_text(json.dumps({**given, "answers": {k: v for k, v in given["answers"].items() if k != last}}))
    for files in ([before, path], [path, before]):
        done = cli("compare", run, "--ratings", *files)
        assert (done.code, f"{files[1].name}: the same answers twice" in done.err) == (2, True)
    other.write_text(before.read_text().replace('"rater": "a"', '"rater": "b"'))
    assert cli("compare", run, "--ratings", path, other).code == 0
    other.write_text(path.read_text().replace(f'"{last}": "left"', f'"{last}": "left", "{last}": "right"'))
    done = cli("compare", run, "--ratings", other)
    assert (done.code, "other.json: a key twice" in done.err, last in done.err) == (2, True, True)


def test_cells_are_told_apart_when_asked(cli, run: Path, tmp_path: Path) -> None:
    key = rate(cli, run, "--matched", "value", "--pairs", 40)
    path = save(tmp_path, key, lambda left, right: "tie")
    found = json.loads(cli("compare", run, "--ratings", path, "--by-cell", "--json").out)
    assert {(one["item"], one["against"]) for one in found["preferences"]} == {
        (f"{guider} {value}", f"cfg {value}") for guider in ("apg", "cfg_zero") for value in ("1.5", "3")
    }
    assert {one["group"] for one in found["strengths"]} == {0, 1}


def test_verify_knows_the_files(cli, run: Path, tmp_path: Path) -> None:
    key = rate(cli, run, "--matched", "value")
    save(run / "rate", key, lambda left, right: "tie")
    assert cli("verify", run).code == 0
    page, name = run / "rate/index.html", f"rate/key-{key['page']}.json"
    before = {path: path.read_bytes() for path in (page, run / name, run / "rate/answers.json")}
    for path, content in before.items():
        path.write_bytes(content[: len(content) // 2])
        done = cli("verify", run)
        assert done.code == 1
        assert f"{path.relative_to(run)}: no whole" in done.out
        path.write_bytes(content)
    (run / "rate/notes.txt").write_text("mine")
    assert "rate/notes.txt: not of this run" in cli("verify", run).out
    (run / "rate/notes.txt").unlink()


def test_a_page_of_the_users_is_kept(cli, run: Path) -> None:
    page = run / "rate/index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("<!doctype html>mine</html>")
    assert cli("rate", run, "--matched", "value").code == 0
    assert (run / "rate/index.before.html").read_text() == "<!doctype html>mine</html>"
    (run / "rate/index.before.html").unlink()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cell", "cfg 1.5"], ["--cell", "two or more"]),
        (["--cell", "cfg 1.5", "--cell", "agp 3"], ["agp 3", "did you mean 'apg 3'"]),
        (["--baseline", "cgf"], ["cgf", "did you mean 'cfg'"]),
        (["--matched", "scale"], ["scale", "effective_scale"]),
        (["--pairs", "1"], ["--pairs", "2 to 2000"]),
        (["--where", "guider=cfg"], ["--baseline"]),
        (["--where", "seed=9"], ["--where"]),
    ],
)
def test_wrong_words_are_refused(cli, run: Path, words: list[str], told: list[str]) -> None:
    done = cli("rate", run, *words)
    assert done.code == 2
    assert all(part in done.err for part in told)


GOOD = {"cfgsweep_ratings": 1, "rater": "", "answers": {}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"[1, 2", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"null", "damaged"),
        (json.dumps({**GOOD, "page": "../../etc"}).encode(), "page"),
        (json.dumps({**GOOD, "page": "0" * 16}).encode(), "not of a page of this run"),
        (json.dumps({**GOOD, "page": "PAGE", "answers": {"0" * 8: "left"}}).encode(), "does not have"),
        (json.dumps({**GOOD, "page": "PAGE", "answers": {"PAIR": "both"}}).encode(), "answers"),
        (json.dumps({**GOOD, "page": "PAGE"}).encode(), "no answers in it"),
        (json.dumps({**GOOD, "page": "PAGE", "cfgsweep_ratings": 2}).encode(), "cfgsweep_ratings"),
        (b" " * (2**24 + 1), "too long"),
    ],
)
def test_foreign_and_damaged_answers_are_refused(cli, run: Path, tmp_path: Path, content: bytes, told: str) -> None:
    key = rate(cli, run, "--matched", "value", "--pairs", 10)
    path = tmp_path / "a.json"
    path.write_bytes(content.replace(b"PAGE", key["page"].encode()).replace(b"PAIR", key["pairs"][0]["id"].encode()))
    done = cli("compare", run, "--ratings", path)
    assert done.code == 2
    assert "a.json" in done.err
    assert told in done.err


def test_a_missing_file_a_file_twice_and_a_file_alone_are_refused(cli, run: Path, tmp_path: Path) -> None:
    key = rate(cli, run, "--matched", "value", "--pairs", 10)
    path = save(tmp_path, key, lambda left, right: "tie")
    for words, told in [
        (["--ratings", tmp_path / "none.json"], "no such file"),
        (["--ratings", path, path], "twice"),
        ([path], "--ratings"),
    ]:
        done = cli("compare", run, *words)
        assert (done.code, told in done.err) == (2, True), done.err


def test_a_damaged_picture_is_not_shown(cli, tmp_path: Path) -> None:
    run = run_of(SWEEP.replace("[1, 2, 3, 4]", "1").replace("[1, 2, 3, 4, 5]", "[1, 2]"), tmp_path)
    broken = next(record for record in records_of(run) if record["guider"] == "apg")
    (run / broken["image"]).write_bytes(b"")
    done = cli("rate", run, "--matched", "value")
    assert done.code == 2
    assert broken["image"] in done.err
