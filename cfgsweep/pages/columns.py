"""Columns of a page's data: one value for all cells, numbers of distinct values, or each by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Column = dict[str, Any]  # {"same": v}, {"values": [...], "codes": [...]} or {"each": [...]}


def column(values: Sequence[Any]) -> Column:
    """The shortest of the three forms."""
    if all(value is None for value in values):
        return {"same": None}
    places: dict[str, int] = {}
    texts = [_text(value) for value in values]
    codes = [places.setdefault(text, len(places)) for text in texts]
    if len(places) == 1:
        return {"same": values[0]}
    coded = sum(map(len, places)) + sum(len(str(code)) for code in codes)
    if coded < sum(map(len, texts)):
        return {"values": [json.loads(text) for text in places], "codes": codes}
    return {"each": list(values)}


def _text(value: Any) -> str:
    return "null" if value is None else json.dumps(value)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """The columns of all names in the rows; null where a row has none of that name."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: column([row.get(name) for row in rows]) for name in names}
