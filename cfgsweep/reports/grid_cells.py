"""Several pictures in one cell of a grid: beside each other (`--inside seed`), or as their mean (`--mean seed`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.reports.grid_style import GridStyle
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.grid_shape import axis_follows
from cfgsweep.sweep.titles import TitleLabels, axes_of, varying

NOT_DONE, PAPER = "#eeeeee", "white"
GAP = 64  # of a picture's width, one part between two pictures
TOLD = 6  # values of an axis that a caption lists

LoadPicture = Callable[[Experiment], Image.Image | None]
Images = Sequence[Image.Image | None]


@dataclass(frozen=True)
class Gathering:
    """groups: the experiments of every cell, by the id of the first; None where one is left out of the sweep.

    composed: makes one picture of theirs.
    """

    groups: Mapping[str, list[Experiment | None]]
    composed: Callable[[Images], Image.Image | None]


@dataclass(frozen=True)
class Cells:
    """experiments: one for every cell, the first of those in it. hidden: the axes within cells. notes: for captions."""

    experiments: list[Experiment]
    gatherings: tuple[Gathering, ...] = ()
    hidden: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiments: Sequence[Experiment], style: GridStyle) -> Cells:
        """Raises UserError where an axis is not there, or does not vary."""
        found = cls(list(experiments))
        for flag, axis, composed in (("--mean", style.mean, mean_picture), ("--inside", style.inside, mosaic)):
            if axis is not None:
                found = found._with(axis, flag, composed, style.titles)
        return found

    def _with(
        self, axis: str, flag: str, composed: Callable[[Images], Image.Image | None], labels: TitleLabels
    ) -> Cells:
        """The cells of these that differ in this axis, and in those that follow it, as one."""
        fields = varying(self.experiments)
        if axis not in axes_of(self.experiments):
            raise unknown_name("axis", axis, fields or axes_of(self.experiments), flag)
        hidden = [name for name in fields if name == axis or axis_follows(self.experiments, name, axis)]
        groups = _groups(self.experiments, [name for name in fields if name not in hidden])
        if axis not in fields or max(map(len, groups)) < 2:
            raise UserError("every cell has one picture alone", where=flag, given=axis, allowed=fields)
        gathering = Gathering({group[0].id: _in_places(group, groups, axis) for group in groups}, composed)
        note = f"{'mean over' if flag == '--mean' else 'in every cell:'} {_told(self.experiments, axis, labels)}"
        firsts = [group[0] for group in groups]
        return Cells(firsts, (*self.gatherings, gathering), (*self.hidden, *hidden), (*self.notes, note))

    def members(self, experiment: Experiment) -> list[Experiment]:
        """All experiments of a cell."""
        found = [experiment]
        for gathering in reversed(self.gatherings):
            found = [one for e in found for one in gathering.groups[e.id] if one is not None]
        return found

    def picture(self, experiment: Experiment, load: LoadPicture) -> Image.Image | None:
        """What a cell shows; None where nothing in it is done."""
        return _composed(self.gatherings, experiment, load)


def _told(experiments: Sequence[Experiment], axis: str, labels: TitleLabels) -> str:
    """'seed 0, 1, …, 15'."""
    name = labels.get(axis, axis)
    found = dict.fromkeys(e.value_of(axis) for e in experiments)
    values = [labels.of(axis, value).removeprefix(f"{name} ") for value in found]
    return f"{name} {', '.join(values if len(values) <= TOLD else [*values[:2], '…', values[-1]])}"


def _composed(gatherings: Sequence[Gathering], experiment: Experiment, load: LoadPicture) -> Image.Image | None:
    if not gatherings:
        return load(experiment)
    *before, last = gatherings
    return last.composed([None if one is None else _composed(before, one, load) for one in last.groups[experiment.id]])


def _groups(experiments: Sequence[Experiment], fields: Sequence[str]) -> list[list[Experiment]]:
    """Those that agree in these fields, in the order of the first of each group."""
    found: dict[tuple[object, ...], list[Experiment]] = {}
    for e in experiments:
        found.setdefault(tuple(e.value_of(name) for name in fields), []).append(e)
    return list(found.values())


def _in_places(group: list[Experiment], groups: Sequence[list[Experiment]], axis: str) -> list[Experiment | None]:
    """The group with equal values of the axis at equal places in all cells, where no cell has other values."""
    values = dict.fromkeys(e.value_of(axis) for one in groups for e in one)
    most = max(map(len, groups))
    if len(values) > most:
        return [*group, *[None] * (most - len(group))]
    by_value = {e.value_of(axis): e for e in group}
    return [by_value.get(value) for value in values]


def mosaic(images: Images) -> Image.Image | None:
    """The pictures beside and below each other, in a nearly square table with an edge; grey where one is not done."""
    sizes = [image.size for image in images if image is not None]
    if not sizes:
        return None
    width, height = max(w for w, _ in sizes), max(h for _, h in sizes)
    columns = math.ceil(math.sqrt(len(images)))
    rows, gap = math.ceil(len(images) / columns), max(1, width // GAP)
    found = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), PAPER)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        shown = image or Image.new("RGB", (width, height), NOT_DONE)
        found.paste(shown, (gap + column * (width + gap), gap + row * (height + gap)))
    return found


def mean_picture(images: Images) -> Image.Image | None:
    """The mean of the levels from 0 to 255 (sRGB as it is, not linear light) of the pictures that are done.

    Raises UserError where they have different sizes.
    """
    done = [image for image in images if image is not None]
    sizes = {image.size for image in done}
    if len(sizes) > 1:
        given = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise UserError("pictures of different sizes have no mean", where="--mean", given=given)
    if not done:
        return None
    total = sum(np.asarray(image.convert("RGB"), np.int64) for image in done)
    return Image.fromarray(np.floor(total / len(done) + 0.5).astype(np.uint8))
