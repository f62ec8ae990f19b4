"""Texts from files: `prompt: {file: prompts.csv}`. What was read replaces the mapping, as if it stood in the sweep.

The other columns of a table become axes and variables of their own, zipped with the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cfgsweep.config.yaml_io import dump
from cfgsweep.errors import UserError, within_key
from cfgsweep.sweep.axes import AXES, TEXTS
from cfgsweep.sweep.file_columns import columns_of
from cfgsweep.sweep.text_file import FILE
from cfgsweep.sweep.zip_group import ZipGroup, parse_groups

FROM_FILES = ("prompt", "label", "negative_prompt", "seed")
VARS = "vars"
LEADING = ("prompt", "label")  # whose tables bring further axes along
MOST_BYTES = 3 * 2**20  # of the texts in the sweep that a run saves, a file of a limited size


def with_files_read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a sweep file with the values of files in their place. Raises UserError where one is not right."""
    found = dict(given)
    if isinstance(variables := found.get(VARS), dict):
        found[VARS] = {name: _of_variable(one, name) for name, one in variables.items()}
    for name in FROM_FILES:
        with within_key(name):
            _read_axis(found, name)
    return found


def _of_variable(given: Any, name: str) -> Any:
    with within_key(VARS, name):
        if isinstance(given, dict) and FILE in given:
            return columns_of(given, name)[name]
        return [v for n, one in enumerate(given) for v in _spread(one, name, n)] if isinstance(given, list) else given


def _read_axis(fields: dict[str, Any], name: str) -> None:
    given = fields.get(name)
    if isinstance(given, list):
        fields[name] = [value for place, one in enumerate(given) for value in _spread(one, name, place)]
    elif isinstance(given, dict) and _is_file(given, name):
        columns = columns_of(given, name, AXES if name in LEADING else ())
        _check_size(columns)
        fields[name] = columns.pop(name)
        if columns:
            _add_further(fields, name, columns)


def _is_file(given: Any, name: str) -> bool:
    """Texts are no mappings, so that one for a prompt is a file, maybe with a wrong key."""
    return isinstance(given, dict) and (FILE in given or name in TEXTS)


def _spread(given: Any, name: str, place: int) -> Sequence[Any]:
    """The values of an entry of a list."""
    if not _is_file(given, name):
        return [given]
    with within_key(place):
        return columns_of(given, name)[name]


def _add_further(fields: dict[str, Any], name: str, columns: Mapping[str, list[Any]]) -> None:
    """Further columns of a table as axes or variables, zipped with the first one.

    Raises UserError where the sweep gives one of them, too.
    """
    variables = {column: values for column, values in columns.items() if column not in AXES}
    given = fields.get(VARS) or {}
    for column in columns:
        if column in (given if column in variables and isinstance(given, dict) else fields):
            problem = f"the table has a column {column!r}, and the sweep gives it, too"
            raise UserError(problem, hint="leave one out; with: [] takes no further columns").at_key(FILE)
    fields |= {column: values for column, values in columns.items() if column in AXES}
    if variables and isinstance(given, dict):
        fields[VARS] = {**given, **variables}
    with suppress(UserError):  # of what is no zip, which is said where the field is read
        fields["zip"] = _zipped(parse_groups(fields.get("zip", [])), (name, *columns))


def _zipped(groups: Sequence[ZipGroup], names: tuple[str, ...]) -> list[Any]:
    """The groups with these axes in one: in that of the first of them, if there is one."""
    own = next((group for group in groups if names[0] in group.axes), None)
    if own is None:
        return [*(group.spec() for group in groups), list(names)]
    larger = ZipGroup((*own.axes, *(name for name in names if name not in own.axes)), own.cycle)
    return [(larger if group is own else group).spec() for group in groups]


def _check_size(columns: Mapping[str, list[Any]]) -> None:
    """Raises UserError where the texts are too long for the sweep that a run saves."""
    rough = sum(len(str(one)) for values in columns.values() for one in values)
    if rough > MOST_BYTES // 8 and len(dump(columns)) > MOST_BYTES:
        hint = "sample: 1000 draws so many of them; where: {column: value} chooses some"
        raise UserError("too much text", given=f"{rough:,} characters", allowed=f"{MOST_BYTES:,} bytes", hint=hint)
