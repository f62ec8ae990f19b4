"""Which cells of a run a rater compares, and in which pairs of pictures."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.evidence.cells import Cell, Pair, apart, cells, value_of
from cfgsweep.evidence.copies import sharing_pictures
from cfgsweep.evidence.matching import match_of
from cfgsweep.evidence.pairs import partners
from cfgsweep.reports.cells import OVER
from cfgsweep.storage.rating_files import RatedCell
from cfgsweep.storage.records import Record
from cfgsweep.sweep.experiment import Experiment


@dataclass(frozen=True)
class Choice:
    """Two cells by their numbers, and the two pictures to compare by their ids, with the seed, label and prompt.

    pair: without the seed of a fork or a U-turn that one of the two pictures does not have. observation: a number that
    choices have in common whose answers are not independent, as those of forks of one seed.
    """

    cells: tuple[int, int]
    pair: Pair
    pictures: tuple[str, str]
    observation: int

    @property
    def condition(self) -> Pair:
        """The label and the prompt."""
        return tuple(value for name, value in zip(OVER, self.pair, strict=True) if name != "seed")

    @property
    def text(self) -> str:
        """What the pictures were made for, as a rater is told."""
        told = {name: value for name, value in zip(OVER, self.pair, strict=True) if value is not None}
        return str(told["prompt"]) if "prompt" in told else f"label {told['label']}" if "label" in told else ""


@dataclass(frozen=True)
class Contest:
    """The cells of a page, and which of them, by number, are compared. baseline: None where they were named."""

    cells: Sequence[Cell]
    names: Sequence[str]
    compared: Sequence[tuple[int, int]]
    baseline: str | None
    matched: str | None

    @classmethod
    def matched_to(
        cls, experiments: Sequence[Experiment], records: Mapping[str, Record], baseline: str, matched: str
    ) -> Contest:
        """Every cell of another guider, against the cell of the baseline that matches it."""
        found = cells(experiments, records)
        own, others = apart(found, "guider", baseline)
        matches = [(cell, match_of(cell, own, matched)) for cell in others]
        place = {id(cell): number for number, cell in enumerate(found)}
        compared = [(place[id(cell)], place[id(match)]) for cell, match in matches if match is not None]
        if not compared:
            hint = "`cfgsweep compare` says what is missing; --matched value takes cells of the same value"
            raise UserError("no cell has a match in the baseline", where="--baseline", given=baseline, hint=hint)
        return cls(found, [cell.title for cell in found], compared, baseline, matched)

    @classmethod
    def among(cls, experiments: Sequence[Experiment], records: Mapping[str, Record], chosen: Sequence[str]) -> Contest:
        """Each of the chosen cells against each other one."""
        found = cells(experiments, records)
        names = [cell.title for cell in found]
        for name in chosen:
            if name not in names:
                raise unknown_name("cell of this run", name, names, "--cell")
        numbers = [names.index(name) for name in dict.fromkeys(chosen)]
        if len(numbers) < 2:
            raise UserError("one cell alone", where="--cell", given=list(chosen), allowed="two or more of them")
        return cls(found, names, list(itertools.combinations(numbers, 2)), None, None)

    def choices(self, two: tuple[int, int]) -> list[Choice]:
        """The pairs of pictures of two cells that are not equal."""
        found = [one for one in partners(*map(self.cells.__getitem__, two)) if len(set(one.pixels)) == 2]
        seeds = [repr([value_of(one.pair, name) for name in OVER]) for one in found]
        observations = sharing_pictures([(*one.pixels, seed) for one, seed in zip(found, seeds, strict=True)])
        return [
            Choice(two, one.pair, (one.own.id, one.other.id), observation)
            for one, observation in zip(found, observations, strict=True)
        ]

    def told(self, number: int) -> RatedCell:
        """A cell as keys have it."""
        guider = self.cells[number].example.guider.title()
        return RatedCell(name=self.names[number], guider=guider, is_baseline=guider == self.baseline)
