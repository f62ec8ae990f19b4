"""Files of blind ratings: the page, the key that says whose its pictures are, and answers that were saved from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cfgsweep.storage.drawings import put_aside
from cfgsweep.storage.file_state import read_text
from cfgsweep.system.files import make_folder, open_atomic

PAGE_BEGINS, PAGE_ENDS = "<!doctype html>", "</html>"
PAGE_MARK = '<meta name="generator" content="cfgsweep rate">'  # near the beginning
LONGEST_ANSWERS = 2**24  # bytes of a file; one of 10,000 pairs has half a MB

PageId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
PairId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Answer = Literal["left", "right", "tie"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class RatedCell(_Strict):
    """One cell of the run: its name, its guider as titles have it, and whether that is the baseline's."""

    name: str
    guider: str
    is_baseline: bool


class RatedPair(_Strict):
    """What one pair of the page shows: the numbers of its cells in the key, and the ids of its pictures.

    repeats: the earlier pair that this one shows again with its sides swapped.
    """

    id: PairId
    left: int = Field(ge=0)
    right: int = Field(ge=0)
    left_picture: str
    right_picture: str
    repeats: PairId | None = None

    @property
    def pictures(self) -> frozenset[str]:
        """Both pictures, whichever side they are on."""
        return frozenset((self.left_picture, self.right_picture))


class RatingKey(_Strict):
    """Which picture of a page is whose. baseline: None where cells were chosen by name."""

    cfgsweep_rating_key: Literal[1] = 1
    page: PageId
    question: str
    seed: int
    baseline: str | None
    matched: str | None
    cells: list[RatedCell]
    pairs: list[RatedPair]

    @model_validator(mode="after")
    def _numbers_are_of_cells(self) -> Self:
        if any(max(pair.left, pair.right) >= len(self.cells) for pair in self.pairs):
            raise ValueError("a pair of an unknown cell")
        return self


class Answers(_Strict):
    """A file that was saved from a page. answers: by the ids of pairs."""

    cfgsweep_ratings: Literal[1]
    page: PageId
    rater: str = Field(default="", max_length=100)
    answers: dict[PairId, Answer]


def is_page(path: Path) -> bool:
    """Is the file a whole page of ours?"""
    text = read_text(path) or ""
    return _is_ours(text) and text.rstrip().endswith(PAGE_ENDS)


def _is_ours(text: str) -> bool:
    return text.startswith(PAGE_BEGINS) and PAGE_MARK in text[:1000]


def read_key(path: Path) -> RatingKey | None:
    """The key in a file; None where there is none, or it is damaged."""
    try:
        return RatingKey.model_validate_json(read_text(path) or "")
    except ValidationError:
        return None


def is_key(path: Path) -> bool:
    """Is the file a whole key?"""
    return read_key(path) is not None


def is_answers(path: Path) -> bool:
    """Is the file one of answers?"""
    try:
        Answers.model_validate_json(read_text(path) or "")
    except ValidationError:
        return False
    return True


def write_page(text: str, path: Path) -> None:
    """Writes a page into a run's folder. Another file of that name is renamed first, with a notice."""
    make_folder(path.parent)
    before = read_text(path)
    if before and not _is_ours(before):
        put_aside(path, "page of ratings")
    with open_atomic(path) as file:
        file.write(text.encode())


def write_key(key: RatingKey, path: Path) -> None:
    """Writes a key, whole or not at all."""
    make_folder(path.parent)
    with open_atomic(path) as file:
        file.write((key.model_dump_json(indent=1) + "\n").encode())
