"""What people prefer: win rates, Bradley-Terry strengths, and how far each person's answers can be relied on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.evidence.bradley_terry import Strength, strengths
from cfgsweep.evidence.comparison import SIGNIFICANT
from cfgsweep.evidence.ratings import Rating, Sheet, read_sheets
from cfgsweep.evidence.statistics import LEAST_PAIRS, Paired, as_p, holm, paired, wilson
from cfgsweep.storage.rating_files import RatedCell
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.display import aligned, html_table

OVER = ("guider", "cell")
HEAD = ("preferred", "to", "wins", "95% interval", "p (Holm)", "verdict")


@dataclass(frozen=True)
class Preference:
    """How often one item was preferred to another. found: of the shares of its pairs of pictures, from -1 to 1."""

    item: str
    against: str
    pairs: int
    found: Paired | None
    p_corrected: float = 1.0

    @property
    def verdict(self) -> str:
        if self.found is None:
            return f"fewer than {LEAST_PAIRS} pairs"
        if self.p_corrected >= SIGNIFICANT:
            return "not shown"
        return "preferred" if self.found.mean > 0 else "not preferred"


@dataclass(frozen=True)
class RaterCheck:
    """How one person answered. same: of the pairs that were shown again. left: of the answers that are no tie."""

    rater: str
    answers: int
    pairs: int
    ties: int
    same: int
    repeated: int
    left: int
    left_low: float
    left_high: float

    @classmethod
    def of(cls, sheet: Sheet) -> RaterCheck:
        sides, (same, repeated) = sheet.sides(), sheet.repeated()
        decided = sides["left"] + sides["right"]
        low, high = wilson(sides["left"] / decided, decided) if decided else (0.0, 1.0)
        name = sheet.answers.rater or sheet.file.name
        return cls(name, sides.total(), len(sheet.key.pairs), sides["tie"], same, repeated, sides["left"], low, high)

    @property
    def is_biased(self) -> bool:
        """Whether one side is chosen more often than chance would."""
        return not self.left_low <= 0.5 <= self.left_high

    def row(self) -> tuple[str, ...]:
        decided = self.answers - self.ties
        interval = f" [{self.left_low:.0%}, {self.left_high:.0%}]" if decided else ""
        return (
            self.rater,
            f"{self.answers} of {self.pairs}",
            str(self.ties),
            f"{self.same} of {self.repeated}" if self.repeated else "-",
            f"{self.left} of {decided}{interval}" + (" one side more often than chance" if self.is_biased else ""),
        )


@dataclass(frozen=True)
class Rated:
    """What people preferred. items: the names that the numbers of strengths mean."""

    over: str
    items: Sequence[str]
    preferences: Sequence[Preference]
    strengths: Sequence[Strength]
    raters: Sequence[RaterCheck] = field(default_factory=list)

    @classmethod
    def of(cls, run: RunFolder, files: Sequence[Path], over: str | None = None) -> Rated:
        """over: guider takes all cells of a guider together, as None does where all were compared with a baseline; cell
        takes each by itself. Raises UserError where a file cannot be used.
        """
        sheets = read_sheets(run, files)
        if over is not None and over not in OVER:
            raise UserError("not a way to put answers together", where="--over", given=over, allowed=OVER)
        over = over or ("guider" if all(sheet.key.baseline is not None for sheet in sheets) else "cell")
        of_pictures: dict[tuple[str, str, frozenset[str]], list[float]] = {}
        baselines: set[str] = set()
        for rating in (rating for sheet in sheets for rating in sheet.ratings()):
            one, other = _names(rating, over)
            if one != other:
                of_pictures.setdefault((one, other, rating.pictures), []).append(rating.wins)
            baselines |= {_name(cell, over) for cell in rating.cells if cell.is_baseline}
        if not of_pictures:
            raise UserError("all answers are about cells of one guider", where="--over", given=over, allowed="cell")
        items = list(dict.fromkeys(name for one, other, _ in of_pictures for name in (other, one)))
        shares = {key: fmean(wins) for key, wins in of_pictures.items()}
        compared = [(items.index(one), items.index(other)) for one, other, _ in shares]
        reference = [items.index(name) for name in items if name in baselines]
        found = strengths(compared, list(shares.values()), len(items), reference)
        return cls(over, items, _preferences(shares), found, [RaterCheck.of(sheet) for sheet in sheets])

    def as_json(self) -> dict[str, Any]:
        return {
            "over": self.over,
            "preferences": [
                {
                    "item": one.item,
                    "against": one.against,
                    "pairs": one.pairs,
                    **(asdict(one.found) if one.found else {}),
                    "p_corrected": one.p_corrected,
                    "verdict": one.verdict,
                }
                for one in self.preferences
            ],
            "strengths": [{**asdict(one), "item": self.items[one.item]} for one in self.strengths],
            "raters": [asdict(one) for one in self.raters],
        }

    def lines(self) -> list[str]:
        """Three tables: preferences, strengths, raters."""
        several = len({one.group for one in self.strengths}) > 1
        head = ("strength", "of", "95% interval", *(["group"] if several else []))
        rows = [
            (f"{s.strength:+.2f}", self.items[s.item], s.interval(), *([str(s.group)] * several))
            for s in sorted(self.strengths, key=lambda one: (one.group, -one.strength))
        ]
        note = ["strengths of different groups cannot be compared: no answers connect them"] if several else []
        raters = [("rater", "answers", "ties", "same again", "left"), *(one.row() for one in self.raters)]
        return [*aligned([HEAD, *self._rows()]), "", *aligned([head, *rows]), *note, "", *aligned(raters)]

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for one in self.preferences:
            found = one.found
            shares = (
                (f"{found.wins:.0%} of {one.pairs}", f"[{found.wins_low:.0%}, {found.wins_high:.0%}]") if found else ()
            )
            p = as_p(one.p_corrected) if found else "-"
            yield one.item, one.against, *(shares or ("-", "-")), p, one.verdict

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(list(self._rows()), head=HEAD)


def _names(rating: Rating, over: str) -> tuple[str, str]:
    one, other = (_name(cell, over) for cell in rating.cells)
    return one, other


def _name(cell: RatedCell, over: str) -> str:
    return cell.guider if over == "guider" else cell.name


def _preferences(shares: dict[tuple[str, str, frozenset[str]], float]) -> list[Preference]:
    """Of every two items that were compared, with p values corrected for their number."""
    scores: dict[tuple[str, str], list[float]] = {}
    for (one, other, _), share in shares.items():
        scores.setdefault((one, other), []).append(2 * share - 1)
    found = {two: paired(each) for two, each in scores.items()}
    tested = [two for two, each in found.items() if each is not None]
    corrected = dict(zip(tested, holm([each.p for each in found.values() if each is not None]), strict=True))
    return [
        Preference(one, other, len(scores[one, other]), each, corrected.get((one, other), 1.0))
        for (one, other), each in found.items()
    ]
