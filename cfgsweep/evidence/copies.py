"""Copies: what has a picture in common is no independent evidence, and counts as one observation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def sharing_pictures(found: Sequence[Iterable[str]]) -> list[int]:
    """For each set of pictures, by the hashes of their pixels or other marks of theirs, a number of its group.

    Sets that have a picture in common, also by way of other sets, are of one group: at a guidance scale of 0, for
    example, the pictures of all labels are one.
    """
    parents = list(range(len(found)))

    def root(number: int) -> int:
        while parents[number] != number:
            number = parents[number] = parents[parents[number]]
        return number

    first_with: dict[str, int] = {}
    for number, pictures in enumerate(found):
        for picture in pictures:
            parents[root(number)] = root(first_with.setdefault(picture, number))
    return [root(number) for number in range(len(found))]
