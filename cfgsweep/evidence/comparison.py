"""What guiders do beyond plain guidance of the same strength: every cell against its match, metric by metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.evidence.cells import OF_CELLS, Cell, apart, cells, names_of
from cfgsweep.evidence.copies import sharing_pictures
from cfgsweep.evidence.matching import Way, nearest, way_called
from cfgsweep.evidence.pairs import differences, partners
from cfgsweep.evidence.statistics import ENOUGH_PAIRS, LEAST_PAIRS, Paired, as_p, holm, paired, pairs_needed, signed
from cfgsweep.metrics.spec import is_of_cells, is_of_groups
from cfgsweep.reports.cells import OVER
from cfgsweep.reports.measured import measured_metrics
from cfgsweep.storage.records import FailedRecord, Record
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axes_of, axis_label
from cfgsweep.system.display import aligned, html_table
from cfgsweep.system.wording import counted

HEAD = ("cell", "against", "scales", "metric", "difference", "95% interval", "wins", "p (Holm)", "verdict")
SIGNIFICANT = 0.05  # the probability that one of the differences found is none at all


@dataclass(frozen=True)
class Difference:
    """One metric of a cell, less that of its match. p_corrected: for the number of differences (Holm)."""

    metric: str
    found: Paired
    p_corrected: float = 1.0

    @property
    def verdict(self) -> str:
        if self.found.is_equal:
            return "equal"
        if self.p_corrected >= SIGNIFICANT:
            return "not shown"
        return "higher" if self.found.mean > 0 else "lower"

    def as_json(self) -> dict[str, Any]:
        return {"metric": self.metric, **asdict(self.found), "p_corrected": self.p_corrected, "verdict": self.verdict}


@dataclass(frozen=True)
class Comparison:
    """A cell and its match. problem: why they are not compared, or empty. is_far: whether the match is no match.

    pairs: of pictures. distinct: how many observations they are at most, those with a picture in common being one.
    partnered: how many pictures of the cell have a partner. few: of the metrics of which there are too few pairs, how
    many there are.
    """

    cell: Cell
    match: Cell | None
    problem: str = ""
    differences: Sequence[Difference] = field(default_factory=list)
    is_far: bool = False
    pairs: int = 0
    distinct: int = 0
    partnered: int = 0
    few: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, cell: Cell, match: Cell, metrics: Sequence[str], pairs: Sequence[str], too_few: str) -> Comparison:
        """By these metrics. pairs: what makes a pair. too_few: the problem where no metric has enough pairs."""
        found = list(partners(cell, match))
        numbers = {name: differences(name, found, pairs) for name in metrics}
        shown = [Difference(name, one) for name, each in numbers.items() if (one := paired(each)) is not None]
        few = {name: len(each) for name, each in numbers.items() if len(each) < LEAST_PAIRS}
        distinct = len(set(sharing_pictures([one.pixels for one in found])))
        partnered = len({one.own.id for one in found})
        problem = "" if shown else too_few
        return cls(cell, match, problem, shown, pairs=len(found), distinct=distinct, partnered=partnered, few=few)

    def as_json(self) -> dict[str, Any]:
        return {
            "cell": self.cell.title,
            "effective_scale": self.cell.effective_scale,
            "against": self.match.title if self.match else None,
            "effective_scale_of_match": self.match.effective_scale if self.match else None,
            "problem": self.problem or None,
            "pairs": self.pairs,
            "distinct": self.distinct,
            "too_few_pairs": dict(self.few),
            "differences": [one.as_json() for one in self.differences],
        }


@dataclass(frozen=True)
class Comparisons:
    """Every other cell against the baseline's cell that matches it best.

    over: the setting in which they differ. baseline: its value in the cells that the others are compared with.
    matched: what is equal. pairs: the settings that two pictures of a pair have in common. advice: the last line.
    failed: how many pictures failed, which are in no comparison.
    """

    baseline: str
    matched: str
    found: Sequence[Comparison]
    over: str = "guider"
    pairs: Sequence[str] = OVER
    advice: str = ""
    failed: int = 0

    @classmethod
    def of(
        cls,
        experiments: Sequence[Experiment],
        records: Mapping[str, Record],
        baseline: str | None,
        matched: str,
        metrics: Sequence[str] = (),
        over: str = "guider",
        pairs: Sequence[str] = OVER,
    ) -> Comparisons:
        """baseline: the first value of the setting if None. metrics: those to compare; all that were measured if empty.

        Raises UserError where one is not there.
        """
        _check(over, [name for name in axes_of(experiments) if name in OF_CELLS or name not in AXES])
        check_pairs(pairs, experiments)
        names, all_cells = metrics_to_compare(records, metrics, matched), _cells(experiments, records, over)
        if baseline is None:
            baseline = names_of(all_cells[0], over)[-1]
        own, others = apart(all_cells, over, baseline)
        way = way_called(matched, measured_metrics(records.values()))
        free = way.free if over == "guider" else (over, *(name for name in way.free if name in ("value", "steps")))
        found = [_compared(cell, nearest(cell, own, way, free), way, names, pairs) for cell in others]
        return cls(baseline, matched, with_corrected_p(found), over, pairs, failed=failures(experiments, records))

    def as_json(self) -> dict[str, Any]:
        comparisons = [one.as_json() for one in self.found]
        settings = {"over": self.over, "baseline": self.baseline, "matched": self.matched, "paired": list(self.pairs)}
        return {**settings, "comparisons": comparisons}

    def lines(self) -> list[str]:
        """A table of the differences, what it cannot show, and the cells that were not compared."""
        rows = [row for one in self.found for row in _rows(one)]
        table = aligned([HEAD, *rows]) if rows else []
        return [*table, *self._notes(), *self._problems()]

    def _problems(self) -> Iterator[str]:
        if self.failed:
            yield f"{counted(self.failed, 'picture')} of this run failed, and can be in no comparison"
        yield from (f"{one.cell.title}: {one.problem}" for one in self.found if one.problem)
        if self.advice:
            yield self.advice

    def _notes(self) -> Iterator[str]:
        least = self.least_pairs_to_show
        if few := sum(each.found.pairs < least for each in self._tested if each.verdict == "not shown"):
            cannot = "too few pairs to be shown, however large, while the others are as they are"
            needed = f"it takes {least} or more, of more seeds, labels or prompts"
            yield f"{counted(few, 'difference', ('has', 'have'))} {cannot}: {needed}"
        if any(each.found.pairs < ENOUGH_PAIRS for each in self._tested):
            share = "of normally distributed differences, 72% of those of 3 pairs have the true mean in them, 90% of 10"
            yield f"intervals of fewer than {ENOUGH_PAIRS} pairs are too narrow: {share}"
        yield from self._left_out()
        for one in self.found:
            if one.distinct < one.pairs:
                counts = f"its {counted(one.pairs, 'pair')} of pictures count as {one.distinct} at most"
                yield f"{one.cell.title}: {counts}, since those with a picture in common count as one"
        yield from self._alone()

    @property
    def _tested(self) -> list[Difference]:
        """The differences whose p values are corrected for their number."""
        return [each for one in self.found for each in one.differences if not each.found.is_equal]

    @property
    def least_pairs_to_show(self) -> int:
        """How many pairs a difference needs at least to be shown, however large it is, the others being as they are.

        What is shown is not corrected for (Holm), so that it is fewer beside others that are shown.
        """
        unshown = sum(each.verdict == "not shown" for each in self._tested)
        return pairs_needed(max(1, unshown), SIGNIFICANT)

    def _left_out(self) -> Iterator[str]:
        """Which metrics are not compared in cells where others are, and why."""
        compared = [one for one in self.found if not one.problem]
        for metric in dict.fromkeys(name for one in compared for name in one.few):
            counts = [one.few[metric] for one in compared if metric in one.few]
            where = "" if len(counts) == len(compared) else f" in {len(counts)} of {len(compared)} cells"
            pairs = f"{counted(max(counts), 'pair')} where {LEAST_PAIRS} are needed"
            yield f"{metric}: not compared{where}, {pairs}{_of_several(metric)}"

    @property
    def far_match(self) -> Cell | None:
        """A cell of the baseline that is the nearest of a guider's cell, and not near enough; None if all are."""
        far = (one.match for one in self.found if one.is_far and self.over == "guider")
        return next(far, None)

    def _alone(self) -> Iterator[str]:
        """Which cells have pictures without a partner, as where a folder has controls of several sweeps."""
        for one in self.found:
            count = len(one.cell.records)
            if one.match is not None and not one.problem and one.partnered < count:
                have = f"{one.partnered} of {counted(count, 'picture', ('has', 'have'))}"
                yield f"{one.cell.title}: {have} a partner in {one.match.title}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table([row for one in self.found for row in _rows(one)], head=HEAD)


def with_corrected_p(found: Sequence[Comparison]) -> list[Comparison]:
    """With the p values of all differences that are not equal in every pair corrected for their number."""
    differences = [one for comparison in found for one in comparison.differences if not one.found.is_equal]
    corrected = dict(zip(map(id, differences), holm([one.found.p for one in differences]), strict=True))
    return [
        replace(one, differences=[replace(each, p_corrected=corrected.get(id(each), 1.0)) for each in one.differences])
        for one in found
    ]


def failures(experiments: Sequence[Experiment], records: Mapping[str, Record]) -> int:
    """How many pictures failed."""
    return sum(isinstance(records.get(e.id), FailedRecord) for e in experiments)


def chosen_metrics(records: Mapping[str, Record], metrics: Sequence[str]) -> list[str]:
    """These metrics, or all that were measured if there are none. Raises UserError where one was not measured."""
    measured = measured_metrics(records.values())
    if not measured:
        raise UserError("this run measured nothing", where="compare", hint="give the sweep `metrics`, and run it again")
    for name in metrics:
        if name not in measured:
            raise unknown_name("metric of this run", name, measured, "--metric")
    return list(metrics or measured)


def metrics_to_compare(records: Mapping[str, Record], metrics: Sequence[str], matched: str) -> list[str]:
    """These metrics, or all, without the one that is matched, which is equal by choice.

    Raises UserError where one was not measured, or there is none but the matched one.
    """
    names = [name for name in chosen_metrics(records, metrics) if name != matched]
    if matched in metrics or not names:
        problem, hint = "the metric that is matched is equal by choice", "compare another one"
        raise UserError(problem, where="--metric" if metrics else "--matched", given=matched, hint=hint)
    return names


def _cells(experiments: Sequence[Experiment], records: Mapping[str, Record], over: str) -> list[Cell]:
    """The cells; of a variable of prompts, whose titles have it."""
    if over in AXES:
        return cells(experiments, records)
    found = cells(experiments, records, over)
    labels = [axis_label(over, one.example.value_of(over)) for one in found]
    return [
        replace(one, title=f"{one.title}, {label}", curve=f"{one.curve}, {label}")
        for one, label in zip(found, labels, strict=True)
    ]


def _check(over: str, known: Sequence[str]) -> None:
    """Raises UserError where that is none of the settings that can be compared."""
    if over not in known:
        raise unknown_name("setting to compare over", over, known, "--over")


def check_pairs(pairs: Sequence[str], experiments: Sequence[Experiment]) -> None:
    """Raises UserError where one makes no pair, or all pictures have them in common, and others tell them apart."""
    for name in pairs:
        if name not in OVER:
            raise unknown_name("setting of a pair", name, OVER, "--paired")
    varied = [name for name in OVER if len({getattr(e, name) for e in experiments}) > 1]
    if varied and not set(pairs) & set(varied):
        problem = f"all pictures of this run have the same {' and '.join(pairs)}"
        raise UserError(problem, where="--paired", given=",".join(pairs), allowed=varied)


def _compared(cell: Cell, match: Cell | None, way: Way, metrics: Sequence[str], pairs: Sequence[str]) -> Comparison:
    if match is None:
        has_number = way.number(cell) is not None
        return Comparison(
            cell, None, "the baseline has no cell with its other settings" if has_number else way.undefined
        )
    if not way.is_match(cell, match):
        problem = f"nothing is {way.told}, {way.number(cell):.4g}: its nearest is {match.title}"
        return Comparison(cell, match, problem, is_far=True)
    too_few = f"fewer than {LEAST_PAIRS} independent pairs with the same {', '.join(pairs)} that were measured"
    return Comparison.of(cell, match, metrics, pairs, too_few)


def _rows(one: Comparison) -> Iterator[tuple[str, ...]]:
    """One row for each metric; the first has what is compared."""
    for number, each in enumerate(one.differences):
        assert one.match is not None
        compared = (one.cell.title, one.match.title, f"{_scale(one.cell)} / {_scale(one.match)}")
        found = each.found
        yield (
            *(compared if number == 0 else ("", "", "")),
            each.metric,
            signed(found.mean),
            f"[{signed(found.low)}, {signed(found.high)}]",
            f"{found.wins:.0%} of {found.pairs}",
            as_p(each.p_corrected),
            each.verdict,
        )


def _of_several(metric: str) -> str:
    if is_of_cells(metric):
        return "; it is one number of all pictures of a cell"
    return "; it is one number of all seeds together" if is_of_groups(metric) else ""


def _scale(cell: Cell) -> str:
    return "-" if cell.effective_scale is None else f"{cell.effective_scale:.3g}"
