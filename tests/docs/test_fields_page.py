"""docs/fields.md and the JSON Schemas say what is in the files of a run."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from cfgsweep.storage.records import DoneRecord, FailedRecord
from cfgsweep.storage.report_fields import ReportFields
from scripts import build_fields_page
from tests.support.json_schemas import checker

GALLERY = Path(__file__).parents[2] / "outputs" / "gallery"


def test_the_page_is_that_of_the_schemas() -> None:
    assert build_fields_page.PAGE.read_text() == build_fields_page.page()


@pytest.mark.slow
def test_every_field_of_the_gallerys_records_is_described() -> None:
    fields = set[str]()
    for path in sorted(GALLERY.glob("*/experiments.jsonl")):
        for line in path.read_text().splitlines():
            checker("record").validate(record := json.loads(line))
            fields |= record.keys()
    assert fields <= DoneRecord.model_fields.keys()


def test_every_field_of_a_new_record_is_described(cli, sweep_file, tmp_path: Path) -> None:
    sweep = "name: s\nmodel: digits\nlabel: 3\nsteps: 2\nguider: [cfg, {cfg: {guidance_rescale: 0.5}}]\n"
    path = sweep_file(sweep + "value: [1.0e+38, 2]\nmetrics: [contrast]\n")  # the first comes to no picture
    cli("run", path, "--out", tmp_path / "r", "--quiet")
    records = [json.loads(line) for line in (tmp_path / "r" / "experiments.jsonl").read_text().splitlines()]
    assert {record["status"] for record in records} == {"done", "failed"}
    for record in records:
        checker("record").validate(record)
        assert record.keys() <= DoneRecord.model_fields.keys() | FailedRecord.model_fields.keys()


@pytest.mark.parametrize("name", ["phase", "phase-map"])
def test_every_field_of_a_report_is_described(name: str) -> None:
    report = json.loads((GALLERY / name / "phase.json").read_text())
    ReportFields.model_validate(report, strict=True)  # refuses fields that are not there
    checker("phase").validate(report)
    for wrong in ({**report, "low": "0.1"}, {**report, "searches": [{}]}):
        with pytest.raises(jsonschema.ValidationError):
            checker("phase").validate(wrong)


def test_reports_of_version_0_1_are_described() -> None:
    report = json.loads((GALLERY / "phase" / "phase.json").read_text())
    for name in ("steepness_in", "abrupt_from"):
        del report[name]
    for search in report["searches"]:
        for transition in search["transitions"]:
            for name in list(transition):
                if "uncertainty" in name or name in ("steepness_low", "steepness_high", "verdict_margin", "prominence"):
                    del transition[name]
    checker("phase").validate(report)


def test_an_unknown_kind_of_file_is_refused(cli) -> None:
    done = cli("schema", "recrod")
    assert done.code == 2
    assert "did you mean 'record'" in done.err
    for kind in ("sweep", "training", "record", "phase"):
        jsonschema.Draft202012Validator.check_schema(json.loads(cli("schema", kind).out))
