"""Chooses the pairs of pictures that a rater sees: balanced over cells and prompts, random in order and sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from random import Random

from cfgsweep.errors import UserError
from cfgsweep.evidence.rating_contest import Choice, Contest
from cfgsweep.storage.rating_files import RatedPair, RatingKey

MOST_PAIRS = 2000
REPEATED = 10  # one of so many pairs of a page is an earlier one again


@dataclass(frozen=True)
class Shown:
    """A pair on the page. is_swapped: whether the second of its cells is on the left. repeats: an earlier one."""

    choice: Choice
    is_swapped: bool
    repeats: Shown | None = None


def pairs_to_show(contest: Contest, pairs: int, seed: int) -> list[Shown]:
    """So many pairs in the order of the page, or fewer where the run has no more.

    One in REPEATED is one of the first half again, with its sides swapped, in the second half.
    Raises UserError where no two pictures can be compared.
    """
    if not 2 <= pairs <= MOST_PAIRS:
        raise UserError("not a number of pairs", where="--pairs", given=pairs, allowed=f"2 to {MOST_PAIRS}")
    random = Random(seed)
    chosen = _balanced(contest, pairs - pairs // REPEATED, random)
    if not chosen:
        hint = "they need pictures that differ, of the same prompt or label and the same seed"
        raise UserError("no two pictures can be compared", where="rate", hint=hint)
    shown = _sided(chosen, random)
    random.shuffle(shown)
    middle = len(shown) // 2
    again = random.sample(shown[:middle], min(middle, len(shown) // (REPEATED - 1)))
    later = [*shown[middle:], *(Shown(one.choice, not one.is_swapped, one) for one in again)]
    random.shuffle(later)
    return [*shown[:middle], *later]


def _balanced(contest: Contest, count: int, random: Random) -> list[Choice]:
    """The comparison used least goes next, with that of its pairs whose prompt, and whose seed, is used least.

    Of pairs whose answers would not be independent one is taken.
    """
    left = {two: contest.choices(two) for two in contest.compared}
    for choices in left.values():
        random.shuffle(choices)
    used: Counter[object] = Counter()
    found: list[Choice] = []
    while len(found) < count and any(left.values()):
        two = min((two for two in left if left[two]), key=lambda two: used[two])
        choice = min(left[two], key=lambda one: (used[two, one.condition], used[one.condition], used[one.pair]))
        left[two] = [one for one in left[two] if one.observation != choice.observation]
        used.update([two, (two, choice.condition), choice.condition, choice.pair])
        found.append(choice)
    return found


def _sided(chosen: list[Choice], random: Random) -> list[Shown]:
    """Of each comparison, every cell is on either side equally often, or once more."""
    swaps: dict[tuple[int, int], list[bool]] = {}
    for choice in chosen:
        swaps.setdefault(choice.cells, []).append(False)
    for two, sides in swaps.items():
        first = random.random() < 0.5
        swaps[two] = [first ^ bool(number % 2) for number in range(len(sides))]
        random.shuffle(swaps[two])
    return [Shown(choice, swaps[choice.cells].pop()) for choice in chosen]


def key_of(contest: Contest, shown: list[Shown], seed: int, question: str) -> RatingKey:
    """What the page shows, with ids that tell nothing: hashes of the whole key."""
    used = sorted({number for one in shown for number in one.choice.cells})
    numbers = {number: place for place, number in enumerate(used)}
    nameless = [_rated(one, numbers) for one in shown]
    key = RatingKey(
        page="0" * 16,
        question=question,
        seed=seed,
        baseline=contest.baseline,
        matched=contest.matched,
        cells=[contest.told(number) for number in used],
        pairs=nameless,
    )
    text = "\n".join([key.model_dump_json(), *(str(one.repeats is not None) for one in shown)])
    page = hashlib.sha256(text.encode()).hexdigest()[:16]
    ids = {id(one): hashlib.sha256(f"{page} {place}".encode()).hexdigest()[:8] for place, one in enumerate(shown)}
    named = [
        pair.model_copy(update={"id": ids[id(one)], "repeats": ids[id(one.repeats)] if one.repeats else None})
        for one, pair in zip(shown, nameless, strict=True)
    ]
    return key.model_copy(update={"page": page, "pairs": named})


def _rated(shown: Shown, numbers: dict[int, int]) -> RatedPair:
    choice, order = shown.choice, -1 if shown.is_swapped else 1
    (left, right), (left_picture, right_picture) = choice.cells[::order], choice.pictures[::order]
    return RatedPair(
        id="0" * 8,
        left=numbers[left],
        right=numbers[right],
        left_picture=left_picture,
        right_picture=right_picture,
    )
