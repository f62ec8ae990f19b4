"""`cfgsweep table`: the rows are the run's numbers, every form can be read back, and no file of the user's is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from scipy import stats

import cfgsweep
from cfgsweep.reports.mean_rows import Estimate, estimate
from cfgsweep.reports.table_forms import as_csv, as_latex, as_markdown, as_parquet, as_text
from tests.support.run_state import records_of, run_of

SWEEP = """\
name: t
model: digits
label: [3, 4]
seed: [1, 2]
steps: 2
guider: [cfg, {cfg: {guidance_rescale: 0.5}}]
value: [1.5, 3]
metrics: [contrast]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("tables"))


def test_means_and_intervals_are_those_of_the_records(cli, run: Path, tmp_path: Path) -> None:
    assert cli("table", run, "--out", tmp_path / "t.csv").code == 0
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(row["guider"], row["guider.guidance_rescale"], row["value"]) for row in rows] == [
        ("cfg", rescale, value) for rescale in ("0", "0.5") for value in ("1.5", "3")
    ]
    for row in rows:
        numbers = [
            record["metrics"]["contrast"]
            for record in records_of(run)
            if record["value"] == float(row["value"])
            and ("0.5" in str(record["guider"])) == (row["guider.guidance_rescale"] == "0.5")
        ]
        low, high = stats.t.interval(0.95, 3, loc=np.mean(numbers), scale=stats.sem(numbers))
        found = [float(row[name]) for name in ("pictures", "contrast", "contrast.low", "contrast.high")]
        assert found == pytest.approx([4, np.mean(numbers), low, high])


def test_forks_of_one_seed_are_one_number(cli, tmp_path: Path) -> None:
    run = run_of(SWEEP.replace("value: [1.5, 3]", "value: 3\nfork: {at: 0.5, seeds: [5, 6, 7]}"), tmp_path)
    assert cli("table", run, "--out", tmp_path / "t.csv").code == 0
    for row in csv.DictReader((tmp_path / "t.csv").open()):
        of_seeds: dict[object, list[float]] = {}
        for record in records_of(run):
            if ("0.5" in str(record["guider"])) == (row["guider.guidance_rescale"] == "0.5"):
                seed = record["label"], record["seed"]
                of_seeds.setdefault(seed, []).append(record["metrics"]["contrast"])
        means = [np.mean(numbers) for numbers in of_seeds.values()]
        low, high = stats.t.interval(0.95, 3, loc=np.mean(means), scale=stats.sem(means))
        found = [float(row[name]) for name in ("pictures", "contrast", "contrast.low", "contrast.high")]
        assert found == pytest.approx([12, np.mean(means), low, high])


def test_one_number_has_no_interval_and_none_no_mean() -> None:
    assert estimate([0.25]) == Estimate(0.25, None)
    assert estimate([]) is None


def test_each_picture_has_a_row_with_every_field_of_its_record(cli, run: Path, tmp_path: Path) -> None:
    assert cli("table", run, "--each", "--parquet", "--out", tmp_path / "t").code == 0
    rows = parquet.read_table(tmp_path / "t").to_pylist()
    for row, record in zip(rows, records_of(run), strict=True):
        same = record.keys() - {"guider", "evaluations", "fingerprints", "versions", "metrics"}
        assert {name: row[name] for name in same} == {name: record[name] for name in same}
        assert row["contrast"] == record["metrics"]["contrast"]
        assert row["evaluations.own"] == record["evaluations"]["own"]
        assert row["version.torch"] == record["versions"]["torch"]


def test_the_printed_table_shows_what_varies(cli, run: Path) -> None:
    head, first, *_, note = cli("table", run, "--where", "value=3").out.splitlines()
    assert head.split() == ["guider", "guider.guidance_rescale", "pictures", "contrast"]
    assert first.split()[:3] == ["cfg", "0", "4"]
    assert "95% interval" in note
    rows = cli("table", run, "--each", "--where", "value=3").out.splitlines()
    assert rows[0].split() == ["label", "seed", "guider", "guider.guidance_rescale", "contrast", "image"]
    assert len(rows) == 1 + 8


def test_without_metrics_every_picture_is_a_row(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP.replace("metrics: [contrast]\n", ""))
    assert cli("run", path, "--out", tmp_path / "r", "--limit", 3, "--quiet").code == 0
    assert len(cli("table", tmp_path / "r", "--markdown").out.splitlines()) == 2 + 3


def test_texts_cannot_break_a_table() -> None:
    rows = [{"prompt": 'a | b & c_d "q", 5% $x^2$ ~\n{#}\\', "value": 1.5}, {"prompt": None, "value": None}]
    assert as_markdown(rows).decode().splitlines()[2].replace("\\|", "").count("|") == 3
    line = as_latex(rows).decode().splitlines()[4]
    assert line == (
        r'a | b \& c\_d "q", 5\% \$x\textasciicircum{}2\$ \textasciitilde{} \{\#\}\textbackslash{} & 1.5 \\'
    )
    read = list(csv.DictReader(as_csv(rows).decode().splitlines(keepends=True)))
    assert read[0]["prompt"] == rows[0]["prompt"]
    assert len(as_text(rows).splitlines()) == 3


def test_columns_of_several_types_become_texts(tmp_path: Path) -> None:
    rows = [{"label": 3, "cache": {"mag": {"k": 1}}}, {"label": "cat", "cache": None}, {"call": ["a"]}]
    (tmp_path / "t.parquet").write_bytes(as_parquet(rows))
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"label": "3", "cache": '{"mag": {"k": 1}}', "call": None},
        {"label": "cat", "cache": None, "call": None},
        {"label": None, "cache": None, "call": '["a"]'},
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--csv", "--latex"], ["one form at a time", "--csv --latex"]),
        (["--parquet"], ["Parquet is not text", "--out"]),
        (["--out", "t.xlsx"], ["t.xlsx", ".csv"]),
        (["--where", "value>99"], ["value>99"]),
    ],
)
def test_wrong_words_are_refused(cli, run: Path, words: list[str], told: list[str]) -> None:
    done = cli("table", run, *words)
    assert done.code == 2
    assert all(part in done.err for part in told)


def test_a_file_with_other_content_is_kept(cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "t.md").write_text("mine")
    assert "another file" in cli("table", run, "--out", tmp_path / "t.md").err
    assert (tmp_path / "t.md").read_text() == "mine"
    for words in (["--overwrite"], []):  # the same content again is no other content
        assert cli("table", run, "--out", tmp_path / "t.md", *words).code == 0
    assert cfgsweep.table(run, form="markdown") == (tmp_path / "t.md").read_text().splitlines()


def test_a_run_without_pictures_says_so(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP)
    cli("run", path, "--out", tmp_path / "r", "--quiet", "--limit", 1)
    (tmp_path / "r" / "experiments.jsonl").write_text("")
    done = cli("table", tmp_path / "r")
    assert done.code == 2
    assert "no picture is done yet" in done.err


def test_python_s_words_are_refused_in_words(run: Path) -> None:
    opened = cfgsweep.open_run(run)
    with pytest.raises(cfgsweep.UserError, match="unknown form of table 'md'"):
        opened.table("md")
    assert opened.table("markdown").startswith("| guider |")  # a text, which a notebook can print
    assert isinstance(opened.table("parquet"), bytes)
    assert cfgsweep.table(opened, where="value=3") == cfgsweep.table(opened, where=["value=3"])


def test_ends_of_intervals_are_numbers_also_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(as_parquet([{"contrast": Estimate(0.5, None)}]))
    read = parquet.read_table(tmp_path / "t.parquet")
    assert [str(field.type) for field in read.schema] == ["double"] * 3
