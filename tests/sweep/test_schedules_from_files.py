"""`schedule: {file: scales.csv, column: g}`: its numbers decide, and a run keeps a copy of the file."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml

from cfgsweep.errors import UserError
from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from tests.support.json_schemas import checker
from tests.support.run_state import records_of

BASE = {"name": "x", "model": "emoji", "prompt": "a cat", "guider": "cfg", "steps": 3}
TABLE = "step,g,h\n0,1,4\n1,2.5,5\n2,3,6\n"
BY_NAME = {"file": "scales.csv", "column": "g"}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "scales.csv"
    path.write_text(TABLE)
    return path


def of_file(sweep_file, schedule: Any, **fields: Any) -> list:
    """The experiments of a sweep file in the folder of the table."""
    return expand(*read_sweep(sweep_file(yaml.safe_dump({**BASE, "schedule": schedule, **fields}))))


def test_numbers_are_the_scales_and_are_multiplied_by_a_value(sweep_file, table: Path) -> None:
    (e,) = of_file(sweep_file, BY_NAME)
    assert (e.scales(), e.value) == ([1, 2.5, 3], 1)
    (e,) = of_file(sweep_file, BY_NAME, value=2)
    assert e.scales() == [2, 5, 6]
    (e,) = of_file(sweep_file, {**BY_NAME, "match_mean": True}, value=2)
    assert sum(e.scales()) == pytest.approx(6)


@pytest.mark.parametrize(
    ("content", "column"),
    [
        (TABLE, "g"),
        (TABLE, 2),
        (TABLE.replace(",", ";"), "g"),
        (TABLE.replace(",", "\t"), "g"),
        ("\ufeff" + TABLE.replace("\n", "\r\n"), "g"),
        ("0,1\n1,2.5\n\n2,3\n", 2),
        ("1\n2.5\n3", None),
        ("g\n1\n2.5\n3\n", None),
        ('"g"\n"1"\n2.5\n 3 \n', "g"),
    ],
)
def test_tables_with_and_without_a_header(sweep_file, table: Path, content: str, column: Any) -> None:
    table.write_bytes(content.encode())
    schedule = {"file": "scales.csv", **({} if column is None else {"column": column})}
    assert of_file(sweep_file, schedule)[0].scales() == [1, 2.5, 3]


def test_the_numbers_decide_the_id_and_not_the_path(sweep_file, table: Path, tmp_path: Path) -> None:
    (first,) = of_file(sweep_file, BY_NAME)
    (tmp_path / "other.csv").write_text("1\n2.5\n3\n")
    (second,) = of_file(sweep_file, {"file": "other.csv"})
    assert (first.id, first, hash(first)) == (second.id, second, hash(second))
    table.write_text(TABLE.replace("2.5", "2.6"))
    assert of_file(sweep_file, BY_NAME)[0].id != first.id
    with pytest.raises(UserError, match="the same value twice"):
        of_file(sweep_file, [{"file": "other.csv"}, {"file": {"path": "other.csv", "column": "1"}}])


def test_columns_and_files_are_axes_and_guiders_parameters_take_them(sweep_file, table: Path) -> None:
    found = of_file(sweep_file, {"file": "scales.csv", "column": ["g", "h"]})
    assert [e.scales() for e in found] == [[1, 2.5, 3], [4, 5, 6]]
    assert [e.schedule.title() for e in found] == ["file scales column=g", "file scales column=h"]
    (e,) = of_file(sweep_file, "constant", guider={"pag": {"pag_scale": BY_NAME}})
    assert e.guider.parameter_values(3)["pag_scale"] == [1, 2.5, 3]


def test_the_schema_allows_it_and_it_is_written_and_pickled_as_it_was(sweep_file, table: Path, tmp_path: Path) -> None:
    checker().validate({**BASE, "schedule": BY_NAME})
    sweep, _ = read_sweep(sweep_file(yaml.safe_dump({**BASE, "schedule": BY_NAME})))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "s.yaml").write_text(yaml.safe_dump(as_written(sweep)))
    assert read_sweep(elsewhere / "s.yaml")[0] == sweep
    checker().validate(as_written(sweep))
    table.unlink()
    assert pickle.loads(pickle.dumps(sweep)) == copy.deepcopy(sweep) == sweep


@pytest.mark.parametrize(
    ("content", "schedule", "words"),
    [
        (TABLE, {"file": "scales.csv"}, ["the file has several columns", "step, g, h"]),
        (TABLE, {"file": "scales.csv", "column": "gg"}, ["unknown column 'gg'", "did you mean 'g'?"]),
        (TABLE, {"file": "scales.csv", "column": 9}, ["unknown column '9'"]),
        (TABLE, {"file": "scale.csv"}, ["there is no such file", "scale.csv"]),
        (TABLE, {"file": "."}, ["there is no such file"]),
        (TABLE.replace("2.5", "big"), BY_NAME, ["scales.csv:3", "not a number", "'big'"]),
        (TABLE.replace("2.5", "nan"), BY_NAME, ["scales.csv:3", "not a number"]),
        (TABLE.replace(",2.5,5", ""), BY_NAME, ["scales.csv:3", "not a number"]),
        (TABLE + "3,4,7\n", BY_NAME, ["a file needs one number per step", "4 numbers for 3 steps"]),
        ("step,g\n", BY_NAME, ["there are no numbers"]),
        ("", BY_NAME, ["the file is empty"]),
        ("\0\0", BY_NAME, ["scales.csv"]),
        ("1\n" * 600_000, {"file": "scales.csv"}, ["file too large"]),
        (TABLE, {"file": 3}, ["file takes named parameters"]),
        (TABLE, {"file": ""}, ["path"]),
        (TABLE, {**BY_NAME, "colum": "g"}, ["unknown parameter of schedule file 'colum'"]),
    ],
)
def test_what_is_no_schedule_is_refused(cli, sweep_file, table: Path, content: str, schedule: Any, words: list) -> None:
    table.write_text(content)
    refused = cli("plan", path := sweep_file(yaml.safe_dump({**BASE, "schedule": schedule})))
    assert refused.code == 2
    assert str(path.parent) in refused.err
    for word in words:
        assert word in refused.err


def test_a_device_is_not_read(sweep_file, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", "/dev/zero"):
        with pytest.raises(UserError, match="there is no such file"):
            of_file(sweep_file, {"file": path})


@pytest.mark.slow
def test_a_run_goes_on_without_the_file_and_refuses_a_changed_copy(
    cli, sweep_file, table: Path, tmp_path: Path
) -> None:
    run, file = tmp_path / "run", sweep_file(yaml.safe_dump({**BASE, "schedule": [BY_NAME, "constant"]}))
    done = cli("run", file, "--out", run, "--quiet", "--limit", 1)
    assert done.code == 0, done.err
    (kept,) = (run / "inputs").glob("*/*")
    assert (kept.name, kept.read_text()) == ("scales.csv", TABLE)
    assert yaml.safe_load((run / "sweep.yaml").read_text())["schedule"][0] == {
        "file": {"path": f"inputs/{kept.parent.name}/scales.csv", "column": "g"}
    }
    table.unlink()
    assert cli("run", run, "--quiet").code == 0
    records = records_of(run)
    assert [record["schedule"] for record in records] == [
        {"file": {"path": "scales.csv", "column": "g", "numbers": [1.0, 2.5, 3.0]}}, "constant"
    ]  # fmt: skip
    assert all(old == new for old, new in current_ids(RunFolder(run).records().values()).items())
    assert json.dumps(str(tmp_path)) not in (run / "experiments.jsonl").read_text()
    verified = cli("verify", run)
    assert verified.out == "2 of 2 pictures are there and whole, and nothing is amiss\n"
    kept.write_text(TABLE.replace("2.5", "2.6"))
    assert "not the file that the run began with" in cli("verify", run).out
    refused = cli("run", run, "--quiet")
    assert (refused.code, "not the file that the run began with" in refused.err) == (2, True)


def test_a_file_that_changes_while_the_run_begins_is_refused(sweep_file, table: Path, tmp_path: Path) -> None:
    sweep: Sweep = read_sweep(sweep_file(yaml.safe_dump({**BASE, "schedule": BY_NAME})))[0]
    table.write_text(TABLE.replace("2.5", "2.6"))
    with pytest.raises(UserError, match="the file has changed since this command began"):
        RunFolder(tmp_path / "run").write_sweep(sweep)
