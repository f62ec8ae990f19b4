"""What a run folder's files have to say for it to go on from them; whatever says less counts as damaged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Record = dict[str, Any]
MOST_ROWS = 1024  # in one call of a denoiser, as --batch-size has it

Rows = Annotated[int, Field(ge=1, le=MOST_ROWS)]


class _Kept(BaseModel):
    """These fields of just these types, and any others."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Tried(_Kept):
    id: str = Field(pattern=r"^[0-9a-f]{16}$")  # becomes the name of a file


class _Failed(_Tried):
    status: Literal["failed"]
    reason: str


class _Done(_Tried):
    status: Literal["done"]
    pixels_sha256: str
    guider: str | dict[str, Any]
    schedule: str | dict[str, Any]
    value: float | None
    prompt: str | None = None
    negative_prompt: str | None = None
    label: int | str | None = None
    seed: int
    steps: int
    sampler: str
    width: int
    height: int
    model: str
    device: str
    dtype: str
    batch_size: Rows
    metrics: dict[str, float] = {}

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.label is None and (self.prompt is None or self.negative_prompt is None):
            raise ValueError("neither a label nor a prompt")
        return self


class _Model(_Kept):
    runs: str
    fingerprint: str | None
    batch_size: Rows


class _Environment(_Kept):
    device: str
    dtype: str
    models: dict[str, _Model]


_RECORD: TypeAdapter[_Failed | _Done] = TypeAdapter(Annotated[_Failed | _Done, Field(discriminator="status")])


def record_of(line: str) -> Record | None:
    """One record, or None where it is not a whole one."""
    try:
        _RECORD.validate_json(line)
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def environment_of(text: str) -> dict[str, Any]:
    """The content of environment.json; empty where it is not whole."""
    try:
        _Environment.model_validate_json(text)
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def environment_of_records(records: Iterable[Record]) -> dict[str, Any]:
    """What pictures know of how they were made: all but what the model's weights were."""
    made = [record for record in records if record["status"] == "done"]
    shapes: dict[str, int] = {}
    for record in made:
        shapes[record["model"]] = max(record["batch_size"], shapes.get(record["model"], 0))
    models = {name: {"runs": name, "fingerprint": None, "batch_size": size} for name, size in shapes.items()}
    return {"device": made[-1]["device"], "dtype": made[-1]["dtype"], "models": models} if made else {}
