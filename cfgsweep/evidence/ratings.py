"""Answers that were saved from pages of `cfgsweep rate`: read, checked, and joined with the keys of their pages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cfgsweep.errors import UserError
from cfgsweep.storage.file_state import read_text
from cfgsweep.storage.rating_files import LONGEST_ANSWERS, Answers, RatedCell, RatedPair, RatingKey, read_key
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.input_files import unique_keys

WINS = {"left": 1.0, "right": 0.0, "tie": 0.5}  # of the left picture


@dataclass(frozen=True)
class Rating:
    """One answer. wins: 1 where the first cell is preferred, 0 where the second is, 0.5 for a tie."""

    cells: tuple[RatedCell, RatedCell]
    pictures: frozenset[str]
    wins: float


@dataclass(frozen=True)
class Sheet:
    """The answers of one person to one page."""

    answers: Answers
    key: RatingKey
    file: Path

    @property
    def pairs(self) -> list[RatedPair]:
        """Those with an answer, in the order of the page."""
        return [pair for pair in self.key.pairs if pair.id in self.answers.answers]

    def ratings(self) -> Iterable[Rating]:
        """Its answers. The second cell is the baseline's where one of both is, else the later one in the run."""
        for pair in self.pairs:
            left, right = self.key.cells[pair.left], self.key.cells[pair.right]
            wins = WINS[self.answers.answers[pair.id]]
            is_turned = left.is_baseline if left.is_baseline != right.is_baseline else pair.left > pair.right
            cells = (right, left) if is_turned else (left, right)
            yield Rating(cells, pair.pictures, 1 - wins if is_turned else wins)

    def repeated(self) -> tuple[int, int]:
        """How many of the pairs shown again, with their sides swapped, have the same answer; how many there are."""
        given = self.answers.answers
        again = [(given[pair.id], given[pair.repeats]) for pair in self.pairs if pair.repeats in given]
        return sum(WINS[now] == 1 - WINS[before] for now, before in again), len(again)

    def sides(self) -> Counter[str]:
        """How often each answer was given."""
        return Counter(self.answers.answers[pair.id] for pair in self.pairs)


def read_sheets(run: RunFolder, paths: Sequence[Path]) -> list[Sheet]:
    """The files of answers to pages of this run. Raises UserError where one is damaged, or of another run."""
    if not paths:
        raise UserError("no file of answers", where="--ratings")
    sheets = [_read(run, path) for path in paths]
    for number, sheet in enumerate(sheets):
        twin = next((other for other in sheets[:number] if _is_again(sheet.answers, other.answers)), None)
        if twin is not None:
            raise UserError(
                "the same answers twice", where=str(sheet.file), given=str(twin.file), hint="take one of both"
            )
    return sheets


def _is_again(one: Answers, other: Answers) -> bool:
    """Whether one file was saved from the same page by the same person before the other one, or is the same."""
    a, b = one.answers.items(), other.answers.items()
    return (one.page, one.rater) == (other.page, other.rater) and (a <= b or b <= a)


def _read(run: RunFolder, path: Path) -> Sheet:
    hint = "save them again by the button of the page"
    if not path.is_file():
        raise UserError("there is no such file", where=str(path), hint="the page's button saves it")
    if path.stat().st_size > LONGEST_ANSWERS:
        raise UserError("not answers of a page: too long", where=str(path))
    try:
        text = read_text(path) or ""
        answers = Answers.model_validate_json(text)
        json.loads(text, object_pairs_hook=lambda pairs: unique_keys(pairs, str(path)))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        problem = "not answers of a page, or damaged"
        raise UserError(
            f"{problem}: {place + ': ' if place else ''}{first['msg']}", where=str(path), hint=hint
        ) from None
    key = read_key(run.rating_key_file(answers.page))
    if key is None or key.page != answers.page:
        known = f"its key would be {run.rating_key_file(answers.page).relative_to(run.folder)}"
        raise UserError(f"not of a page of this run: {known}", where=str(path), given=answers.page)
    unknown = answers.answers.keys() - {pair.id for pair in key.pairs}
    if unknown:
        raise UserError("an answer to a pair that its page does not have", where=str(path), given=min(unknown))
    if not answers.answers:
        raise UserError("no answers in it", where=str(path), hint=hint)
    return Sheet(answers, key, path)
