"""`cfgsweep measure`: a finished run gets the numbers that it lacks; metrics with settings; bad input is refused."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

import cfgsweep
from cfgsweep.metrics.base import METRICS
from cfgsweep.metrics.feature_sets import frechet_distance, kernel_distance
from cfgsweep.metrics.features import PixelFeatures
from cfgsweep.metrics.fid import FID
from cfgsweep.reports.metric_calls import LocalMeasurer
from tests.metrics.test_picture_metrics import measured


def records_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]


def pictures_of(run: Path, records: list[dict[str, Any]]) -> list[Image.Image]:
    return [Image.open(run / record["image"]) for record in records]


@pytest.fixture(scope="module")
def fresh_run(labelled: Path, tmp_path_factory) -> Path:
    axes = {"label": [0, 1], "seed": [1, 2, 3], "value": [0, 2]}
    sweep = cfgsweep.Sweep(name="m", model=labelled, steps=2, guider="cfg", metrics=["contrast"], **axes)
    return cfgsweep.run(sweep, out=tmp_path_factory.mktemp("runs") / "r", quiet=True).folder


@pytest.fixture
def run(fresh_run: Path, tmp_path: Path) -> Path:
    """Two cells of six pictures each, with one metric."""
    return Path(shutil.copytree(fresh_run, tmp_path / "r"))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """Seven pictures, in two folders."""
    generator = np.random.default_rng(3)
    for number in range(7):
        place = tmp_path / "data" / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(place / f"{number}.png")
    return tmp_path / "data"


PIXELS = "{fid: {features: pixels}},{kid: {features: pixels}}"


def test_a_finished_run_gets_what_it_lacks(cli, run: Path) -> None:
    before = records_of(run)
    found = cli("measure", run, "--metrics", "entropy,sharpness")
    assert found.code == 0
    assert "12 records changed" in found.out
    head = next(line for line in found.out.splitlines() if line.startswith("value"))
    assert head.split() == ["value", "entropy", "sharpness"]
    after = records_of(run)
    for old, new in zip(before, after, strict=True):
        image = Image.open(run / new["image"])
        expected = {name: measured(name, image) for name in ("entropy", "sharpness")}
        assert new == {**old, "metrics": {**expected, **old["metrics"]}}
    assert "nothing to measure" in cli("measure", run, "--metrics", "entropy").out
    assert records_of(run) == after
    table = cli("table", run, "--csv").out.splitlines()[0].replace('"', "").split(",")
    assert {"contrast", "entropy", "sharpness"} <= set(table)
    assert cli("run", run, "--out", run).code == 0  # the run's own metrics are measured, and others stay
    assert [record["metrics"].keys() for record in records_of(run)] == [record["metrics"].keys() for record in after]


def test_only_what_is_missing_is_measured(cli, run: Path) -> None:
    records = records_of(run)
    records[0]["metrics"]["contrast"] = 7.0  # no picture has this contrast
    del records[1]["metrics"]["contrast"]
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert "1 record changed" in cli("measure", run, "--metrics", "contrast").out
    assert records_of(run)[0]["metrics"]["contrast"] == 7
    assert records_of(run)[1]["metrics"]["contrast"] == measured("contrast", Image.open(run / records[1]["image"]))


def test_a_cell_is_compared_with_reference_pictures(cli, run: Path, reference: Path) -> None:
    done = cli("measure", run, "--metrics", PIXELS, "--reference", reference, "--json")
    assert done.code == 0
    features = PixelFeatures()
    expected = features.of([Image.open(path) for path in sorted(reference.rglob("*.png"))]).astype(float)
    for value in (0, 2):
        cell = [record for record in records_of(run) if record["value"] == value]
        rows = features.of(pictures_of(run, cell)).astype(float)
        assert len(rows) == 6  # of all labels and seeds
        numbers = {json.dumps(record["metrics"], sort_keys=True) for record in cell}
        assert len({json.loads(text)["fid features=pixels"] for text in numbers}) == 1
        found = cell[0]["metrics"]
        assert found["fid features=pixels"] == pytest.approx(frechet_distance(rows, expected))
        assert found["kid features=pixels"] == pytest.approx(kernel_distance(rows, expected))
    shown = json.loads(done.out)["rows"]
    assert [row["value"] for row in shown] == ["0", "2"]
    assert cli("verify", run).code == 0
    (kept,) = (run / "metrics").glob("*.npy")
    assert np.array_equal(np.load(kept), expected.astype(np.float32))


def test_cells_of_one_number_are_not_measured_again(cli, run: Path, monkeypatch) -> None:
    """Beside reference pictures that are those of the run, all are near one."""
    words = ("measure", run, "--metrics", "{precision: {features: pixels}}", "--reference", run / "images")
    assert cli(*words).code == 0
    assert {record["metrics"]["precision features=pixels"] for record in records_of(run)} == {1.0}
    monkeypatch.delattr(PixelFeatures, "of")
    assert "nothing to measure" in cli(*words).out


def test_an_error_leaves_no_answers_open(run: Path, reference: Path, monkeypatch) -> None:
    """Answers of actors would be closed when these are gone, with the traceback."""
    opened, closed, answers_of = [], [], LocalMeasurer.answers

    def answers(self: LocalMeasurer, *given: Any) -> Generator[Any]:
        opened.append(self)
        try:
            yield from answers_of(self, *given)
        finally:
            closed.append(self)

    monkeypatch.setattr(LocalMeasurer, "answers", answers)
    monkeypatch.setattr(FID, "measure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) as error:
        cfgsweep.measure(run, [{"fid": {"features": "pixels"}}], reference=reference, quiet=True)
    assert error.tb is not None
    assert opened == closed != []


def test_cells_that_are_cut_otherwise_are_measured_anew(cli, tiny_model: Path, reference: Path, tmp_path) -> None:
    """Two prompts are one cell; as the values of a variable they are two, of the same pictures."""
    common = {"name": "m", "model": tiny_model, "seed": [1, 2], "steps": 1, "guider": "cfg", "value": 2}
    common |= {"metrics": [{"fid": {"reference": str(reference), "features": "pixels"}}]}
    one = {"prompt": ["oil of a cat", "ink of a cat"]}
    two = {"prompt": "{style} of a cat", "vars": {"style": ["oil", "ink"]}}
    found = []
    for axes in (one, two, one):
        cfgsweep.run(cfgsweep.Sweep(**common, **axes), out=tmp_path / "r", quiet=True)
        found.append({r["id"]: r["metrics"]["fid features=pixels"] for r in records_of(tmp_path / "r")})
    assert [len(set(numbers.values())) for numbers in found] == [1, 2, 1]
    assert found[0] == found[2]


def test_numbers_of_an_earlier_formula_are_measured_anew(cli, run: Path, monkeypatch) -> None:
    """Of the first version nothing is written, so that numbers of earlier folders are of that."""
    monkeypatch.setattr(METRICS["precision"], "formula_version", 1)
    words = ("measure", run, "--metrics", "{precision: {features: pixels}}", "--reference", run / "images")
    assert cli(*words).code == 0
    assert "formula_version" not in (run / "metrics.json").read_text()
    monkeypatch.setattr(METRICS["precision"], "formula_version", 2)
    monkeypatch.setattr(METRICS["precision"], "measure", lambda self, features, reference: 0.25)
    assert "12 records changed" in cli(*words).out
    assert "nothing to measure" in cli(*words).out


def test_another_reference_set_is_noticed_by_its_content(cli, run: Path, reference: Path) -> None:
    words = ("measure", run, "--metrics", PIXELS, "--reference")
    assert cli(*words, reference).code == 0
    before = records_of(run)
    moved = reference.rename(reference.with_name("elsewhere"))
    assert "nothing to measure" in cli(*words, moved).out
    Image.new("RGB", (20, 20)).save(moved / "black.png")
    assert "12 records changed" in cli(*words, moved).out
    numbers = [[record["metrics"]["fid features=pixels"] for record in one] for one in (before, records_of(run))]
    assert all(old != new for old, new in zip(*numbers, strict=True))


def test_a_part_is_not_measured_with_another_reference_set_than_the_rest(cli, run: Path, reference: Path) -> None:
    words = ("measure", run, "--metrics", PIXELS, "--reference", reference)
    assert cli(*words).code == 0
    before = records_of(run)
    assert cli(*words, "--where", "value=2").code == 0
    Image.new("RGB", (20, 20)).save(reference / "black.png")
    refused = cli(*words, "--where", "value=2")
    assert refused.code == 2
    problem = "6 other pictures have numbers of it that were measured with other weights or another reference set"
    assert problem in refused.err
    assert "fid features=pixels" in refused.err
    assert records_of(run) == before
    assert cli(*words).code == 0
    assert cli(*words, "--where", "value=2").code == 0


def test_a_parquet_file_is_a_reference_set(cli, run: Path, reference: Path, tmp_path: Path) -> None:
    rows = [{"image": {"bytes": path.read_bytes(), "path": ""}} for path in sorted(reference.rglob("*.png"))]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "set.parquet")
    found = []
    for place in (reference, tmp_path / "set.parquet"):
        assert cli("measure", run, "--metrics", PIXELS, "--reference", place).code == 0
        found.append([record["metrics"] for record in records_of(run)])
    assert found[0] == found[1]


def test_a_damaged_cache_is_computed_again(cli, run: Path, reference: Path) -> None:
    words = ("measure", run, "--metrics", PIXELS, "--reference", reference)
    assert cli(*words).code == 0
    before = records_of(run)
    (kept,) = (run / "metrics").glob("*.npy")
    kept.write_bytes(b"damaged")
    (run / "metrics.json").write_text("{")
    said = cli("verify", run)
    assert said.code == 1
    assert kept.name in said.out
    assert "metrics.json" in said.out
    assert cli(*words).code == 0
    assert records_of(run) == before
    assert cli("verify", run).code == 0


def test_python_measures_too(run: Path, reference: Path) -> None:
    metrics = ["entropy", {"fid": {"features": "pixels"}}]
    found = cfgsweep.measure(run, metrics, reference=reference, quiet=True)
    assert found.metrics == ["entropy", "fid features=pixels"]
    assert found.changed == 12
    assert set(found.run.metrics) == {"contrast", "entropy", "fid features=pixels"}
    assert {"entropy", "fid features=pixels"} <= set(found.run.to_pandas().columns)
    one = cfgsweep.measure(cfgsweep.open_run(run), "sharpness", where=["seed=1"], quiet=True)
    assert one.changed == 4
    assert len(one.run) == 4


def test_a_sweep_file_gives_settings(cli, run: Path, labelled: Path, reference: Path, sweep_file) -> None:
    metrics = ["contrast", {"fid": {"reference": str(reference), "features": "pixels"}}, {"diversity": None}]
    sweep = {"name": "m", "model": str(labelled), "label": [0, 1], "seed": [1, 2, 3], "steps": 2, "guider": "cfg"}
    path = sweep_file(yaml.safe_dump({**sweep, "value": [0, 2], "metrics": metrics}))
    assert cli("run", path, "--out", run).code == 0
    assert list(records_of(run)[0]["metrics"]) == ["contrast", "fid features=pixels", "diversity"]
    written = yaml.safe_load((run / "sweep.yaml").read_text())["metrics"]
    assert written == ["contrast", metrics[1], "diversity"]
    before = (run / "experiments.jsonl").read_bytes()
    assert cli("run", run, "--out", run).code == 0
    assert (run / "experiments.jsonl").read_bytes() == before
    assert cli("grid", run, "--plot").code == 0


def test_numbers_of_cells_are_no_pairs_to_compare(cli, labelled: Path, reference: Path, sweep_file, tmp_path) -> None:
    sweep = {"name": "m", "model": str(labelled), "label": [0, 1], "seed": [1, 2, 3], "steps": 2, "value": 2}
    path = sweep_file(yaml.safe_dump({**sweep, "guider": ["cfg", "apg"], "metrics": ["contrast"]}))
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    assert cli("measure", tmp_path / "r", "--metrics", PIXELS, "--reference", reference).code == 0
    found = cli("compare", tmp_path / "r", "--matched", "value")
    assert found.code == 0
    assert "fid features=pixels: not compared, 1 pair where 3 are needed; it is one number of all pictures" in found.out
    told = json.loads(cli("compare", tmp_path / "r", "--matched", "value", "--json").out)
    assert [one["metric"] for one in told["comparisons"][0]["differences"]] == ["contrast"]


BAD = [
    ("fidd", [], "did you mean 'fid'?"),
    ("entropy,entropy", [], "the same metric twice"),
    ("{entropy: {bins: 3}}", [], "entropy takes no settings"),
    ("{clip_score: {mdl: x}}", [], "did you mean 'model'?"),
    ("{precision: {k: 0}}", [], "precision: k: too small"),
    ("{contrast", [], "not a list of metrics"),
    ("a: b: c", [], "not a list of metrics"),
    ("", [], "not a list of metrics"),
    ("fid", [], "there is none"),
    ("fid", ["--reference", "nowhere"], "no such folder or parquet file"),
    ("fid", ["--reference", "one"], "fid takes 2 reference pictures or more"),
    ("precision", ["--reference", "three"], "precision takes 4 reference pictures or more"),
    ("fid", ["--reference", "empty"], "no picture in it"),
    ("contrast", ["--reference", "three"], "none of the metrics takes a reference set"),
    ("{fid: {features: nobody/nothing}}", ["--reference", "three"], "its weights are not on this machine"),
    ("{diversity: {features: nowhere}}", [], "its weights are not on this machine"),
    ("clip_score", [], "clip_score takes pictures with prompts, and these have labels"),
    ("lpips", [], "its weights are not on this machine"),
    ("{aesthetic: {head: nowhere.pth}}", [], "no such file"),
]


@pytest.mark.parametrize(("metrics", "more", "words"), BAD)
def test_bad_input_is_refused_before_anything_is_measured(
    cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: str, more: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for place, count in (("empty", 0), ("one", 1), ("three", 3)):
        Path(place).mkdir()
        for number in range(count):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(Path(place) / f"{number}.png")
    before = (run / "experiments.jsonl").read_bytes()
    refused = cli("measure", run, "--metrics", f"entropy,{metrics}" if words[0] != "n" and metrics else metrics, *more)
    assert refused.code == 2, refused.out
    assert words in refused.err
    assert "Traceback" not in refused.err
    assert (run / "experiments.jsonl").read_bytes() == before
    assert not (run / "metrics.json").exists()


def test_a_reference_set_of_one_picture_is_refused_before_a_run(cli, labelled: Path, sweep_file, tmp_path) -> None:
    (tmp_path / "one").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "a.png")
    metrics = [{"kid": {"reference": str(tmp_path / "one"), "features": "pixels"}}]
    sweep = {"name": "m", "model": str(labelled), "label": 0, "seed": [1, 2], "guider": "cfg", "metrics": metrics}
    refused = cli("run", sweep_file(yaml.safe_dump(sweep)), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "kid takes 2 reference pictures or more" in refused.err
    assert not (tmp_path / "r").exists()


def test_a_damaged_reference_picture_is_named(cli, run: Path, reference: Path) -> None:
    whole = (reference / "0" / "0.png").read_bytes()
    (reference / "zz.png").write_bytes(whole[: len(whole) // 2])
    refused = cli("measure", run, "--metrics", f"entropy,{PIXELS}", "--reference", reference)
    assert refused.code == 2
    assert "zz.png: not a picture: not a whole picture" in refused.err
    assert all("entropy" in record["metrics"] for record in records_of(run))  # what was measured before stays
    (reference / "zz.png").unlink()
    assert cli("measure", run, "--metrics", f"entropy,{PIXELS}", "--reference", reference).code == 0


def test_what_is_no_picture_in_a_reference_set_is_refused_before_a_run(
    cli, labelled: Path, reference: Path, sweep_file, tmp_path: Path
) -> None:
    (reference / "notes.txt").write_text("another kind of file is left alone")
    (reference / "zz.png").write_bytes(b"no picture")
    metrics = [{"fid": {"reference": str(reference), "features": "pixels"}}]
    sweep = {"name": "m", "model": str(labelled), "label": 0, "seed": [1, 2], "guider": "cfg", "metrics": metrics}
    refused = cli("run", sweep_file(yaml.safe_dump(sweep)), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "zz.png: not a picture: not a picture of a kind that is read" in refused.err
    assert "Errno" not in refused.err
    assert not (tmp_path / "r").exists()


def test_reference_pictures_of_16_bits_are_no_white_ones(tmp_path: Path) -> None:
    from cfgsweep.reports.reference_set import ReferenceSet

    Image.fromarray(np.full((4, 4), 128 * 257, np.uint16)).save(tmp_path / "grey.png")
    (found,) = ReferenceSet.of(str(tmp_path)).pictures()
    assert found.getpixel((0, 0)) == (128, 128, 128)


def test_transparent_reference_pictures_stand_on_white(tmp_path: Path) -> None:
    from cfgsweep.reports.reference_set import ReferenceSet

    clear, file = Image.new("RGBA", (4, 4), (0, 0, 0, 0)), io.BytesIO()
    clear.save(file, "PNG")
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(file.getvalue())
    assert [image.getpixel((0, 0)) for image in ReferenceSet.of(str(tmp_path)).pictures()] == [(255, 255, 255)] * 2


def test_a_users_file_has_metrics(cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from cfgsweep.metrics.base import GroupMetric, MetricSettings, PictureMetric\n"
        "class Width(PictureMetric):\n"
        "    def __init__(self, source):\n"
        "        super().__init__(source)\n"
        "    def measure(self, image, condition):\n"
        "        return image.width\n"
        "class Times(PictureMetric):\n"
        "    class Settings(MetricSettings):\n"
        "        factor: float = 2\n"
        "    def measure(self, image, condition):\n"
        "        return self.settings.factor * condition\n"
        "class Own(PictureMetric):\n"
        "    settings = {'depth': 3}\n"
        "    def measure(self, image, condition):\n"
        "        return self.settings['depth']\n"
        "class Count(GroupMetric):\n"
        "    def measure(self, images):\n"
        "        return len(images)\n"
    )
    words = ("measure", run, "--metrics", "mine.py:Width,{mine.py:Times: {factor: 5}},mine.py:Count,mine.py:Own")
    assert cli(*words).code == 2
    assert cli(*words, "--allow-code").code == 0
    for record in records_of(run):
        found = record["metrics"]
        assert found["mine.py:Width"] == record["width"]
        assert found["mine.py:Times factor=5"] == 5 * record["label"]
        assert (found["mine.py:Count"], found["mine.py:Own"]) == (3, 3)
    assert cli("table", run).code == 0
    assert cli("verify", run).code == 0


def test_what_is_no_finite_number_is_not_kept(cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from cfgsweep.metrics.base import PictureMetric\n"
        "class Odd(PictureMetric):\n"
        "    def measure(self, image, condition):\n"
        "        return float('nan' if condition else 1)\n"
    )
    done = cli("measure", run, "--metrics", "mine.py:Odd", "--allow-code")
    assert done.code == 0
    assert "mine.py:Odd gave no finite number for 6 of 12 pictures" in done.err
    assert {record["metrics"].get("mine.py:Odd") for record in records_of(run) if record["label"]} == {None}
    assert {record["metrics"]["mine.py:Odd"] for record in records_of(run) if not record["label"]} == {1.0}


def test_what_is_no_finite_number_in_a_record_is_measured_again(cli, run: Path) -> None:
    lines = (run / "experiments.jsonl").read_text().splitlines()
    broken = lines[0].replace(f'"contrast": {records_of(run)[0]["metrics"]["contrast"]}', '"contrast": NaN')
    assert broken != lines[0]
    (run / "experiments.jsonl").write_text("\n".join([broken, *lines[1:], ""]))
    assert "1 record changed" in cli("measure", run, "--metrics", "contrast").out
    assert (run / "experiments.jsonl").read_text().splitlines() == lines
