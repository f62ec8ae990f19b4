"""What comparisons found, in words: one sentence a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cfgsweep.evidence.comparison import Comparison, Comparisons, Difference
from cfgsweep.sweep.compare_settings import EFFECTIVE_SCALE, EVALUATIONS, VALUE

EQUAL = {EFFECTIVE_SCALE: "equal effective scale", EVALUATIONS: "equal evaluations", VALUE: "equal value"}


def sentences(comparisons: Comparisons) -> Iterator[str]:
    """'apg 3 against cfg 1.955 at equal effective scale: contrast lower by 0.0044 [0.0034, 0.0055]; …'."""
    level = EQUAL.get(comparisons.matched, f"equal {comparisons.matched}")
    for one in comparisons.found:
        if one.problem or one.match is None:
            yield f"{one.cell.title}: not compared, {one.problem}"
        else:
            yield f"{one.cell.title} against {one.match.title} at {level}: {'; '.join(_clauses(one))}"


def _clauses(one: Comparison) -> Iterator[str]:
    """What differs first, then what was not shown to, then what is the same in all pairs."""
    for each in one.differences:
        if each.verdict in ("higher", "lower"):
            yield f"{each.metric} {each.verdict} by {_amount(each)}"
    for words, verdict in (("no difference shown in", "not shown"), ("the same", "equal")):
        alike = [each.metric for each in one.differences if each.verdict == verdict]
        if alike:
            yield f"{words} {_listed(alike)}"


def _amount(each: Difference) -> str:
    low, high = sorted(map(abs, (each.found.low, each.found.high)))
    return f"{abs(each.found.mean):.4g} [{low:.4g}, {high:.4g}]"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
