"""What comparisons found, in words: one sentence a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cfgsweep.evidence.comparison import Comparison, Comparisons, Difference
from cfgsweep.metrics.spec import is_of_cells
from cfgsweep.sweep.compare_settings import EFFECTIVE_SCALE, EVALUATIONS, VALUE

EQUAL = {EFFECTIVE_SCALE: "equal effective scale", EVALUATIONS: "equal evaluations", VALUE: "equal value"}


def sentences(comparisons: Comparisons) -> Iterator[str]:
    """'apg 3 against cfg 1.955 at equal effective scale: contrast lower by 0.0044 [0.0034, 0.0055]; …'."""
    level = EQUAL.get(comparisons.matched, f"equal {comparisons.matched}")
    least_pairs = comparisons.least_pairs_to_show
    for one in comparisons.found:
        if one.problem or one.match is None:
            yield f"{one.cell.title}: not compared, {one.problem}"
        else:
            clauses = "; ".join(_clauses(one, least_pairs))
            yield f"{one.cell.title} against {one.match.title} at {level}: {clauses}"


def _clauses(one: Comparison, least_pairs: int) -> Iterator[str]:
    """What differs first, then what was not shown to or could not be, then what is the same in all pairs."""
    for each in one.differences:
        if each.verdict in ("higher", "lower"):
            yield f"{each.metric} {each.verdict} by {_amount(each)}"
    unshown = [each for each in one.differences if each.verdict == "not shown"]
    few = [each.metric for each in unshown if each.found.pairs < least_pairs]
    ways = (
        ("no difference shown in", [each.metric for each in unshown if each.found.pairs >= least_pairs]),
        ("too few pairs to show a difference in", few),
        ("the same", [each.metric for each in one.differences if each.verdict == "equal"]),
        ("too few pairs to compare", [name for name in one.few if not is_of_cells(name)]),
    )
    yield from (f"{words} {_listed(names)}" for words, names in ways if names)


def _amount(each: Difference) -> str:
    low, high = sorted(map(abs, (each.found.low, each.found.high)))
    return f"{abs(each.found.mean):.4g} [{low:.4g}, {high:.4g}]"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
