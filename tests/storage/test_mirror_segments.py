"""Segments of a mirror: what one writes is read again, and what others write there names no file outside of a run."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgsweep.storage.mirror_segments import Contents, FileEntry, segment_lines

NAMES = st.text("abcxyz-_. é", min_size=1).filter(lambda name: ".." not in name and name.strip("."))
FILES = st.builds(FileEntry, NAMES, st.integers(0, 2**40), st.text("0123456789abcdef"))


@given(st.lists(FILES))
def test_the_last_line_of_a_path_counts(files: list[FileEntry]) -> None:
    found = Contents()
    found.add("\n".join(segment_lines(files, [])))
    assert found.files == {file.path: file for file in files}
    again = Contents()
    again.add("\n".join(found.lines()))
    assert again == found


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "images/../../x", "..", "C:\\x", "images\\..\\x", "", "."])
def test_no_path_leads_outside(path: str) -> None:
    found = Contents()
    found.add(json.dumps({"path": path, "size": 1, "sha256": "0"}))
    assert found.files == {}


@pytest.mark.parametrize(
    "line", ['{"path": 1}', "null", "[]", '"', '{"record": {"id": 1}}', '{"path": "a", "size": "b"}']
)
def test_lines_that_are_none_are_left_out(line: str) -> None:
    found = Contents()
    found.add(f'{line}\n{{"path": "a", "size": 1, "sha256": "0"}}')
    assert list(found.files) == ["a"]
    assert found.records == {}
