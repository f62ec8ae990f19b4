"""Writes docs/fields.md, the fields of records and of phase.json, from their JSON Schemas.

python scripts/build_fields_page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfgsweep

PAGE = Path(__file__).parents[1] / "docs" / "fields.md"
BEGINNING = """\
# Fields of the files of a run

What is in a [run folder](run-folder.md) for other programs. Fields that a later version adds are new names: readers
should pass over those that they do not know. This page is made by `python scripts/build_fields_page.py`.
"""
RECORD = """\
## A record

Every line of `experiments.jsonl` is one record, a JSON object; `cfgsweep schema record` prints its JSON Schema. The PNG
file of a picture has the same record in its text chunk `cfgsweep`. A field that is not there has the default below.
`cfgsweep table RUN --each --parquet --out records.parquet` makes a table of them.
"""
FAILED = """\
An experiment that came to no picture has the same settings, nothing about a picture, and why:
"""
PHASE = """\
## phase.json

The report of [`cfgsweep phase`](phase.md), which has more on these numbers; `cfgsweep schema phase` prints its JSON
Schema. In the report of a map, places are lists of two numbers.
"""


def page() -> str:
    """The whole page."""
    record, phase = cfgsweep.schema("record")["$defs"], cfgsweep.schema("phase")
    parts = [BEGINNING, RECORD, *table(record["DoneRecord"]), FAILED]
    parts += [*table(record["FailedRecord"]), PHASE, *table(phase)]
    for name, definition in phase["$defs"].items():
        parts += [f"### {name.removesuffix('Fields')}\n", *table(definition)]
    return "\n".join(parts)


def table(schema: dict[str, Any]) -> Iterator[str]:
    yield "| field | type | default | meaning |\n| --- | --- | --- | --- |"
    for name, field in schema["properties"].items():
        default = f"`{default_of(field)}`" if "default" in field else ""
        yield f"| `{name}` | {type_of(field)} | {default} | {field['description']} |"
    yield ""


def default_of(field: dict[str, Any]) -> str:
    return json.dumps(field["default"])


def type_of(field: dict[str, Any]) -> str:
    """The type in words: `number or null`, `list of Point`."""
    if "$ref" in field:
        return f"[{(name := field['$ref'].rsplit('/', 1)[1].removesuffix('Fields'))}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(map(type_of, field["anyOf"])))
    if "const" in field or "enum" in field:
        return "text"
    if field.get("type") == "array":
        return f"list of {type_of(field['items'])}"
    return {"string": "text", "object": "mapping", None: "anything"}.get(field.get("type"), field.get("type", ""))


if __name__ == "__main__":
    PAGE.write_text(page())
