"""JSON Schemas of the files that people and programs read and write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cfgsweep.config.json_schema import bundled
from cfgsweep.errors import unknown_name


def _sweep() -> dict[str, Any]:
    from cfgsweep.sweep.schema import schema

    return schema()


def _training() -> dict[str, Any]:
    from cfgsweep.training.config import TrainingFile

    return bundled(TrainingFile.model_json_schema(), {})


def _record() -> dict[str, Any]:
    from cfgsweep.storage.records import record_schema

    return record_schema()


def _phase() -> dict[str, Any]:
    from cfgsweep.storage.report_fields import report_schema

    return report_schema()


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    **{"sweep": _sweep, "training": _training, "record": _record, "phase": _phase},
}


def schema_of(file: str) -> dict[str, Any]:
    """The schema of a kind of file. Raises UserError where there is none."""
    if file not in SCHEMAS:
        raise unknown_name("kind of file", file, SCHEMAS, "schema")
    return SCHEMAS[file]()
