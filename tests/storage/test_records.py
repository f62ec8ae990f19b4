"""Records and pictures are read once in a command, written as they were read, and read again when others write."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from cfgsweep.storage import record_file
from cfgsweep.storage.picture_cache import PictureCache
from cfgsweep.storage.png import pixels_sha256
from cfgsweep.storage.record_file import RecordFile
from cfgsweep.storage.records import DoneRecord, FailedRecord, parse_record
from cfgsweep.storage.run_folder import RunFolder

GALLERY = Path(__file__).parents[2] / "outputs/gallery"
SWEEP = """\
name: s
model: {model}
label: [0, 1]
seed: [1, 2]
steps: 2
guider: cfg
value: [1, 3]
metrics: [contrast, diversity]
"""


def failed(number: int) -> FailedRecord:
    return FailedRecord.of({"id": f"{number:016x}", "status": "failed", "reason": "é"})


@pytest.mark.parametrize("path", sorted(GALLERY.glob("*/experiments.jsonl")), ids=lambda path: path.parent.name)
def test_a_record_is_written_as_it_was_read(path: Path) -> None:
    lines = path.read_text().splitlines()
    records = [parse_record(line) for line in lines]
    assert all(isinstance(record, DoneRecord) for record in records)
    assert [record.line() for record in records if record] == lines


def test_numbers_and_unknown_fields_keep_their_form() -> None:
    line = '{"own": {"b": 1, "a": 2.50}, "reason": "x", "value": 3, "status": "failed", "id": "0000000000000000"}'
    record = parse_record(line)
    assert isinstance(record, FailedRecord)
    assert record.line() == json.dumps(json.loads(line))
    assert record.changed(reason="y", more=1).line() == json.dumps({**json.loads(line), "reason": "y", "more": 1})


def test_a_run_that_computes_nothing_parses_and_decodes_once(
    cli, labelled: Path, tmp_path: Path, sweep_file, monkeypatch
):
    path, run = sweep_file(SWEEP.format(model=labelled)), tmp_path / "r"
    assert cli("run", path, "--out", run).code == 0
    lines = (run / "experiments.jsonl").read_text().splitlines()
    parsed, decoded = Counter[str](), Counter[str]()
    parse, decode = record_file.parse_record, Image.open

    def counting_parse(line: str):
        parsed[line] += 1
        return parse(line)

    def counting_decode(file, *others, **options):
        if isinstance(file, Path) and file.parent == run / "images":
            decoded[file.name] += 1
        return decode(file, *others, **options)

    monkeypatch.setattr(record_file, "parse_record", counting_parse)
    monkeypatch.setattr(Image, "open", counting_decode)
    done = cli("run", path, "--out", run)
    assert done.code == 0
    assert "8 of 8 pictures were there already" in done.out
    assert parsed == dict.fromkeys(lines, 1)
    assert decoded == {file.name: 1 for file in (run / "images").iterdir()}


def test_what_is_written_is_not_parsed_again_and_what_others_write_is(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "experiments.jsonl"
    ours, others = RecordFile(path), RecordFile(path)
    ours.append(failed(1))
    others.append(failed(2))
    assert list(ours.records()) == list(others.records()) == [failed(1).id, failed(2).id]
    others.replace([failed(3)])
    assert list(ours.records()) == [failed(3).id]
    ours.append(failed(4))
    monkeypatch.setattr(record_file, "parse_record", None)
    assert list(ours.records()) == [failed(3).id, failed(4).id]
    path.unlink()
    assert not ours.records()


def test_an_appended_record_is_not_swallowed_by_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "experiments.jsonl"
    path.write_text(failed(1).line() + "\n" + failed(2).line()[:20])
    records = RecordFile(path)
    records.append(failed(3))
    for one in (records, RecordFile(path)):
        assert list(one.records()) == [failed(1).id, failed(3).id]
        assert one.broken_lines() == [2]


def test_the_cache_of_pictures_is_bounded_and_sees_changes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(5)]
    for shade, path in enumerate(paths):
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(path)
    cache = PictureCache(most_bytes=2 * 8 * 8 * 3)
    hashes = [cache.sha256(path) for path in paths]
    assert len(set(hashes)) == 5
    assert cache.bytes == 2 * 8 * 8 * 3
    assert cache.picture(paths[4]) is cache.picture(paths[4])
    Image.new("L", (16, 8), 9).save(paths[4])
    changed = cache.picture(paths[4])
    assert changed.size == (16, 8)
    assert changed.mode == "RGB"
    assert cache.sha256(paths[4]) == pixels_sha256(changed) != hashes[4]
    assert cache.bytes <= 2 * 8 * 8 * 3
    paths[0].unlink()
    assert cache.sha256(paths[0]) is None
    with pytest.raises(OSError, match="no such file"):
        cache.picture(paths[0])


def test_environment_json_names_the_command(cli, labelled: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(SWEEP.format(model=labelled))
    assert cli("run", path, "--out", tmp_path / "r", "--limit", 1).code == 0
    environment = RunFolder(tmp_path / "r").environment()
    assert environment is not None
    assert environment.model_dump()["command"].startswith("cfgsweep")
