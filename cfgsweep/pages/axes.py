"""The axes of a page: in which the cells of a run differ, and each cell's value of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.sweep.exclude_entries import entry_values
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.grid_shape import follows
from cfgsweep.sweep.titles import TitleLabels, by_itself, varying


@dataclass(frozen=True)
class PageAxis:
    """An axis with its distinct values. codes: of every cell, the number of its value.

    numbers: the values as numbers; None of one that is none. entries: by places in `values`, what names the value in
    an entry of `exclude`. follows: another axis whose value decides that of this one.
    """

    name: str
    values: list[Any]
    numbers: list[float | None]
    codes: list[int]
    entries: dict[int, Any]
    follows: str | None = None

    def as_json(self, labels: TitleLabels) -> dict[str, Any]:
        label = labels.get(self.name, self.name.replace("_", " "))
        titles = [labels.of(self.name, value) for value in self.values]
        texts = [title.removeprefix(f"{labels.get(self.name, self.name)} ") for title in titles]
        entries = [{"entry": self.entries[p]} if p in self.entries else {} for p in range(len(self.values))]
        values = zip(titles, texts, self.numbers, entries, strict=True)
        return {
            "name": self.name,
            "label": label,
            **({"follows": self.follows} if self.follows else {}),
            "values": [
                {"title": title, "text": text, "number": number, **entry} for title, text, number, entry in values
            ],
        }


def page_axes(experiments: Sequence[Experiment], search: Sequence[str] = ()) -> list[PageAxis]:
    """The axes in which the experiments differ, in the order of a sweep file, their values in the order of the run.

    search: the settings that a search varies, as `guider.tnorm.start`. The values of their axes rise.
    """
    found = [_axis(name, experiments, search) for name in varying(experiments)]
    return [replace(axis, follows=_leader(axis, found)) for axis in found]


def _leader(axis: PageAxis, axes: Sequence[PageAxis]) -> str | None:
    """The axis with the fewest values that decides this one's; of two that decide each other, the first leads."""
    columns = {one.name: one.codes for one in axes}
    others = sorted((one for one in axes if one is not axis), key=lambda one: len(one.values))
    for other in others:
        leads = axes.index(axis) < axes.index(other) and follows(columns, other.name, [axis.name])
        if not leads and follows(columns, axis.name, [other.name]):
            return other.name
    return None


def _axis(name: str, experiments: Sequence[Experiment], search: Sequence[str]) -> PageAxis:
    value_of = by_itself(name)
    places: dict[Any, int] = {}
    codes = [places.setdefault(value_of(e), len(places)) for e in experiments]
    values = list(places)
    numbers = [_number(name, value, search) for value in values]
    if any(axis_searched(one) == name for one in search) and None not in numbers:
        order = sorted(range(len(values)), key=lambda place: (numbers[place], place))
        rank = {place: number for number, place in enumerate(order)}
        values, numbers, codes = [values[p] for p in order], [numbers[p] for p in order], [rank[c] for c in codes]
    is_template = name == "prompt" and any(e.template for e in experiments)  # which no entry names
    return PageAxis(name, values, numbers, codes, {} if is_template else entry_values(name, values))


def axis_searched(search: str) -> str:
    """The axis of a setting that is searched: `guider` of `guider.tnorm.start`."""
    return search.partition(".")[0]


def _number(name: str, value: Any, search: Sequence[str]) -> float | None:
    """The value as a number; of a guider or a schedule the one parameter that is searched."""
    if isinstance(value, Parameters):
        searched = [one.rpartition(".") for one in search]
        keys = [key for owner, _, key in searched if owner == f"{name}.{value.name}"]
        value = getattr(value, keys[0], None) if len(keys) == 1 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
